"""What a path diagram shows: boxes, arrows and what stands on them, before anything has a place on paper."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from mechanisms.errors import SpecError
from mechanisms.graph.expansion import Coefficient as Standing
from mechanisms.graph.expansion import Expansion, expand
from mechanisms.infer.posterior import Fit
from mechanisms.report.labels import ARROW, TIMES, check_same, label_arrow, label_moderators, write_caption
from mechanisms.spec.theory import LINEAR, Theory

Position = tuple[float, float]
Role = Literal["variable", "covariate", "moderator"]
BOTH = "\N{LEFT RIGHT ARROW}"
FEWEST = 3  # so many covariates with the same effects share a box


@dataclass(frozen=True)
class Node:
    """A box: a variable, or several covariates with the same effects (their names joined by commas).

    `lines` are small print under the name, each of one or more cells. Covariates and mere moderators stand outside the
    layers.
    """

    name: str
    lines: tuple[tuple[str, ...], ...] = ()
    role: Role = "variable"
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
    if theory.levels or theory.time:
        raise SpecError(
            "path diagrams are drawn of theories with one level; several levels are not drawn yet", theory.place
        )
    expansion = expand(theory)
    if fit is not None:
        check_same(fit, expansion, theory.names)
    exposures = tuple(dict.fromkeys([*(question.of.name for question in theory.questions), *of]))
    roles = _roles(theory, expansion, exposures)
    links: dict[tuple[str, ...], Link] = {}
    small: dict[str, list[tuple[str, ...]]] = {name: [] for name in theory.names}
    moderated = {
        (product[-1].name, each.cause, each.effect) for each in expansion.coefficients for product in each.moderators
    }
    busy = Counter(name for name, *_ in moderated)
    for standing in expansion.coefficients:
        tail, head = standing.cause.name, standing.effect.name
        light = roles[tail] == "covariate" or not standing.written
        label = label_arrow(standing, fit)
        if light:
            small[tail] += [(f"{ARROW} {head}", line) for line in label]
        label, curved = (() if light else label), standing.shape != LINEAR
        pos = standing.arrow.pos if standing.arrow and standing.written else None
        known = links.get((tail, head))
        merged = (known.label if known else ()) + label
        links[tail, head] = Link(tail, head, "arrow", merged, light, curved or bool(known and known.curved), pos)
        for moderation in _moderations(standing, fit):
            inside = light or busy[moderation.tail] > 2
            if inside:
                small[moderation.tail] += [(f"{TIMES} {tail} {ARROW} {head}", line) for line in moderation.label]
            shown = replace(moderation, light=light, label=()) if inside else moderation
            links[(moderation.tail, *moderation.onto)] = shown
    links |= _hidden(expansion, roles)
    return _gathered(Picture(_nodes(theory, small, roles), tuple(links.values()), exposures, write_caption(fit)))


def _nodes(theory: Theory, small: Mapping[str, list[tuple[str, ...]]], roles: Mapping[str, Role]) -> tuple[Node, ...]:
    return tuple(
        Node(v.name, tuple(small[v.name]), roles[v.name], v.measured_by is None, v.pos) for v in theory.variables
    )


def _hidden(expansion: Expansion, roles: Mapping[str, str]) -> dict[tuple[str, ...], Link]:
    """Hidden common causes, pale between two covariates."""
    found: dict[tuple[str, ...], Link] = {}
    for pair in expansion.hidden:
        one, other = pair.one.name, pair.other.name
        pale = roles[one] == roles[other] == "covariate"
        found["<->", one, other] = Link(one, other, "hidden", light=pale, pos=pair.pos)
    return found


def _roles(theory: Theory, expansion: Expansion, exposures: tuple[str, ...]) -> dict[str, Role]:
    modelled = {each.effect.name for each in expansion.coefficients}
    pairs = [(pair.one.name, pair.other.name) for pair in expansion.hidden]
    moderating = {term.name for each in expansion.coefficients for product in each.moderators for term in product}
    effects = {
        name: {each.effect.name for each in expansion.coefficients if each.cause.name == name and each.written}
        for name in theory.names
    }
    aside = [name for name in theory.names if name not in modelled and name not in exposures]
    covariates = {name for name in aside if exposures and len(effects[name]) > 1 and name not in moderating}
    while strange := {name for pair in pairs for name in covariates & {*pair} if not covariates >= {*pair}}:
        covariates -= strange  # what is joined to the rest of the diagram has its place there
    moderators = {name for name in aside if name in moderating and not effects[name]}
    moderators -= {name for pair in pairs for name in pair}
    return {
        name: "covariate" if name in covariates else "moderator" if name in moderators else "variable"
        for name in theory.names
    }


def _gathered(picture: Picture) -> Picture:
    """Three or more covariates with the same effects share a box, in which their numbers make a table."""
    heads: dict[tuple[str, ...], list[Node]] = {}
    for node in picture.nodes:
        if node.role == "covariate" and node.pos is None:
            key = tuple(link.head for link in picture.links if link.tail == node.name and link.kind == "arrow")
            heads.setdefault(key, []).append(node)
    box: dict[str, str] = {}
    nodes: list[Node] = []
    for effects, members in heads.items():
        if len(members) >= FEWEST:
            names = tuple(node.name for node in members)
            box |= dict.fromkeys(names, ", ".join(names))
            nodes.append(Node(", ".join(names), _table(picture, effects, members), "covariate"))
    links: dict[tuple[str, ...], Link] = {}
    for link in picture.links:
        moved = replace(link, tail=box.get(link.tail, link.tail), head=box.get(link.head, link.head))
        key = (link.kind, *moved.ends, *(moved.onto if isinstance(moved, Moderation) else ()))
        if moved.tail != moved.head:
            links[key] = replace(moved, curved=moved.curved or (key in links and links[key].curved))
    nodes = [*(node for node in picture.nodes if node.name not in box), *nodes]
    return replace(picture, nodes=tuple(nodes), links=tuple(links.values()))


def _table(picture: Picture, effects: tuple[str, ...], members: list[Node]) -> tuple[tuple[str, ...], ...]:
    """A line for each covariate, a cell for each effect; then what is hidden between them."""
    names = [node.name for node in members]
    rows: list[tuple[str, ...]] = []
    if any(node.lines for node in members):
        rows.append(("", *(f"{ARROW} {effect}" for effect in effects)))
    for node in members:
        cells = [" | ".join(text for where, text in node.lines if where == f"{ARROW} {effect}") for effect in effects]
        bent = [link.curved for link in picture.links if link.tail == node.name and link.kind == "arrow"]
        curves = [cell or ("curve" if curved else "") for cell, curved in zip(cells, bent, strict=True)]
        rows.append((node.name, *(curves if any(curves) else ())))
    joined = [link.ends for link in picture.links if link.kind == "hidden" and {*link.ends} <= {*names}]
    if len(joined) == len(names) * (len(names) - 1) // 2:
        rows.append(("with hidden common causes of each pair",))
    else:
        rows += [(f"{one} {BOTH} {other}",) for one, other in joined]
    return tuple(rows)


def _moderations(standing: Standing, fit: Fit | None) -> list[Moderation]:
    """One arrow for each moderator."""
    tail, head = standing.cause.name, standing.effect.name
    return [
        Moderation(name, head, "moderation", lines, onto=(tail, head))
        for name, lines in label_moderators(standing, fit).items()
    ]
