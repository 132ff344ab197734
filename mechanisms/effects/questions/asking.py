"""What estimates and decompositions share: a fit and a question become a stage on which worlds are averaged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product as every

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Categories, Column, Numbers
from mechanisms.effects.averages.integration import Average, average
from mechanisms.effects.looking import Look
from mechanisms.effects.questions.population import choose, every_value, find_population, place, shown
from mechanisms.effects.questions.posing import Contrast, Ways
from mechanisms.effects.questions.scales import check_scale, find_looks, link_mean
from mechanisms.effects.stages import Population, Stage
from mechanisms.effects.worlds import Drawn, Scene, World, find_degree, nested, set_scene, trace
from mechanisms.errors import DataError, IdentificationError, did_you_mean, listed
from mechanisms.graph.graph import Graph, between, variable_of
from mechanisms.graph.moments import is_timed
from mechanisms.graph.placing import place as lay
from mechanisms.graph.placing import read_part
from mechanisms.infer.posterior import Fit
from mechanisms.model.scales import split_spread
from mechanisms.model.uncompiled import refuse_unasked
from mechanisms.spec.influences import find_descendants
from mechanisms.spec.question_checks import check_question
from mechanisms.spec.theory import Question, Scalar

Floats = NDArray[np.float64]
ROUNDING = 1e-13  # a difference this small against its terms is 0


@dataclass(frozen=True, eq=False)
class Asked:
    """One contrast under one condition: a stage, the scale, and what has been averaged on it so far."""

    stage: Stage
    scale: str
    contrast: Contrast
    condition: str
    divisor: float
    known: dict[World, Average]  # a cache: worlds that several rows need

    @property
    def scene(self) -> Scene:
        """The scene of the stage."""
        return self.stage.scene

    def difference(self, one: World, other: World) -> Floats:
        """Outcome in one world minus outcome in the other, on the question's scale; shape (draws,)."""
        gap = self._level(one) - self._level(other)
        return np.where(np.abs(gap) > ROUNDING * np.abs(self._level(one)), gap, 0.0) / self.divisor

    def between(self, one: Ways, other: Ways) -> Floats:
        """The difference of two nested worlds, each given by its arrows."""
        return self.difference(nested(self.scene, one.all), nested(self.scene, other.all))

    def drawn(self, names: tuple[str, ...], kind: str) -> Floats:
        """The interventional effect: mediators drawn under each value, the rest under the second; or the other way round."""
        mediators = frozenset(names)
        if kind == "direct":
            return self.difference(Drawn(True, False, mediators), Drawn(False, False, mediators))
        return self.difference(Drawn(True, True, mediators), Drawn(True, False, mediators))

    def additive(self, ways: Ways, nodes: tuple[str, ...]) -> bool:
        """Whether the outcome's mean is jointly linear in both states of these nodes, so that only their means matter."""
        scene = self.scene
        traced = trace(scene, nested(scene, ways.all))
        if not scene.plain:
            return False
        versions = frozenset(version for version, _ in traced if version.name in nodes)
        return find_degree(scene, traced, versions) <= 1

    @property
    def aspect(self) -> str:
        """Which of several values is looked at, `y=v`."""
        return self.scene.look.label

    @property
    def unit(self) -> str:
        """Nobody: a row is an average."""
        return ""

    @property
    def of(self) -> str:
        """The exposure."""
        return self.scene.of

    @property
    def on(self) -> str:
        """The outcome."""
        return self.scene.on

    @property
    def held(self) -> frozenset[str]:
        """What is set besides the exposure."""
        return self.scene.held

    @property
    def inside(self) -> tuple[str, ...]:
        """The variables between the two as the theory draws them, ends included."""
        return between(self.scene.drawn, self.of, self.on)

    @property
    def responding(self) -> tuple[str, ...]:
        """The mediators that are not set."""
        return tuple(name for name in between(self.scene.graph, self.of, self.on)[1:-1] if name not in self.held)

    @property
    def whom(self) -> str:
        """The population in words."""
        return self.stage.population.description

    @property
    def alike(self) -> str:
        """What is observed of a unit before."""
        return "what is measured before"

    @property
    def taken(self) -> int:
        """None: nothing is drawn, or the same nodes for all worlds."""
        return 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of the precision of the averages taken so far."""
        return tuple(dict.fromkeys(found.note for found in self.known.values() if found.note))

    def _level(self, world: World) -> Floats:
        if world not in self.known:
            self.known[world] = average(self.stage, world)
        mean = self.known[world].values
        if self.scale != "link":
            return mean
        return link_mean(self.scene.look, self.scene.plan.equation(self.scene.on), mean)


def ask(fit: Fit, question: Question, cut: Look | None = None) -> tuple[Asked, ...]:
    """One `Asked` per contrast, condition and value of the outcome, in the order in which they are reported.

    `cut` is a time at which a time to an event is cut off, to be looked at instead of its mean.
    """
    refuse_unasked(check_question(question, fit.plan.theory))
    check_scale(fit, question)
    held = {name: choose(fit.data[name], value) for name, value in question.set if not isinstance(value, tuple)}
    _check_held(fit, question, frozenset(held))
    graph, looks = _draw(fit, question), find_looks(fit, question, cut)
    scenes = [set_scene(fit.plan, question.of.name, question.on.name, frozenset(held), graph, look) for look in looks]
    columns = {key: value for name, chosen in held.items() for key, value in place(fit.data[name], chosen).items()}
    asked = []
    conditions = find_conditions(fit, question)
    for at, condition in zip(conditions, name_conditions(fit, conditions), strict=True):
        observed = frozenset().union(*map(_observed_causes, scenes))
        population = find_population(fit.data, observed, at, question)
        for contrast, scene in every(find_contrasts(fit, question), scenes):
            stage = _stage(fit, scene, population, contrast, columns)
            asked.append(Asked(stage, question.scale, contrast, condition, find_divisor(fit, question), {}))
    return tuple(asked)


def _draw(fit: Fit, question: Question) -> Graph:
    """The graph of a question; of a part of the outcome without the arrows that act on another part alone."""
    return fit.plan.graph if question.on.spread is None else lay(fit.plan.theory, question).graph


def _observed_causes(scene: Scene) -> frozenset[str]:
    """What the outcome and whatever the exposure moves look at without being moved: it stays as it was observed."""
    responses = scene.moving | {scene.on}
    caused = {each.response for each in scene.plan.equations} | {each for each in responses if scene.parts(each)}
    looked_at = {name for response in responses & caused for name in scene.parents(response)}
    return frozenset(looked_at - scene.moving - scene.held - scene.plan.unseen - {scene.of})


def find_contrasts(fit: Fit, question: Question) -> tuple[Contrast, ...]:
    """The question's contrast, or the default: 0 to 1, each category against the first, or mean to mean + 1.

    An sd is that of what is moved: of a departure the sd within units, of a course the sd among units' means.
    """
    name = question.of.name
    column, unit = _find_moved(fit, question)
    if question.contrast is not None:
        low, high = (choose(column, value) for value in question.contrast)
        if low == high:
            raise DataError(f"contrast: both values of {name} are {shown(column, low)}")
        said = any(isinstance(value, str) and value.strip().endswith("sd") for value in question.contrast)
        return (_contrast(column, low, high, unit if said else "", several=False),)
    if isinstance(column, Categories):
        several = len(column.values) > 2
        return tuple(_contrast(column, column.reference, value, several=several) for value in column.values[1:])
    if column.binary:
        return (_contrast(column, 0.0, 1.0, several=False),)
    standard = question.scale == "standardised"
    step = column.sd if standard else 1.0
    return (_contrast(column, column.mean, column.mean + step, unit if standard else "", several=False),)


def _find_moved(fit: Fit, question: Question) -> tuple[Column, str]:
    """The exposure's column with the sd of the part that is moved, and that sd in words where it is not the column's own.

    Of a latent variable nobody has a value to split: its sd is that of all its values.
    """
    name, design = question.of.name, fit.plan.design
    column = fit.data[name]
    if isinstance(column, Categories) or column.binary or column.latent:
        return column, ""
    if not fit.plan.theory.levels or not design.client(name):
        return column, ""
    of = read_part(question, design).of
    level = design.client(name) if is_timed(of, design) else of.part
    among, within = split_spread(fit.data, name, str(level))
    sd, where = (within, f"within {level}s") if is_timed(of, design) else (among, f"among {level}s' means")
    if not sd > 0:
        return column, ""
    return replace(column, sd=sd), f" (an sd is {shown(column, sd)}, {where})"


def _contrast(
    column: Numbers | Categories, low: float | str, high: float | str, unit: str = "", *, several: bool
) -> Contrast:
    words = f"{column.name} from {shown(column, low)} to {shown(column, high)}{unit}"
    if isinstance(column, Numbers):
        outside = [value for value in (low, high) if not column.lowest <= float(value) <= column.highest]
        words += f" ({shown(column, outside[0])} lies outside the data: an extrapolation)" if outside else ""
    return Contrast(low, high, words, f"{shown(column, low)} → {shown(column, high)}" if several else "")


def _stage(fit: Fit, scene: Scene, population: Population, contrast: Contrast, held: Mapping[str, float]) -> Stage:
    column = fit.data[scene.of]
    low, high = place(column, contrast.low), place(column, contrast.high)
    return Stage(scene, fit.parameters, population, low, high, held, fit.data.bases)


def find_conditions(fit: Fit, question: Question) -> list[dict[str, Scalar]]:
    """Every combination of the values of `at`; one empty condition without it."""
    choices = []
    for said, values in question.at:
        name = variable_of(said)
        if name not in fit.data:
            raise IdentificationError(
                f"at: the theory has no variable '{name}'.{did_you_mean(name, fit.plan.theory.names)}"
            )
        if name in fit.plan.unseen:
            raise IdentificationError(
                f"at: {name} is latent: of nobody is it known, so that there is no group to condition on. Condition on an "
                f"indicator, or set: {{{name}: …}} to intervene"
            )
        _refuse_reflection(fit, question, name)
        spread = every_value(fit.data[name]) if values == ("each",) else values
        choices.append([(said, value) for value in spread])
    return [dict(combination) for combination in every(*choices)]


def _refuse_reflection(fit: Fit, question: Question, name: str) -> None:
    """Refuse a condition on what a latent variable leads to: what it then tells of the latent is not worked out."""
    theory, apart = fit.plan.theory, {question.of.name, *(variable_of(key) for key, _ in question.set)}
    for latent in sorted(fit.plan.unseen - apart):
        reached = find_descendants(theory, latent)
        if {name, question.on.name} <= reached and latent not in find_descendants(theory, question.of.name):
            raise IdentificationError(
                f"at: {name} tells something of {latent}, which nobody observed, and what it tells is not worked out yet: condition "
                f"on a cause of {latent}"
            )


def name_conditions(fit: Fit, conditions: list[dict[str, Scalar]]) -> list[str]:
    """A condition in words; where rounding would make two alike, all their digits."""
    columns = {name: fit.data[variable_of(name)] for at in conditions for name in at}
    chosen = [{name: choose(columns[name], value) for name, value in at.items()} for at in conditions]
    short = [", ".join(f"{name}={shown(columns[name], value)}" for name, value in at.items()) for at in chosen]
    if len(set(short)) == len(short):
        return short
    long = [", ".join(f"{name}={value}" for name, value in at.items()) for at in chosen]
    if len(set(long)) < len(long):
        twice = next(words for words in long if long.count(words) > 1)
        raise DataError(f"at: {twice} is said twice")
    return long


def _check_held(fit: Fit, question: Question, held: frozenset[str]) -> None:
    """A controlled effect holds at least one mediator."""
    of, on = question.of.name, question.on.name
    inside = between(_draw(fit, question), of, on)[1:-1]
    if question.kind == "controlled" and not held & set(inside):
        raise IdentificationError(
            f"a controlled effect holds a mediator of {of} and {on}, and {listed(sorted(held))} is none"
            + (f": {listed(inside)}" if inside else "; the theory draws none")
        )


def find_divisor(fit: Fit, question: Question) -> float:
    """What an effect is divided by on the question's scale."""
    return fit.data.numbers(question.on.name).sd if question.scale == "standardised" else 1.0
