"""What a path diagram shows: boxes, arrows and what stands on them, before anything has a place on paper."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mechanisms.errors import listed
from mechanisms.graph.expansion import Coefficient as Standing
from mechanisms.graph.expansion import Expansion, expand
from mechanisms.infer.fit import Fit
from mechanisms.model.plan import Coefficient, Equation
from mechanisms.report.numbers import show_interval
from mechanisms.spec.theory import LINEAR, Theory

Position = tuple[float, float]
ARROW = "\N{RIGHTWARDS ARROW}"
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Node:
    """A variable. `lines` are small print under its name; covariates and mere moderators stand outside the layers."""

    name: str
    lines: tuple[str, ...] = ()
    role: Literal["variable", "covariate", "moderator"] = "variable"
    measured: bool = True
    pos: Position | None = None


@dataclass(frozen=True)
class Link:
    """An arrow, a hidden common cause, or (`onto`) a moderator's arrow, which ends on the arrow it moderates."""

    tail: str
    head: str
    kind: Literal["arrow", "hidden", "moderation"] = "arrow"
    label: tuple[str, ...] = ()
    light: bool = False
    curved: bool = False
    pos: Position | None = None

    @property
    def ends(self) -> tuple[str, str]:
        """Tail and head."""
        return self.tail, self.head


@dataclass(frozen=True)
class Moderation(Link):
    """A moderator's arrow: from `tail` onto the arrow `onto`, whose effect is `head`."""

    onto: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Picture:
    """Nodes in declared order and the links between them; `caption` says what the numbers are."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    exposures: tuple[str, ...]
    caption: str = ""


def compose(theory: Theory, fit: Fit | None = None, of: Iterable[str] = ()) -> Picture:
    """What a theory's path diagram shows; with a fit, posterior means and 95 % intervals of its coefficients.

    `of` names exposures besides those of the theory's own questions. An exogenous variable that is no exposure and
    points to two or more modelled variables is a covariate; where no exposure is known, there are none.
    """
    expansion = expand(theory)
    exposures = tuple(dict.fromkeys([*(question.of.name for question in theory.questions), *of]))
    roles = _roles(theory, expansion, exposures)
    links: dict[tuple[str, ...], Link] = {}
    small: dict[str, list[str]] = {name: [] for name in theory.names}
    for standing in expansion.coefficients:
        tail, head = standing.cause.name, standing.effect.name
        light = roles[tail] == "covariate" or not standing.written
        label = _label(standing, fit)
        if light:
            small[tail] += [f"{ARROW} {head}  {line}" for line in label]
        label, curved = (() if light else label), standing.shape != LINEAR
        pos = standing.arrow.pos if standing.arrow and standing.written else None
        known = links.get((tail, head))
        merged = (known.label if known else ()) + label
        links[tail, head] = Link(tail, head, "arrow", merged, light, curved or bool(known and known.curved), pos)
        for moderation in _moderations(standing, fit):
            if light:
                small[moderation.tail] += [f"{TIMES} {tail} {ARROW} {head}  {line}" for line in moderation.label]
            shown = replace(moderation, light=True, label=()) if light else moderation
            links[(moderation.tail, *moderation.onto)] = shown
    hidden = [Link(pair.one.name, pair.other.name, "hidden", pos=pair.pos) for pair in expansion.hidden]
    nodes = tuple(
        Node(v.name, tuple(small[v.name]), roles[v.name], v.measured_by is None, v.pos) for v in theory.variables
    )
    return Picture(nodes, (*links.values(), *hidden), exposures, _caption(fit))


def _roles(
    theory: Theory, expansion: Expansion, exposures: tuple[str, ...]
) -> dict[str, Literal["variable", "covariate", "moderator"]]:
    modelled = {each.effect.name for each in expansion.coefficients}
    joined = {name for pair in expansion.hidden for name in (pair.one.name, pair.other.name)}
    moderating = {
        term.name for each in expansion.coefficients for product in each.moderators for term in product
    }
    roles: dict[str, Literal["variable", "covariate", "moderator"]] = {}
    for name in theory.names:
        written = {each.effect.name for each in expansion.coefficients if each.cause.name == name and each.written}
        aside = name not in modelled | joined and name not in exposures
        if aside and name in moderating and not written:
            roles[name] = "moderator"
        elif aside and exposures and len(written) > 1 and name not in moderating:
            roles[name] = "covariate"
        else:
            roles[name] = "variable"
    return roles


def _label(standing: Standing, fit: Fit | None) -> tuple[str, ...]:
    """The linear coefficient, one line for each category; without a fit, only the category that the author named."""
    if fit is None:
        return (str(standing.cause),) if standing.cause.value else ()
    found = []
    for each in _equation(fit, standing).coefficients:
        own = each.degree == 1 and each.factors[0].variable == standing.cause.name
        if own and standing.cause.value in (None, each.factors[0].column.partition("=")[2]):
            found.append(_line(fit, each, each.factors[0].column.partition("=")[2]))
    return tuple(found)


def _moderations(standing: Standing, fit: Fit | None) -> list[Moderation]:
    """One arrow for each moderator; a product of several stands on the arrow of its last."""
    tail, head = standing.cause.name, standing.effect.name
    labels: dict[str, list[str]] = {}
    for product in standing.moderators:
        names = tuple(term.name for term in product)
        lines = labels.setdefault(names[-1], [])
        if fit is not None:
            lines += [_line(fit, each, _times(names, each, tail)) for each in _products(fit, standing, names)]
        elif len(names) > 1:
            lines.append(f"{TIMES} {f' {TIMES} '.join(names[:-1])}")
    return [Moderation(name, head, "moderation", tuple(lines), onto=(tail, head)) for name, lines in labels.items()]


def _products(fit: Fit, standing: Standing, names: tuple[str, ...]) -> list[Coefficient]:
    wanted = {standing.cause.name, *names}
    return [
        each for each in _equation(fit, standing).coefficients
        if each.degree == len(each.factors) == len(wanted) and {factor.variable for factor in each.factors} == wanted
    ]  # fmt: skip


def _times(names: tuple[str, ...], product: Coefficient, tail: str) -> str:
    """What has to be said before a product's number: categories, and the other factors of a larger product."""
    words = [
        factor.column for factor in product.factors
        if "=" in factor.column or (len(names) > 1 and factor.variable != tail)
    ]  # fmt: skip
    return f" {TIMES} ".join(words)


def _equation(fit: Fit, standing: Standing) -> Equation:
    return fit.plan.equation(standing.effect.name)


def _line(fit: Fit, coefficient: Coefficient, before: str) -> str:
    draws = fit.parameters[coefficient.address]
    lower, upper = np.quantile(draws, [0.025, 0.975])
    shown = show_interval(float(draws.mean()), float(lower), float(upper))
    return f"{before}: {shown}" if before else shown


def _caption(fit: Fit | None) -> str:
    if fit is None:
        return ""
    said = ["Posterior mean [95% interval] of the linear coefficients, in data units"]
    odd = [each for each in fit.plan.equations if each.link != "identity"]
    said += [f"{listed([each.response for each in odd])} on the {odd[0].link} scale"] if odd else []
    if any(len(each.factors) > 1 for equation in fit.plan.equations for each in equation.coefficients):
        said.append("a moderated arrow's where its moderators are 0")
    return "; ".join(said) + "."
