"""The templates stand for the equations that their names promise, and their effects are Hayes's, at any moderator."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_worlds import noise, values

import mechanisms as mx
from mechanisms.infer.simulation import simulate_theory
from mechanisms.spec import levels, priors, questions, variables
from mechanisms.spec.drawing import ARROW_READERS
from mechanisms.spec.library import load, names
from mechanisms.spec.reader import PARTS, WORDS
from mechanisms.spec.theory import FAMILIES, LINKS, SHAPES

SKELETON = Path(__file__).parents[1] / "models" / "_skeleton.yaml"

# What stands on the right of each equation of PROCESS's models, besides the intercept (Hayes 2018).
MODELS = {
    "process_1": {"y": "x, w, x*w"},
    "process_4": {"m": "x", "y": "x, m"},
    "process_5": {"m": "x", "y": "x, m, w, x*w"},
    "process_6": {"m1": "x", "m2": "x, m1", "y": "x, m1, m2"},
    "process_7": {"m": "x, w, x*w", "y": "x, m"},
    "process_8": {"m": "x, w, x*w", "y": "x, m, w, x*w"},
    "process_14": {"m": "x", "y": "x, m, w, m*w"},
    "process_15": {"m": "x", "y": "x, m, w, x*w, m*w"},
    "process_58": {"m": "x, w, x*w", "y": "x, m, w, m*w"},
    "process_59": {"m": "x, w, x*w", "y": "x, m, w, x*w, m*w"},
}
MODERATED = [name for name, equations in MODELS.items() if "w" in equations["y"] + equations.get("m", "")]
NUMBERS = {
    "x -> m": 0.4, "w -> m": -0.7, "x * w -> m": 0.3, "m -> y": 0.9, "w -> y": 0.25, "m * w -> y": -0.6, "x -> y": 0.15,
    "x * w -> y": 0.35, "x -> m1": 0.4, "x -> m2": 0.2, "m1 -> m2": 0.7, "m1 -> y": -0.5, "m2 -> y": 0.8,
}  # fmt: skip
PLACES = (-1.5, 0.0, 2.0)
Get = Callable[[str], float | np.ndarray]


def first_stage(of: Get, w: float) -> float | np.ndarray:
    return of("x -> m") + of("x * w -> m") * w


def second_stage(of: Get, w: float) -> float | np.ndarray:
    return of("m -> y") + of("m * w -> y") * w


def direct(of: Get, w: float) -> float | np.ndarray:
    return of("x -> y") + of("x * w -> y") * w


def finder(numbers: dict) -> Get:
    """A coefficient by its address, whichever way round its product was written; 0 where the model has none."""

    def find(address: str) -> float | np.ndarray:
        causes, _, effect = address.partition(" -> ")
        turned = " * ".join(reversed(causes.split(" * ")))
        return numbers.get(address, numbers.get(f"{turned} -> {effect}", 0.0))

    return find


def rows_of(effects) -> dict:
    """Each row's draws by its label, without the moderator's value."""
    return {row.label.partition(" [")[0]: row.draws for row in effects.rows}


def frame_for(name: str) -> pd.DataFrame:
    return noise(60, *mx.load(name).names)


def pinned(name: str):
    """A one-draw fit of a template, and its numbers by address."""
    theory = mx.load(name)
    plan = mx.compile(theory)
    of, numbers = finder(NUMBERS), {}
    for equation in plan.equations:
        numbers |= {each: 0.5 if each.startswith("1 -> ") else of(each) for each in equation.addresses}
        numbers[equation.spread] = 1.0
    return mx.pin(plan, mx.bind(theory, frame_for(name)), numbers), finder(numbers)


@pytest.mark.parametrize("name", MODELS)
def test_stands_for_the_equations_of_its_number(name):
    found: dict[str, set[frozenset[str]]] = {}
    for each in mx.expand(mx.load(name)).coefficients:
        terms = [frozenset({str(each.cause)})]
        terms += [frozenset({str(each.cause), *map(str, product)}) for product in each.moderators]
        before = found.setdefault(str(each.effect), set())
        assert not before & set(terms)
        before.update(terms)
    wanted = {
        effect: {frozenset(term.strip().split("*")) for term in terms.split(",")}
        for effect, terms in MODELS[name].items()
    }
    assert found == wanted
    plan = mx.compile(mx.load(name))
    fitted = {
        equation.response: {
            frozenset(factor.column for factor in coefficient.factors)
            for coefficient in equation.coefficients
            if coefficient.factors
        }
        for equation in plan.equations
    }
    assert fitted == wanted


@pytest.mark.parametrize("w", PLACES)
@pytest.mark.parametrize("name", MODERATED)
def test_effects_at_a_value_of_the_moderator(name, w):
    fit, of = pinned(name)
    found = {label: float(draws.item()) for label, draws in rows_of(mx.decompose(fit, "x", "y", at={"w": w})).items()}
    indirect = first_stage(of, w) * second_stage(of, w)
    assert found["total"] == pytest.approx(direct(of, w) + indirect, abs=1e-12)
    assert found.get("direct", found["total"]) == pytest.approx(direct(of, w), abs=1e-12)
    assert found.get("indirect", 0) == pytest.approx(indirect, abs=1e-12)
    assert (name == "process_1") == ("indirect" not in found)


def test_simple_and_serial_mediation():
    found = values(mx.decompose(pinned("process_4")[0], "x", "y"))
    assert [found[each] for each in ("total", "direct", "indirect")] == pytest.approx([0.51, 0.15, 0.36], abs=1e-12)
    fit, _ = pinned("process_6")
    found = values(mx.decompose(fit, "x", "y"))
    ways = {
        "x -> m1 -> y": 0.4 * -0.5,
        "x -> m2 -> y": 0.2 * 0.8,
        "x -> m1 -> m2 -> y": 0.4 * 0.7 * 0.8,
        "direct": 0.15,
    }
    assert {each: found[each] for each in ways} == pytest.approx(ways, abs=1e-12)
    assert found["total"] == pytest.approx(sum(ways.values()), abs=1e-12)
    asked = {str(q.name): float(mx.estimate(fit, q).rows[0].draws.item()) for q in fit.plan.theory.questions}
    assert asked.pop("total") == pytest.approx(found["total"], abs=1e-12)
    named = ("by the first alone", "by the second alone", "by both in series", "direct")
    assert asked == pytest.approx(dict(zip(named, ways.values(), strict=True)), abs=1e-12)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "process_6"])
def test_questions_of_the_file(name):
    """Where a question is asked at values of w, its rows are those values and the differences, in closed form."""
    fit, of = pinned(name)
    w = frame_for(name)["w"] if name in MODERATED else pd.Series([0.0])
    places = [w.mean() - w.std(), w.mean(), w.mean() + w.std()]
    kinds = {
        "total": lambda at: direct(of, at) + first_stage(of, at) * second_stage(of, at),
        "indirect": lambda at: first_stage(of, at) * second_stage(of, at),
        "direct": lambda at: direct(of, at),
    }
    for question in mx.load(name).questions:
        rows = [float(row.draws.item()) for row in mx.estimate(fit, question).rows]
        if question.at:
            low, middle, high = (kinds[question.kind](at) for at in places)
            assert rows == pytest.approx([low, middle, high, middle - low, high - low, high - middle], abs=1e-12)
        else:
            assert rows == pytest.approx([kinds[question.kind](w.mean())], abs=1e-12)


@pytest.mark.parametrize("name", ["process_7", "process_59"])
def test_every_draw_of_a_fitted_template_obeys_the_closed_form(name):
    fit = mx.fit(mx.load(name), simulate_theory(name, seed=1), draws=200, seed=1)
    assert {block.engine for block in fit.blocks} == {"exact"}
    of = finder(fit.parameters)
    for w in PLACES:
        rows = rows_of(mx.decompose(fit, "x", "y", at={"w": w}))
        indirect = (first_stage(of, w) * second_stage(of, w)).reshape(rows["indirect"].shape)
        np.testing.assert_allclose(rows["indirect"], indirect, atol=1e-12)
        np.testing.assert_allclose(rows["direct"], np.reshape(direct(of, w), indirect.shape), atol=1e-12)
        np.testing.assert_allclose(rows["total"], rows["direct"] + rows["indirect"], atol=1e-12)
    assert np.ptp(rows["indirect"]) > 0.01


# --- the skeleton ---


def test_skeleton_is_a_theory_of_three_lines():
    theory = load(SKELETON)
    assert theory == mx.parse("arrows:\n  therapy -> alliance -> symptoms:\n  therapy -> symptoms:\n")
    assert mx.compile(theory).exogenous == ("therapy",)
    assert "_skeleton" not in names()


def test_skeleton_holds_with_everything_taken_in():
    """Explanations begin with `# `; every other line that begins with `#` is text of the language."""
    text = re.sub(r"^#(?=\w|  )", "", SKELETON.read_text(), flags=re.MULTILINE)
    theory = mx.parse(text)
    assert mx.parse(mx.write(theory)) == theory
    assert len(mx.expand(theory).coefficients) > len(theory.arrows)
    assert theory.levels and theory.priors and theory.questions and theory.without


@pytest.mark.parametrize(
    ("kind", "words"),
    {
        "theory": (*WORDS, *PARTS), "level": levels.READERS, "variable": variables.READERS, "arrow": ARROW_READERS,
        "prior": priors.READERS, "question": questions.READERS, "family": FAMILIES, "link": LINKS, "shape": SHAPES,
    }.items(),
)  # fmt: skip
def test_skeleton_names_every_word(kind, words):
    text = SKELETON.read_text()
    assert [word for word in words if not re.search(rf"\b{word}\b", text)] == [], kind
