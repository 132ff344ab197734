"""A question about a fit with levels, ready to be answered: nodes to move, units to average over, worlds to run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product as every

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Column, Dataset, Numbers
from mechanisms.data.elsewhere import move_gap
from mechanisms.effects.looking import MEAN, Look
from mechanisms.effects.over_time.absence import note_absent
from mechanisms.effects.over_time.calendar import date_theory
from mechanisms.effects.over_time.carrying import list_loose, loosen
from mechanisms.effects.over_time.conditions import Conditions, locate, refuse_followed, refuse_renewed
from mechanisms.effects.over_time.events import is_event
from mechanisms.effects.over_time.people import People, find_people
from mechanisms.effects.over_time.reservations import note_noise, note_occasions, note_vacant
from mechanisms.effects.over_time.running import Mixed, Runner
from mechanisms.effects.over_time.scenario import Scenario, Value
from mechanisms.effects.over_time.timeline import Timeline
from mechanisms.effects.over_time.unmodelled import refuse_unmodelled
from mechanisms.effects.questions.asking import (
    ROUNDING,
    find_conditions,
    find_contrasts,
    find_divisor,
    name_conditions,
)
from mechanisms.effects.questions.population import choose
from mechanisms.effects.questions.posing import Contrast, Ways
from mechanisms.effects.questions.scales import check_scale, find_looks, link_mean
from mechanisms.errors import IdentificationError, SpecError, listed
from mechanisms.graph.graph import between, occasion_of, variable_of
from mechanisms.graph.placing import Placed, place
from mechanisms.graph.question import hold
from mechanisms.infer.posterior import Fit
from mechanisms.spec.question_checks import check_question
from mechanisms.spec.theory import Question, Scalar, Theory

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Staged:
    """One contrast under one condition for one row of people."""

    runner: Runner
    placed: Placed
    row: int
    scale: str
    contrast: Contrast
    condition: str
    divisor: float

    def between(self, one: Ways | Mixed, other: Ways | Mixed) -> Floats:
        """The difference of two worlds, each given by its arrows to each outcome, or mixed."""
        gap = self.runner.gap(one, other)[self.row]
        level = self.runner.levels(one)[self.row]
        if self.scale == "link":
            look, equation = self.runner.scenario.look, self.runner.fit.plan.equation(self.on)
            gap = link_mean(look, equation, level) - link_mean(look, equation, self.runner.levels(other)[self.row])
        return np.where(np.abs(gap) > ROUNDING * np.abs(level), gap, 0.0) / self.divisor

    def drawn(self, names: tuple[str, ...], kind: str) -> Floats:
        """The interventional effect: these nodes drawn anew for each unit, given its own deviations.

        Where no noise matters, a draw is as good as the unit's own value, and the arrows say all.
        """
        nodes, scenario = frozenset(names), self.runner.scenario
        if self.runner.traits.noisy:
            _refuse_courses(scenario, nodes)
            if kind == "direct":
                return self.between(Mixed(True, False, nodes), Mixed(False, False, nodes))
            return self.between(Mixed(True, True, nodes), Mixed(True, False, nodes))
        whole = Ways((scenario.arrows,) * len(self.runner.ends))
        handed = Ways((frozenset(each for each in scenario.arrows if each[0] in nodes),) * len(self.runner.ends))
        return self.between(whole - handed, whole.none) if kind == "direct" else self.between(whole, whole - handed)

    def additive(self, ways: Ways, nodes: tuple[str, ...]) -> bool:
        """Whether the system is linear in all that departs, so that only means matter."""
        return self.runner.traits.lean

    @property
    def aspect(self) -> str:
        """Which of several values is looked at, `y=v`."""
        return self.runner.scenario.look.label

    @property
    def unit(self) -> str:
        """Whose row it is, where every unit has one."""
        return self.runner.people.labels[self.row]

    @property
    def of(self) -> str:
        """The exposure."""
        return self.placed.question.of.name

    @property
    def on(self) -> str:
        """The outcome."""
        return self.placed.question.on.name

    @property
    def held(self) -> frozenset[str]:
        """The variables that are set besides the exposure."""
        return frozenset(variable_of(node) for node in self.runner.scenario.held)

    @property
    def inside(self) -> tuple[str, ...]:
        """The variables on the ways from exposure to outcome, ends included."""
        nodes = [node for aim in self.placed.aims for node in between(self.placed.graph, aim.of, aim.on)]
        return self._names(nodes)

    @property
    def responding(self) -> tuple[str, ...]:
        """The mediators that are not set."""
        graph = hold(self.placed.graph, self.placed.aims[0].fixed)
        nodes = [node for aim in self.placed.aims for node in between(graph, aim.of, aim.on)]
        return tuple(name for name in self._names(nodes) if name not in (self.of, self.on, *self.held))

    @property
    def whom(self) -> str:
        """Whom the effect is averaged over."""
        return self.runner.people.words[self.row]

    @property
    def alike(self) -> str:
        """What is observed of a unit before, and what is its own for good."""
        return "what is measured before and in their own intercepts and slopes"

    @property
    def taken(self) -> int:
        """How many pairs of draws of the noise the averages are taken over."""
        return self.runner.taken

    @property
    def notes(self) -> tuple[str, ...]:
        """How far the averages taken so far are from exact, for whom there is no cause, and what the data leave out."""
        return (
            *note_noise(self.runner),
            *note_absent(self.runner, self.condition),
            *note_vacant(self.runner),
            *note_occasions(self.runner),
        )

    def _names(self, nodes: list[str]) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(variable_of(node) for node in nodes))
        return (*(name for name in names if name != self.on), *(name for name in names if name == self.on))


def stage(fit: Fit, question: Question, cut: Look | None = None) -> tuple[Staged, ...]:
    """One `Staged` for each contrast, condition and row of people, in the order in which they are reported."""
    question = check_question(question, fit.plan.theory)
    _refuse(question)
    _refuse_absent(fit, question)
    check_scale(fit, question)
    theory = date_theory(fit, question)
    placed = place(theory, question)
    timeline = find_timeline(fit, theory, placed)
    level = _outcome_level(fit, placed)
    found: list[Staged] = []
    conditions = find_conditions(fit, question)
    for at, condition in zip(conditions, name_conditions(fit, conditions), strict=True):
        located = locate(fit, placed, timeline, at)
        whom = find_people(fit, question, level, located.values, located.columns, timeline.client)
        for contrast, look in every(_say(find_contrasts(fit, question), placed), _find_looks(fit, question, cut)):
            for people in whom:
                scenario = _scenario(fit, placed, timeline, people, contrast, look, located)
                _refuse_part_of_event(fit, scenario, placed)
                refuse_renewed(scenario, people, located.values)
                runner = Runner(fit, scenario, people, tuple(aim.on for aim in placed.aims))
                refuse_followed(scenario, runner.ends)
                refuse_unmodelled(runner)
                divisor = find_divisor(fit, question)
                rows = range(len(people.labels))
                found += [Staged(runner, placed, row, question.scale, contrast, condition, divisor) for row in rows]
    return tuple(found)


def _say(contrasts: tuple[Contrast, ...], placed: Placed) -> Iterator[Contrast]:
    """The contrasts with how the question was read: which part of the exposure, and when."""
    for each in contrasts:
        yield replace(each, words=f"{each.words}: {placed.reading}" if placed.reading else each.words)


def find_timeline(fit: Fit, theory: Theory, placed: Placed) -> Timeline:
    """The occasions of the placed question's graph over the data of the fit."""
    design, data = fit.plan.design, fit.data
    levels = [level for level in design.lattice.time if level in {table.level for table in data.tables}]
    if not levels:
        return Timeline(data, design.lattice, "", "", ())
    asked = [design.level(term.name) for term in (placed.question.on, placed.question.of)]
    level = next((each for each in asked if each in levels), levels[0])
    client = design.lattice.client(level) or ""
    if odd := [each for each in levels if design.lattice.client(each) != design.lattice.client(level)]:
        raise IdentificationError(
            f"effects in a theory with series of different units ({listed([level, *odd])}) are not answered: ask in a theory with "
            "one of them, in which what the others tell of a unit is a variable of that unit"
        )
    below = [name for name in design.levels if any(design.lattice.lies_below(design.level(name), at) for at in levels)]
    if below:
        raise IdentificationError(
            f"effects in a theory with {listed(below)}, of a level below {listed(levels)}, are not answered yet"
        )
    seen = [at for node in placed.graph.nodes if (at := occasion_of(node)) is not None]
    declared, dated = (
        next((e.occasions for e in each.levels if e.name == level), ()) for each in (fit.plan.theory, theory)
    )
    grid = declared or tuple(each for each in dated if each <= max(seen, default=0)) or dated[:1]
    data = replace(data, bases={name: move_gap(each, grid) for name, each in data.bases.items()})
    return Timeline(data, design.lattice, level, client, grid, tuple(each for each in levels if each != level))


def _outcome_level(fit: Fit, placed: Placed) -> str:
    """The level whose units an outcome is averaged over."""
    on, design = placed.question.on, fit.plan.design
    inside = placed.aims[0].on.partition("(")[2].removesuffix(")")
    if inside and inside in design.lattice.names:
        return inside
    own = design.level(on.name)
    return design.lattice.client(own) or own if own in design.lattice.time else own


def _find_looks(fit: Fit, question: Question, cut: Look | None) -> tuple[Look, ...]:
    """What is looked at in the outcome; a computed one, or a unit's own coefficient, has a mean."""
    equation = next((each for each in fit.plan.equations if each.response == question.on.name), None)
    if equation is None or equation.latent:
        return (MEAN,)
    return find_looks(fit, question, cut)


def _scenario(
    fit: Fit,
    placed: Placed,
    timeline: Timeline,
    people: People,
    contrast: Contrast,
    look: Look,
    located: Conditions,
) -> Scenario:
    said = dict(placed.question.set)
    nodes = dict.fromkeys(node for aim in placed.aims for node in aim.held)
    held: dict[str, Value] = {
        node: choose(fit.data[variable_of(node)], _single(said[node] if node in said else said[variable_of(node)]))
        for node in nodes
    }
    data = _with_near(timeline.data, people.near)
    of = placed.aims[0].of
    changed = replace(timeline, data=data)
    graph = loosen(placed.graph, list_loose(placed.graph, fit.plan))
    moved = contrast.low, contrast.high
    return Scenario(fit.plan, graph, changed, of, *moved, held, look=look, renewed=people.renewed, given=located.given)


def _single(value: Scalar | tuple[Scalar, ...]) -> Scalar:
    assert not isinstance(value, tuple)
    return value


def _with_near(data: Dataset, near: Mapping[str, float]) -> Dataset:
    """The data in which what is conditioned on by nearness has one value for all."""

    def changed(column: Column) -> Column:
        if column.name not in near or not isinstance(column, Numbers):
            return column
        return replace(column, values=np.full(len(column.values), near[column.name]))

    return replace(data, columns=tuple(changed(column) for column in data.columns)) if near else data


def _refuse(question: Question) -> None:
    if question.of.spread or question.of.value is not None:
        raise SpecError(f"question: of: '{question.of}': only whole variables are moved yet", question.place)
    if question.on.spread not in (None, "any", "amount"):
        raise SpecError(
            f"question: on: '{question.on}': no effect on a spread is given yet; ask on {question.on.name}, and see in the fit's draws "
            f"the coefficients of the arrows into {question.on}",
            question.place,
        )


def _refuse_absent(fit: Fit, question: Question) -> None:
    """An outcome that some units do not have has no mean over all of them."""
    name, design = question.on.name, fit.plan.design
    variable = design.variables.get(name)
    condition = variable.only_when if variable else None
    others = [each for each in condition.names if each not in design.lattice.time] if condition else []
    if others:
        raise IdentificationError(
            f"{name} exists only where {condition}, so that no mean over all units compares like with like: ask of what it "
            f"leads to, or of {listed(others)}"
        )


def _refuse_part_of_event(fit: Fit, scenario: Scenario, placed: Placed) -> None:
    """Whether an event has happened hangs on every occasion up to then."""
    if not is_event(fit, placed.question):
        return
    occasions = [occasion_of(aim.on) for aim in placed.aims]
    if occasions != list(scenario.timeline.grid[: len(occasions)]) or occasions[-1] != scenario.look.until:
        raise IdentificationError(
            f"{placed.question.on.name} is a hazard: whether it has happened is asked of by mx.estimate and mx.decompose"
        )


def _refuse_courses(scenario: Scenario, nodes: frozenset[str]) -> None:
    """A course, or a unit's own coefficient, is no random draw once the unit's deviations are given."""
    for node in sorted(nodes):
        equation = scenario.equations.get(variable_of(node))
        own = occasion_of(node) is not None or "(" not in node
        if equation is None or equation.latent or not own:
            raise IdentificationError(
                f"mediators: interventional: {node} belongs to a unit for good, and the outcome is not linear: such a draw "
                "is not answered yet; ask for natural effects, or for the total effect"
            )
