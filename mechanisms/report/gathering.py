"""Which variables are covariates or mere moderators, and which covariates share a box."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from mechanisms.graph.expansion import Expansion
from mechanisms.graph.levels import ROW, Design
from mechanisms.report.labels import ARROW
from mechanisms.report.picture import Link, Moderation, Name, Node, Picture, Role

BOTH = "\N{LEFT RIGHT ARROW}"
FEWEST = 3  # so many covariates with the same effects share a box
_ROW = 34  # letters in a line that lists names


def find_roles(
    names: tuple[str, ...], expansion: Expansion, exposures: tuple[str, ...], design: Design
) -> dict[str, Role]:
    """What each variable is to the others.

    An exogenous variable that is no exposure and points to two or more modelled variables is a covariate; where no
    exposure is known, there are none. Where there are levels, every variable stands in its band, and covariates are
    those that share a box there.
    """
    modelled = {each.effect.name for each in expansion.coefficients}
    pairs = [(pair.one.name, pair.other.name) for pair in expansion.hidden]
    moderating = {term.name for each in expansion.coefficients for product in each.moderators for term in product}
    effects = {
        name: {each.effect.name for each in expansion.coefficients if each.cause.name == name and each.written}
        for name in names
    }
    own = {name for name, variable in design.variables.items() if variable.computed} | {*design.lattice.time}
    aside = [name for name in names if name not in modelled and name not in exposures and name not in own]
    covariates = {name for name in aside if exposures and len(effects[name]) > 1 and name not in moderating}
    while strange := {name for pair in pairs for name in covariates & {*pair} if not covariates >= {*pair}}:
        covariates -= strange  # what is joined to the rest of the diagram has its place there
    if design.lattice.names != (ROW,):
        groups = Counter((design.level(name), *sorted(effects[name])) for name in covariates)
        covariates = {name for name in covariates if groups[design.level(name), *sorted(effects[name])] >= FEWEST}
        aside = []
    moderators = {name for name in aside if name in moderating and not effects[name]}
    moderators -= {name for pair in pairs for name in pair}
    return {
        name: "covariate" if name in covariates else "moderator" if name in moderators else "variable" for name in names
    }


def gather(picture: Picture) -> Picture:
    """Three or more covariates with the same effects share a box, in which their numbers make a table."""
    groups: dict[tuple[str, ...], list[Node]] = {}
    for node in picture.nodes:
        if node.role == "covariate" and node.pos is None:
            links = [link for link in picture.links if link.tail == node.name and link.kind == "arrow"]
            key = (node.level, *(text for link in links for text in (link.head, link.way)))
            groups.setdefault(key, []).append(node)
    box: dict[str, str] = {}
    nodes: list[Node] = []
    for members in groups.values():
        if len(members) >= FEWEST:
            names = tuple(node.name for node in members)
            box |= dict.fromkeys(names, ", ".join(names))
            nodes.append(Node(", ".join(names), _table(picture, members), "covariate", level=members[0].level))
    links_found: dict[tuple[object, ...], Link] = {}
    for link in picture.links:
        moved = _move(link, box)
        key = (moved.kind, *(moved.onto if isinstance(moved, Moderation) else ()), *moved.name)
        if moved.tail != moved.head or link.tail == link.head:
            known = links_found.get(key)
            links_found[key] = replace(moved, curved=moved.curved or bool(known and known.curved))
    nodes = [*(node for node in picture.nodes if node.name not in box), *nodes]
    return replace(picture, nodes=tuple(nodes), links=tuple(links_found.values()))


def _move(link: Link, box: Mapping[str, str]) -> Link:
    """A link between boxes instead of between their members."""
    tail, head = (box.get(name, name) for name in link.ends)
    if isinstance(link, Moderation):
        cause, effect, way = link.onto
        onto: Name = (box.get(cause, cause), box.get(effect, effect), way)
        return replace(link, tail=tail, head=head, onto=onto)
    return replace(link, tail=tail, head=head)


def _table(picture: Picture, members: list[Node]) -> tuple[tuple[str, ...], ...]:
    """A line for each covariate, a cell for each effect; then what is hidden between them."""
    names = [node.name for node in members]
    effects = [link.head for link in picture.links if link.tail == names[0] and link.kind == "arrow"]
    rows: list[tuple[str, ...]] = []
    if any(node.lines for node in members):
        rows.append(("", *(f"{ARROW} {effect}" for effect in effects)))
    for node in members:
        cells = [
            " | ".join(line[1] for line in node.lines if line[0] == f"{ARROW} {effect}" and len(line) > 1)
            for effect in effects
        ]
        bent = [link.curved for link in picture.links if link.tail == node.name and link.kind == "arrow"]
        curves = [cell or ("curve" if curved else "") for cell, curved in zip(cells, bent, strict=True)]
        rows.append((node.name, *(curves if any(curves) else ())))
    return (*rows, *_joined(picture, names))


def _joined(picture: Picture, names: list[str]) -> list[tuple[str, ...]]:
    """The hidden causes between the members of a box, those of a group in one sentence."""
    joined = [link.ends for link in picture.links if link.kind == "hidden" and {*link.ends} <= {*names}]
    among = [name for name in names if any(name in pair for pair in joined)]
    if len(among) > 2 and all({*pair} in [{*other} for other in joined] for pair in combinations(among, 2)):
        if among == names:
            return [("with hidden common causes of each pair",)]
        lines = _listed(f"{BOTH} between all of", among)
        return [(line,) for line in lines]
    return [(f"{one} {BOTH} {other}",) for one, other in joined]


def _listed(before: str, names: list[str]) -> list[str]:
    lines = [before]
    for at, name in enumerate(names):
        word = name + ("," if at < len(names) - 1 else "")
        if len(lines[-1]) + len(word) > _ROW:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
