"""Reports of theories with levels: parts and sds on the arrows, doubts on the page, units in a forest."""

import re

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.effects.diagnosis import Diagnosis
from mechanisms.infer.drawn import Drawn
from mechanisms.infer.explanation import Block
from mechanisms.infer.posterior import Fit
from mechanisms.infer.stated import complete
from mechanisms.infer.tree import make_tree
from mechanisms.report.answers import find_answers
from mechanisms.report.composition import compose
from mechanisms.report.doubts import find_unvarying
from mechanisms.report.numbers import show_interval
from mechanisms.report.parameters import MOST, tabulate
from mechanisms.report.plots.intervals import _arrange

TEXT = """
levels: [session, client, therapist]
time: session
variables:
  arm: {level: client, family: categorical, values: [waitlist, cbt, act]}
  alliance: {assessed: end}
  symptoms: {assessed: start}
  effort: {assessed: end}
  change: {is: symptoms - symptoms(0)}
arrows:
  arm -> alliance:
  alliance(t-1) -> symptoms: {varies_by: client}
  alliance(client) -> symptoms:
  symptoms(t-1) -> symptoms: {varies_by: client}
  symptoms(session) -> alliance:
  alliance -> effort: {varies_by: client, moderated_by: arm}
  change(t-1) -> symptoms:
questions:
  - {name: next, of: alliance(t), on: symptoms(t+1)}
  - {name: in each, of: alliance(t), on: symptoms(t+1), population: {each: client}}
"""
CLIENTS, SESSIONS = 12, 5


def scatter(plan, data, parameters, deviations, seed=1):
    """A fit whose draws scatter around stated values, so that a report has intervals and nobody waits for a sampler."""
    stated, rng, shape = complete(plan, parameters), np.random.default_rng(seed), (4, 50)

    def around(name, value):
        drawn = rng.normal(value, 0.1 * (abs(value) if name.startswith(("sd(", "sigma(")) else 1), shape)
        return np.abs(rng.normal(0, 0.1, shape)) if name.startswith("sd(") and value == 0 else drawn

    parts = {name: around(name, value) for name, value in stated.values.items()}
    matrices = {
        each.level: np.broadcast_to(stated.correlations[each.level], (*shape, *stated.correlations[each.level].shape))
        for each in plan.varying
        if each.correlated
    }
    own = {}
    for each in plan.varying:
        zero = np.zeros(data.units(each.level).n)
        values = np.stack([deviations.get((name, each.level), zero) for name in each.quantities])
        own[each.level] = values + rng.normal(0, 0.1, (*shape, *values.shape))
    tree = make_tree(plan, data, {"stated": Drawn(parts, matrices, own)})
    return Fit(plan, data, tree, (Block(plan.equations, "none", "stated"),), seed)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"client": np.repeat(range(CLIENTS), SESSIONS), "session": list(range(SESSIONS)) * CLIENTS})
    frame["therapist"] = frame.client % 3
    frame["arm"] = np.array(["waitlist", "cbt", "act"])[frame.client // 3 % 3]
    frame["alliance"], frame["symptoms"], frame["effort"] = rng.normal(size=(3, len(frame)))
    plan = mx.compile(mx.parse(TEXT))
    values = {name: 1.0 if name.startswith(("sd(", "sigma(")) else 0.2 for name in plan.parameters}
    values["sd(1 -> symptoms | therapist)"] = 0.0
    cors = {each.correlation: 0 for each in plan.varying if each.correlated}
    slopes = {("alliance(t-1) -> symptoms", "client"): np.linspace(-1, 1, CLIENTS)}
    return scatter(plan, mx.bind(plan.theory, frame), values | cors, slopes)


def shown(fitted, address):
    draws = fitted.parameters[address]
    return show_interval(draws.mean(), *np.quantile(draws, [0.025, 0.975]))


@pytest.mark.parametrize(
    ("ends", "way", "lines"),
    [
        (("alliance", "symptoms"), "client", ["between clients: {alliance(client) -> symptoms}"]),
        (
            ("alliance", "symptoms"),
            "t-1",
            ["t−1", "{alliance(t-1) -> symptoms}", "sd by client: {sd(alliance(t-1) -> symptoms | client)}"],
        ),
        (
            ("alliance", "effort"),
            "",
            [
                "within: {alliance(session) -> effort}",
                "sd by client: {sd(alliance(session) -> effort | client)}",
                "between clients: {alliance(client) -> effort}",
            ],
        ),
        (("arm", "alliance"), "", ["cbt: {arm=cbt -> alliance}", "act: {arm=act -> alliance}"]),
        (("change", "symptoms"), "t-1", ["t−1", "{change(t-1) -> symptoms}"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_numbers_stand_on_the_arrows(fitted, ends, way, lines):
    (link,) = [
        each for each in compose(fitted.plan.theory, fitted).links if each.kind == "arrow" and each.name == (*ends, way)
    ]
    wanted = [re.sub(r"\{(.+)\}", lambda found: shown(fitted, found[1]), line) for line in lines]
    assert list(link.label) == wanted


def test_a_product_stands_with_the_part_that_it_moderates(fitted):
    (link,) = [each for each in compose(fitted.plan.theory, fitted).links if each.kind == "moderation"]
    parts = {"within": "session", "between clients": "client"}
    assert list(link.label) == [
        f"{words} {arm}: {shown(fitted, f'alliance({level}) * arm={arm} -> effort')}"
        for words, level in parts.items()
        for arm in ("cbt", "act")
    ]


def test_every_parameter_has_one_row_and_few_correlations_are_shown(fitted):
    tables = {each.heading: each for each in tabulate(fitted)}
    rows = [row[0] for each in tables.values() for row in each.rows]
    assert sorted(row for row in rows if " ~ " not in row) == sorted(fitted.parameters)
    assert list(tables) == ["symptoms", "alliance", "effort", "Among clients", "Among therapists"]
    assert sum(" ~ " in row[0] for row in tables["Among clients"].rows) == MOST
    assert "The means of the other" in tables["Among clients"].note
    words = {row[0]: row[-1] for each in tables.values() for row in each.rows}
    assert words["alliance(client) -> symptoms"] == "between clients"
    assert words["alliance(t-1) -> symptoms"] == "within, 1 occasion before, varies by client"
    assert words["change(t-1) -> symptoms"] == "whole value, 1 occasion before"


def test_sds_that_may_be_zero_are_told(fitted):
    (sentence,) = find_unvarying(fitted)
    assert sentence.startswith("sd(1 -> symptoms | therapist) may be 0")
    assert sentence.endswith("these data do not show that therapists differ in it.")


@pytest.mark.parametrize(
    ("ok", "said"), [(True, "The computation can be trusted."), (False, "Do not trust the computation yet.")]
)
def test_the_first_line_of_a_page_is_the_verdict(fitted, ok, said):
    html = mx.page(fitted, diagnosis=Diagnosis(ok, ("what was found", "left out, not answered: a on b (reason)"), ()))
    first = re.search(r"<body>\s*<p[^>]*><strong>(.*?)</strong>(.*?)</p>", html, re.DOTALL)
    assert first[1] == said
    assert "What was found." in first[2]
    assert "left out" not in first[2]
    assert "Questions without an answer" in html
    assert "a on b (reason)" in html
    assert "may be 0" in html
    assert html.index("What these data hardly tell") < html.index("Path diagram")


def test_a_between_coefficient_that_is_not_estimable_is_told_once_and_not_in_the_verdict(fitted):
    html = mx.page(fitted)
    assert html.count("alliance(client) -&gt; symptoms is not estimable") == 2, "under the doubts and the diagnostics"
    assert "not estimable" not in html[: html.index("What these data hardly tell")]


def test_units_stand_sorted_in_a_forest_with_their_probabilities(fitted, tmp_path):
    effects = find_answers(fitted)[0][1]
    assert [row.unit for row in effects.rows] == [f"client={number}" for number in range(CLIENTS)]
    rows = _arrange(effects, 0.3)
    means = [float(row.effect.draws.mean()) for row in rows]
    assert means == sorted(means, reverse=True)
    assert rows[0].label == f"client {CLIENTS - 1}"
    assert [row.chance for row in rows] == [f"{np.mean(row.effect.draws > 0):.2f}" for row in rows]
    assert [row.y for row in rows] == sorted((row.y for row in rows), reverse=True)
    figure = mx.forest(effects, tmp_path / "clients.png")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "P(> 0)" in words
    assert [word for word in words if word.startswith("client ")] == [row.label for row in rows]
    (mean,) = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert mean == pytest.approx(np.mean(means))
    assert (tmp_path / "clients.png").stat().st_size > 5000


def test_a_forest_without_units_has_no_probabilities(fitted):
    words = [text.get_text() for text in mx.forest(find_answers(fitted)[0][0]).axes[0].texts]
    assert "P(> 0)" not in words
