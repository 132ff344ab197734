"""Addresses of parameters: kinds, canonical text, the same parameter in another order."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec.addresses import parse_address

READ = [
    ("x -> y", "coefficient", "x -> y"),
    ("x->y", "coefficient", "x -> y"),
    ("x^2 -> y", "coefficient", "x^2 -> y"),
    ("bond*arm=cbt -> y", "coefficient", "bond * arm=cbt -> y"),
    ("alliance(t-1) -> y", "coefficient", "alliance(t-1) -> y"),
    ("1 -> y", "intercept", "1 -> y"),
    ("1 -> y=v", "intercept", "1 -> y=v"),
    ("sigma(y)", "spread", "sigma(y)"),
    ("a <-> b", "residual", "a <-> b"),
    ("sd(x(session) -> y|client)", "sd", "sd(x(session) -> y | client)"),
    ("cor(client)", "cor", "cor(client)"),
    ("reliability(goals)", "reliability", "reliability(goals)"),
    ("amplitude(x(t-1)*w->y)", "amplitude", "amplitude(x(t-1) * w -> y)"),
    ("lengthscale( x -> sigma(y) )", "lengthscale", "lengthscale(x -> sigma(y))"),
    ("midpoint(x -> any(y))", "midpoint", "midpoint(x -> any(y))"),
    ("width(x -> y)", "width", "width(x -> y)"),
    ("width(client) -> sigma(y)", "coefficient", "width(client) -> sigma(y)"),
    ("width(client) <-> midpoint(client)", "residual", "width(client) <-> midpoint(client)"),
]


@pytest.mark.parametrize(("text", "kind", "canonical"), READ)
def test_read(text, kind, canonical):
    address = parse_address(text)
    assert (address.kind, str(address)) == (kind, canonical)
    assert parse_address(str(address)) == address


def test_order_of_factors_does_not_matter():
    assert parse_address("a * b -> y").key == parse_address("b * a -> y").key
    assert parse_address("a <-> b").key == parse_address("b <-> a").key
    assert parse_address("a * b -> y").key != parse_address("a * b^2 -> y").key
    assert parse_address("a -> y").key != parse_address("y -> a").key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x -> m -> y", "a prior goes on one arrow, x -> m or m -> y; `mx.simulate` shows what your priors imply"),
        ("x, w -> y", "write each by itself, beginning with x -> y"),
        ("x", "is not the address of a parameter"),
        ("x * x -> y", "the square is written x^2"),
        ("1 * x -> y", "1 stands alone"),
        ("x^y -> y", "'y' is not a power"),
        ("a <-> a", "two different sides; a spread is sigma(a)"),
        ("sd(x -> y)", "write sd(x -> y | level)"),
        ("sd(sigma(y) | client)", "what varies is an arrow or an intercept"),
        ("cor()", "write cor(level)"),
        ("width(1 -> y)", "a curve belongs to an arrow; write width(x -> y)"),
        ("-> y", "is not a name"),
        ("", "is not a name"),
    ],
)
def test_refused(text, message):
    with pytest.raises(SpecError) as refused:
        parse_address(text)
    assert message in refused.value.message
