"""Priors on single correlations: which there are, what PyMC makes of them, and how they are said.

Agreement of the densities with the collapsed engine's is in `tests/infer/test_collapsed.py`.
"""

import numpy as np
import pandas as pd
import pytensor
import pytest
from pytensor.compile.mode import Mode
from scipy import stats

import mechanisms as mx
from mechanisms.errors import SpecError
from mechanisms.model.prior_words import print_priors
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
WORDS = """
levels: [session, client, therapist]
time: session
variables: {{a: , b: , c: , w: {{level: client}}, n: {{family: bernoulli}}, z: {{family: poisson, zeros: hurdle}}, l: {{measured_by: [i, j, k]}}}}
arrows:
  a(t-1) -> a, n, z, l:
  {arrows}
priors:
  {priors}
"""


def plan_of(arrows: str, priors: str) -> mx.Plan:
    return mx.compile(mx.parse(WORDS.format(arrows=arrows, priors=priors)))


SAID = {
    "courses": ("a(t-1) -> b:", "b(client) <-> a(client): {normal: [-0.3, 0.2]}", "a(client) <-> b(client)"),
    "courses of therapists": ("a(t-1) -> b:", "a(therapist) <-> b(therapist): {student: [4, 0, 0.2]}", "a(therapist) <-> b(therapist)"),
    "of a 0/1 course": ("a(t-1) -> b:", "a(client) <-> n(client): {normal: [0.3, 1]}", "a(client) <-> n(client)"),
    "of a latent course": ("a(t-1) -> b:", "a(client) <-> l(client): {normal: [0.3, 1]}", "a(client) <-> l(client)"),
    "drawn beside an arrow": ("a -> b:\n  a(client) <-> b(client):", "a(client) <-> b(client): {normal: [0.3, 1]}", "a(client) <-> b(client)"),
    "of indicators": ("a(t-1) -> b:\n  i(client) <-> j(client):", "i(client) <-> j(client): {normal: [0.3, 1]}", "i(client) <-> j(client)"),
    "residuals": ("a(t-1) -> b:\n  a <-> b:", "b <-> a: {normal: [0.3, 1]}", "a <-> b"),
}  # fmt: skip


@pytest.mark.parametrize("key", SAID)
def test_correlations_that_take_a_prior(key):
    arrows, priors, address = SAID[key]
    assert address in dict(plan_of(arrows, priors).priors)


AB = "a(t-1) -> b:"
REFUSED = {
    "joined": ("a -> b:", "a(client) <-> b(client): {normal: [0, 1]}", "a(client) -> b joins the two among clients, and they do not correlate besides (R8): the prior goes on a(client) -> b"),
    "fixed at 0": (AB, "a(client) <-> b(client): {fixed: 0}", "{normal: [0, 0.05]} keeps it near 0; cor(client): {fixed: 0} makes all of them 0"),
    "fixed": (AB, "a(client) <-> b(client): {fixed: 0.3}", "{normal: [0.3, 0.05]} keeps it near 0.3"),
    "residual fixed at 0": (AB + "\n  a <-> b:", "a <-> b: {fixed: 0}", "or leave a <-> b out of arrows"),
    "an edge": (AB, "a(client) <-> b(client): {beta: [1, 2]}", "a correlation takes {normal: [0.3, 0.1]} or student"),
    "says nothing": (AB, "a(client) <-> b(client): {uniform: [-1, 1]}", "a correlation takes {normal: [0.3, 0.1]} or student"),
    "beyond": (AB, "a(client) <-> b(client): {normal: [3, 1]}", "a correlation lies between -1 and 1, and normal(3, 1) has its middle beyond"),
    "bounds": (AB, "a(client) <-> b(client): {normal: [0.3, 1], above: 0}", "above and below of a correlation are not compiled yet"),
    "unit": (AB, "a(client) <-> b(client): {normal: [0.3, 1], scale: standardised}", "a correlation has no unit"),
    "equal": (AB + "\n  a(t-1) -> c:", "a(client) <-> b(client): {same_as: a(client) <-> c(client)}", "'same_as' for correlations"),
    "at": (AB + " {moderated_by: w}", "a(client) <-> b(client): {normal: [0.3, 1], at: {w: 0}}", "at belongs to priors on coefficients"),
    "all fixed": (AB, "a(client) <-> b(client): {normal: [0.3, 1]}\n  cor(client): {fixed: 0}", "cor(client) is fixed at 0, and this is one of them"),
    "twice": (AB, "a(client) <-> b(client): {normal: [0, 1]}\n  b(client) <-> a(client): {normal: [0, 1]}", "said twice"),
    "no equation": (AB, "a(client) <-> c(client): {normal: [0, 1]}", "c has no course of one number for each client: nothing varies there"),
    "no deviation": (AB + "\n  1 -> a: {varies_by: []}", "a(client) <-> b(client): {normal: [0, 1]}", "a has no course of one number for each client"),
    "two courses": (AB, "a(client) <-> z(client): {normal: [0, 1]}", "it has several, 1 -> amount(z) and 1 -> any(z)"),
    "indicators": (AB, "i(client) <-> j(client): {normal: [0, 1]}", "write i(client) <-> j(client) under arrows too"),
    "exogenous": (AB + "\n  c -> b:\n  w <-> c:", "w <-> c: {normal: [0, 1]}", "correlations that are not estimated"),
    "not drawn": (AB, "a <-> b: {normal: [0, 1]}", "Residuals correlate where a <-> b stands among the arrows"),
    "two levels": (AB, "a(client) <-> b(therapist): {normal: [0, 1]}", "courses, a(client) <-> b(client)"),
    "own level": (AB, "a(session) <-> b(session): {normal: [0, 1]}", "Residuals correlate where a <-> b stands among the arrows"),
    "a slope": (AB[:-1] + ": {varies_by: client}", "1 -> a <-> a(t-1) -> b: {normal: [0, 1]}", "other than that of two courses is not part of the language"),
}  # fmt: skip


@pytest.mark.parametrize("key", REFUSED)
def test_what_cannot_be_kept_to_is_refused(key):
    arrows, priors, words = REFUSED[key]
    with pytest.raises(SpecError) as refused:
        plan_of(arrows, priors)
    assert words in refused.value.message
    assert refused.value.place.line


HIDDEN = {
    "own level": ("a(t-1) -> b:\n  a(session) <-> b(session):", "at their own level is written a <-> b"),
    "no course": ("c(whole) -> b:\n  c(client) <-> b(client):", "c has no course for each client that is fitted"),
}


@pytest.mark.parametrize("key", HIDDEN)
def test_courses_that_are_not_fitted_do_not_share_a_cause(key):
    """Otherwise the fit would go on as if nothing were drawn."""
    arrows, words = HIDDEN[key]
    with pytest.raises(SpecError, match=words):
        plan_of(arrows, "sigma(b): {half_normal: 1}")


DIARY = """
levels: [day, person]
time: day
variables: {x: , m: , y: }
arrows:
  x(t-1) -> m, y:
  m(t-1) -> y:
  x(t-1) -> x:
  x <-> m:
  m <-> y:
priors:
  m(person) <-> y(person): {student: [3, 0.4, 0.1]}
  y(person) <-> x(person): {normal: [-0.28, 0.2]}
  y <-> m: {normal: [0.5, 0.1]}
"""
DENSITIES = {
    "x(person) <-> y(person)": stats.norm(-0.28, 0.2),
    "m(person) <-> y(person)": stats.t(3, 0.4, 0.1),
    "m <-> y": stats.norm(0.5, 0.1),
}


@pytest.fixture(scope="module")
def diary():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "person": np.repeat(range(6), 4),
            "day": np.tile(range(4), 6),
            **{name: rng.normal(size=24) for name in "xmy"},
        }
    )
    theory = mx.parse(DIARY)
    return mx.compile(theory), mx.bind(theory, frame)


def test_a_prior_multiplies_the_density_of_all_correlations(diary):
    """The model's log density with the priors, less that without, is SciPy's at the model's own correlations."""
    plan, data = diary
    bare = mx.compile(mx.parse(DIARY.partition("priors:")[0]))
    said, unsaid = to_pymc(plan, data), to_pymc(bare, data)
    wanted = said.replace_rvs_by_values([said["cor(person)"], said["m <-> y"]])
    run = pytensor.function(said.value_vars, [said.logp(), *wanted], mode=CHEAP, on_unused_input="ignore")
    other = pytensor.function(unsaid.value_vars, unsaid.logp(), mode=CHEAP, on_unused_input="ignore")
    names = [each.name for each in said.value_vars]
    assert names == [each.name for each in unsaid.value_vars]
    quantities = plan.varying[0].quantities
    at, start, rng = {f"1 -> {name}": name for name in "xmy"}, said.initial_point(), np.random.default_rng(1)
    seen = set()
    for _ in range(5):
        point = [start[name] + rng.normal(0, 0.5, np.shape(start[name])) for name in names]
        found, matrix, residual = run(*point)
        expected = DENSITIES["m <-> y"].logpdf(residual)
        for i, one in enumerate(quantities):
            for j, two in enumerate(quantities):
                address = f"{at[one]}(person) <-> {at[two]}(person)"
                if address in DENSITIES:
                    seen.add(address)
                    expected += DENSITIES[address].logpdf(matrix[i, j])
        assert found - other(*point) == pytest.approx(expected, abs=1e-8)
    assert len(seen) == 2


def test_explain_says_that_it_is_a_product(diary):
    lines = {address: (shown, where) for address, shown, where in print_priors(*diary)}
    assert lines["cor(person)"] == ("lkj(1)", "default; times the priors on single ones")
    product = "a product, not what this one is believed to be by itself"
    assert lines["x(person) <-> y(person)"] == (
        "normal(-0.28, 0.2)",
        f"the theory: normal(-0.28, 0.2); times the lkj(1) of cor(person): {product}",
    )
    assert lines["m <-> y"][1].endswith(f"; times the lkj(1) of residuals that hang together: {product}")
    assert lines["x <-> m"] == ("lkj(1)", "default, jointly with the other residuals")


def test_of_two_alone_it_is_the_prior_itself():
    """Two quantities have one correlation, of which LKJ(1) is flat."""
    text = DIARY.replace("m(person) <-> y(person): {student: [3, 0.4, 0.1]}", "x <-> y: {normal: [0.2, 0.1]}")
    text = (
        text.replace("x: , m: , y:", "x: , y:")
        .replace("x(t-1) -> m, y:", "x(t-1) -> y:")
        .replace("x <-> m:", "x <-> y:")
    )
    text = "\n".join(line for line in text.splitlines() if not {"m(t-1)", "m"} & set(line.split()) and "y <-> m" not in line and "m <-> y" not in line)  # fmt: skip
    theory = mx.parse(text)
    frame = pd.DataFrame(
        {"person": np.repeat(range(4), 3), "day": np.tile(range(3), 4), "x": range(12), "y": [0.0, 1, 3] * 4}
    )
    lines = {address: where for address, _, where in print_priors(mx.compile(theory), mx.bind(theory, frame))}
    assert lines["x(person) <-> y(person)"] == "the theory: normal(-0.28, 0.2)"
    assert lines["x <-> y"] == "the theory: normal(0.2, 0.1)"
