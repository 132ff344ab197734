"""Theory → coefficients, against the published table of theories (COEFFICIENTS.txt, copied as facts)."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import computed_from, expand
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import Arrow, Condition, Shape, Theory, Variable

W = ["w"]
TABLE = {
    "baron_kenny_1986": ("x -> m -> y; x -> y", {}, "x -> m; m -> y; x -> y"),
    "process_1": ("x -> y", {"x -> y": W}, "x -> y   [x w]; w -> y   [added: moderator]"),
    "process_14": (
        "x -> m; x -> y; m -> y", {"m -> y": W}, "x -> m; x -> y; m -> y   [x w]; w -> y   [added: moderator]",
    ),
    "process_15": (
        "x -> m; x -> y; m -> y", {"m -> y": W, "x -> y": W},
        "x -> m; x -> y   [x w]; m -> y   [x w]; w -> y   [added: moderator]",
    ),
    "process_58": (
        "x -> m -> y; x -> y", {"x -> m": W, "m -> y": W},
        "x -> m   [x w]; m -> y   [x w]; x -> y; w -> m   [added: moderator]; w -> y   [added: moderator]",
    ),
    "process_59": (
        "x -> m -> y; x -> y", {"x -> m": W, "m -> y": W, "x -> y": W},
        "x -> m   [x w]; m -> y   [x w]; x -> y   [x w]; w -> m   [added: moderator]; w -> y   [added: moderator]",
    ),
    "process_6": (
        "x -> m1 -> m2 -> y; x -> m2; m1 -> y; x -> y", {}, "x -> m1; m1 -> m2; m2 -> y; x -> m2; m1 -> y; x -> y",
    ),
    "jobs": (
        "treat -> job_seek -> depress2; treat -> depress2", {"treat -> depress2": ["job_seek"]},
        "treat -> job_seek; job_seek -> depress2; treat -> depress2   [x job_seek]",
    ),
    "ryum_2009": (
        "diagnosis -> alliance -> outcome", {"alliance -> outcome": ["diagnosis"]},
        "diagnosis -> alliance; alliance -> outcome   [x diagnosis]; diagnosis -> outcome   [added: moderator]",
    ),
    "two_moderators": (
        "x -> y", {"x -> y": ["w", "z"]},
        "x -> y   [x w, z]; w -> y   [added: moderator]; z -> y   [added: moderator]",
    ),
    "three_way": (
        "x -> y", {"x -> y": ["w * z"]},
        "x -> y   [x w, z, w*z]; w -> y   [x z; added: moderator]; z -> y   [added: moderator]",
    ),
    "front_door": ("x -> m -> y; x <-> y", {}, "x -> m; m -> y; x <-> y"),
    "latent_interaction": (
        "alliance -> outcome; alliance <-> attachment", {"alliance -> outcome": ["attachment"]},
        "alliance -> outcome   [x attachment]; attachment -> outcome   [added: moderator]; alliance <-> attachment",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_published_theories(build, name):
    arrows, moderators, wanted = TABLE[name]
    assert (
        repr(expand(build(arrows, moderators=moderators))).splitlines()
        == wanted.replace("; added", "+added").replace("; ", "\n").replace("+added", "; added").splitlines()
    )


def test_without_denies_the_moderators_own_arrow(build):
    theory = build(
        "technique -> outcome", moderators={"technique -> outcome": ["alliance"]}, without=["alliance -> outcome"]
    )
    assert repr(expand(theory)) == "technique -> outcome   [x alliance]"


def test_lower_product_moves_to_the_factor_that_is_left(build):
    theory = build("x -> y", moderators={"x -> y": ["w * z"]}, without=["w -> y"])
    assert repr(expand(theory)).splitlines() == ["x -> y   [x w, z, w*z]", "z -> y   [x w; added: moderator]"]


def test_lower_product_joins_a_written_arrow_and_says_so(build):
    theory = build("x -> y; w -> y", moderators={"x -> y": ["w * z"]})
    written = expand(theory).coefficients[1]
    assert written.written
    assert written.moderators == ((Term("z"),),)
    assert written.reason == "written; w*z moderates x -> y"


def test_three_factors_bring_every_lower_product(build):
    theory = build("x -> y", moderators={"x -> y": ["a * b * c"]})
    assert repr(expand(theory)).splitlines() == [
        "x -> y   [x a, b, c, a*b, a*c, b*c, a*b*c]",
        "a -> y   [x b, c, b*c; added: moderator]",
        "b -> y   [x c; added: moderator]",
        "c -> y   [added: moderator]",
    ]


def test_reason_and_parents(build):
    expansion = expand(build("x -> y", moderators={"x -> y": ["w"]}))
    assert [str(each.cause) for each in expansion.parents("y")] == ["x", "w"]
    added = expansion.parents("y")[1]
    assert (added.written, added.reason) == (False, "added: w moderates x -> y")
    assert added.arrow is not None


def test_a_hurdle_is_reached_twice_and_curves_are_kept():
    theory = Theory(
        variables=(Variable(name="bond"), Variable(name="drinks", family="poisson", zeros="hurdle")),
        arrows=(
            Arrow(cause="bond", effect="drinks", moderated_by=(("arm",),)),
            Arrow(cause="craving", effect="amount(drinks)", shape=Shape(kind="quadratic")),
        ),
    )
    assert repr(expand(theory)).splitlines() == [
        "bond -> any(drinks)   [x arm]",
        "bond -> amount(drinks)   [x arm]",
        "craving -> amount(drinks)   [quadratic]",
        "arm -> any(drinks)   [added: moderator]",
        "arm -> amount(drinks)   [added: moderator]",
    ]
    denied = theory.model_copy(update={"without": ((Term("arm"), Term("drinks")),)})
    assert len(expand(denied).coefficients) == 3


def test_conditions_add_their_variables():
    arrow = Arrow(cause="gain", effect="y", only_when=Condition(values=(("arm", ("cbt",)),)))
    theory = Theory(variables=tuple(Variable(name=n) for n in ("arm", "gain", "y")), arrows=(arrow,))
    assert repr(expand(theory)).splitlines() == [
        "gain -> y   [only when arm is cbt]", "arm -> y   [added: only_when]",
    ]  # fmt: skip


def test_the_condition_of_a_cause_counts_unless_the_effect_shares_it():
    condition = Condition(values=(("rupture", (1.0,)),))
    variables = (Variable(name="rupture"), Variable(name="repair", only_when=condition), Variable(name="y"))
    theory = Theory(variables=variables, arrows=(Arrow(cause="repair", effect="y"),))
    assert [str(each) for each in expand(theory).coefficients] == ["repair -> y", "rupture -> y   [added: only_when]"]
    shared = theory.model_copy(update={"variables": (*variables[:2], Variable(name="y", only_when=condition))})
    assert [str(each) for each in expand(shared).coefficients] == ["repair -> y"]


def test_categories_stay_terms_and_constants_and_loadings_are_no_coefficients():
    theory = Theory(
        variables=(Variable(name="arm"), Variable(name="f", measured_by=("i1",)), Variable(name="y")),
        arrows=(
            Arrow(cause="arm=cbt", effect="y", moderated_by=(("g=b",),)),
            Arrow(cause="1", effect="y"),
            Arrow(cause="f", effect="i1"),
        ),
    )
    assert repr(expand(theory)).splitlines() == ["arm=cbt -> y   [x g=b]", "g=b -> y   [added: moderator]"]


def test_computed_from():
    assert [t.name for t in computed_from(Variable(name="g", computed="post - 0.5 * pre.x"))] == ["post", "pre.x"]
    assert computed_from(Variable(name="g", computed="session -> alliance")) == ()
    assert computed_from(Variable(name="g")) == ()


@pytest.mark.parametrize(
    ("arrows", "options", "message"),
    [
        ("x -> y; w -> y", {"moderators": {"x -> y": ["w"], "w -> y": ["x"]}}, r"x \* w -> y is said twice"),
        ("x -> y; x -> y", {}, "x -> y is said twice"),
        ("x -> y", {"moderators": {"x -> y": ["x"]}}, "does not moderate itself"),
        ("x -> y", {"without": ["m -> y"]}, "'m -> y': there is no such arrow to leave out"),
        ("x -> y", {"without": ["x -> y"]}, "it is drawn; draw it or leave it out"),
        ("x(t-1) -> y", {}, r"'x\(t-1\)': theories with levels"),
    ],
)
def test_refusals(build, arrows, options, message):
    with pytest.raises(SpecError, match=message):
        expand(build(arrows, **options))
