"""Arrows into parts, steps and spreads bear the number of what they point at, and the caption says on which scale."""

import pytest
from parts_worlds import study

from mechanisms.infer.sampling import pin
from mechanisms.report.labels import label_arrow, label_moderators, write_caption
from mechanisms.report.parameters import tabulate


@pytest.mark.parametrize(
    ("name", "wanted", "scale"),
    [
        ("ordinal", {"x -> y": [""], "m -> y": [""]}, "y on the logit scale"),
        ("sequential", {"x -> y": [""], "m -> y=high": ["high: "]}, "y on the logit scale"),
        ("categorical", {"x -> y": ["mid: ", "high: "], "m -> y=high": ["high: "]}, "y on the logit scale"),
        (
            "hurdle gamma",
            {"m -> any(y)": ["any: "], "x -> any(y)": ["any: "], "x -> amount(y)": ["amount: "],
             "x -> precision(y)": ["precision: "]},
            "amount(y) and precision(y) on the log scale; any(y) on the logit scale",
        ),
        ("ordered_beta", {"m -> y": [""], "x -> y": [""]}, "y on the logit scale"),
        ("normal with sigma", {"m -> y": [""], "x -> sigma(y)": ["sigma: "]}, "sigma(y) on the log scale"),
    ],
)  # fmt: skip
def test_an_arrow_bears_the_number_of_what_it_points_at(name, wanted, scale):
    plan, data, truth = study(name, n=60)
    fit = pin(plan, data, truth)
    shown = {each.address: label_arrow(each, fit, plan.design) for each in plan.expansion.coefficients}
    assert shown == {address: tuple(f"{word}0.3" for word in words) for address, words in wanted.items()}
    assert scale in write_caption(fit)
    assert {row[0] for table in tabulate(fit) for row in table.rows} == set(plan.parameters)


def test_a_moderator_of_a_part_says_which():
    plan, data, truth = study("ordered_beta", n=60)
    fit = pin(plan, data, truth)
    (bent,) = (each for each in plan.expansion.coefficients if each.moderators)
    assert label_moderators(bent, fit, plan.design) == {"m": ("0.3",)}
