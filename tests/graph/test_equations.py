"""How theories read as equations, and which loading is the marker."""

import pytest

from mechanisms.graph.expansion import expand
from mechanisms.spec.terms import parse_term
from mechanisms.spec.theory import Condition, Level, Prior, Shape

CLIENT = {"level": "client"}
TWO = (Level(name="session", within=("client",)), Level(name="client"))
SLOPE = {"varies_by": ("client",)}
DESIGN = {
    "z": CLIENT, "h": {"family": "hazard"}, "b": {"family": "poisson", "zeros": "hurdle"},
    "s": {"family": "sequential", "values": ("none", "some", "all")},
    "inertia": CLIENT | {"computed": "m(t-1) -> m"}, "wild": CLIENT | {"computed": "sigma(m)"},
    "f": {"measured_by": ("i1", "i2")},
}  # fmt: skip
TABLE = {
    "within and between": (
        "a -> y", {"a -> y": SLOPE},
        "E[y] = course(y) + (β1 + u1(client))·a(session); course(y) = α_y + β2·a(client) + u_y(client)",
    ),
    "moderated": (
        "a(t-1) -> y; z -> y", {"a(t-1) -> y": {"moderated_by": (("z",),)}},
        "E[y] = course(y) + (β1 + γ1.1·z)·a(t-1); course(y) = α_y + β2·z + u_y(client)",
    ),
    "a curve": (
        "a(whole t-1) -> y", {"a(whole t-1) -> y": {"shape": Shape(kind="quadratic")}},
        "E[y] = course(y) + β1a·a(whole t-1) + β1b·a(whole t-1)^2; course(y) = α_y + u_y(client)",
    ),
    "a spline": (
        "session -> h", {"session -> h": {"shape": Shape(kind="spline", argument=3)}},
        "cloglog(P[h]) = course(h); course(h) = α_h + β1·f(session)",
    ),
    "a condition": (
        "z -> y", {"z -> y": {"only_when": Condition(values=(("arm", ("cbt", "act")),))}},
        "E[y] = course(y) + β2·arm; course(y) = α_y + β1·z·1[arm = cbt, act] + u_y(client)",
    ),
    "a finer moderator": (
        "z -> y; a(client) -> y", {"z -> y": {"moderated_by": (("a",),)}},
        "E[y] = course(y) + (β1 + γ1.1·a)·z; course(y) = α_y + β2·a(client) + u_y(client)",
    ),
    "a spread": ("z -> sigma(y)", {}, "log(sigma(y)) = α_sigma(y) + β1·z"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_equations(leveled, name):
    arrows, options, wanted = TABLE[name]
    arm = {"arm": {"family": "bernoulli"}}
    design = {key: said for key, said in (DESIGN | arm).items() if key in f"{arrows} {options}".replace("session", "")}
    found = expand(leveled(arrows, options=options, levels=TWO, **design)).equations
    assert found[0].text.splitlines() == wanted.split("; ")


def shown(theory):
    return {str(each.effect): each.text.splitlines()[0] for each in expand(theory).equations}


def test_one_level_has_no_courses(build):
    theory = build("x -> y", moderators={"x -> y": ["w"]}, y={"family": "bernoulli"})
    assert shown(theory) == {"y": "logit(P[y]) = α_y + (β1 + γ1.1·w)·x + β2·w"}


def test_hurdles_and_steps_have_an_equation_each(leveled):
    theory = leveled("z -> b; z -> s=some; y(t-1) -> s=all", levels=TWO, **{k: DESIGN[k] for k in "zbs"})
    assert shown(theory) == {
        "any(b)": "logit(P[any(b)]) = course(any(b))",
        "amount(b)": "log(E[amount(b)]) = course(amount(b))",
        "s=some": "logit(P[s=some]) = course(s=some)",
        "s=all": "logit(P[s=all]) = course(s=all) + β4·y(t-1)",
        "y": "E[y] = course(y)",
    }


def test_a_units_own_coefficients_stand_in_the_equation(leveled):
    names = ("z", "inertia", "wild")
    theory = leveled(
        "m(t-1) -> m; 1 -> sigma(m); z -> inertia; z -> wild",
        options={"m(t-1) -> m": SLOPE, "1 -> sigma(m)": SLOPE},
        levels=TWO,
        **{name: DESIGN[name] for name in names},
    )
    equations = shown(theory)
    assert equations["m"] == "E[m] = course(m) + inertia·m(t-1)"
    assert equations["sigma(m)"] == "log(sigma(m)) = wild"
    assert equations["inertia"] == "E[inertia] = α_inertia + β2·z"


def test_latex(leveled):
    equation = expand(leveled("a_1 -> y", levels=TWO)).equations[0]
    assert equation.latex.splitlines() == [
        r"E[\text{y}] = \operatorname{course}\left(\text{y}\right) + \beta_{1} \cdot \text{a\_1}^{\text{session}} \\",
        r"\operatorname{course}\left(\text{y}\right) = \alpha_{\text{y}} + \beta_{2} \cdot \text{a\_1}^{\text{client}} + "
        r"u_{\text{y},\,\text{client}}",
    ]
    assert equation._repr_latex_().startswith(r"$$\begin{aligned}E[")
    assert str(equation) == equation.text


def test_loadings_and_their_marker(leveled):
    theory = leveled("f(t-1) -> f", levels=TWO, f=DESIGN["f"])
    assert [str(each) for each in expand(theory).loadings] == ["f -> i1   [marker]", "f -> i2"]
    assert shown(theory)["i1"] == "E[i1] = course(i1) + f"
    assert shown(theory)["i2"] == "E[i2] = course(i2) + λ_i2·f"
    moved = theory.model_copy(update={"priors": (Prior(address="f -> i2", fixed=1),)})
    assert [each.marker for each in expand(moved).loadings] == [False, True]
    unit = theory.model_copy(update={"priors": (Prior(address="sigma(f)", fixed=1),)})
    assert not any(each.marker for each in expand(unit).loadings)


def test_a_varying_loading(leveled):
    theory = leveled("z -> f; f -> i2", options={"f -> i2": SLOPE}, levels=TWO, z=CLIENT, f=DESIGN["f"])
    assert shown(theory)["i2"] == "E[i2] = course(i2) + (λ_i2 + u2(client))·f"
    assert parse_term("i2") in [each.effect for each in expand(theory).coefficients]


def test_a_symbol_means_one_coefficient_throughout(leveled):
    latent = {"measured_by": ("i1", "i2", "i3")}
    equations = shown(leveled("x -> m; m -> y; f(t-1) -> f", levels=TWO, f=latent))
    assert equations["m"] == "E[m] = course(m) + β1·x(session)"
    assert equations["y"] == "E[y] = course(y) + β3·m(session)"
    assert equations["i2"] == "E[i2] = course(i2) + λ_i2·f"
    assert equations["i3"] == "E[i3] = course(i3) + λ_i3·f"


def test_an_indicator_of_two_latents_has_two_loadings(leveled):
    both = {"measured_by": ("i1", "i2")}
    equations = shown(leveled("f(t-1) -> f; g(t-1) -> g", levels=TWO, f=both, g={"measured_by": ("i3", "i2")}))
    assert equations["i2"] == "E[i2] = course(i2) + λ_i2.f·f + λ_i2.g·g"
