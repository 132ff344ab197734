"""What theories with levels claim to be independent, written from occasion t."""

import pytest
from separation import d_separated

from mechanisms.graph.graph import occasion_of
from mechanisms.graph.implications import imply
from mechanisms.graph.unrolling import unroll
from mechanisms.spec.reader import parse

HEAD = "levels: [session, client]\ntime: session\n"

# name: theory, its claims
CLAIMS = {
    "a saturated panel claims nothing": ("variables: {'x, y': }\narrows:\n  x(t-1), y(t-1) -> x, y:\n  x <-> y:\n", []),
    "one way only": (
        "variables: {'x, y': }\narrows:\n  x(t-1) -> x, y:\n  y(t-1) -> y:\n",
        ["y(t-1) _||_ x(t) | x(t-1)", "x(t) _||_ y(t) | x(t-1)"],
    ),
    "a lag of two": (
        "variables: {'x, y': }\narrows:\n  x(t-1) -> x:\n  x(t-2) -> y:\n",
        ["x(t-2) _||_ x(t) | x(t-1)", "y(t-2) _||_ x(t) | x(t-1)", "y(t-1) _||_ x(t) | x(t-1)",
         "x(t-1) _||_ y(t) | x(t-2)", "x(t) _||_ y(t) | x(t-2)", "y(t-2) _||_ y(t) | x(t-2)", "y(t-1) _||_ y(t) | x(t-2)"],
    ),
    "between clients": (
        "variables: {z: {level: client}, 'm, y': }\narrows:\n  z -> m -> y:\n",
        ["y(t-1) _||_ m(t)", "m(t-1) _||_ m(t)", "m(t-1) _||_ y(t)", "y(t-1) _||_ y(t)", "z _||_ y(client) | m(client)"],
    ),
    "the latent stands for its indicators": (
        "variables: {f: {measured_by: [i, j]}, y: }\narrows:\n  f(t-1) -> f, y:\n  y(t-1) -> y:\n",
        ["y(t-1) _||_ f(t) | f(t-1)", "f(t) _||_ y(t) | f(t-1)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_claims(name):
    text, wanted = CLAIMS[name]
    assert sorted(repr(each).removesuffix("   [exogenous]") for each in imply(parse(HEAD + text))) == sorted(wanted)


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_hold_at_every_later_occasion(name):
    """Against d-separation in a longer graph, wherever the past is complete."""
    theory = parse(HEAD + CLAIMS[name][0])
    graph = unroll(theory, 9)
    for x, y, given in imply(theory):
        for now in (4, 6, 8):
            nodes = [at(term, now) for term in (x, y, *given)]
            assert set(nodes) <= set(graph.nodes)
            assert d_separated(graph, nodes[0], nodes[1], nodes[2:]), (x, y, given, now)
            assert all(occasion_of(node) is None or occasion_of(node) <= now for node in nodes)


def at(term, now):
    name, _, inside = term.partition("(")
    if not inside.startswith("t"):
        return term
    return f"{name}({now - int(inside.removesuffix(')').partition('-')[2] or 0)})"
