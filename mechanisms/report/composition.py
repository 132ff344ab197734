"""A theory as a picture: every variable once, every arrow as its author wrote it, and pale what the language adds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mechanisms.graph.expansion import Coefficient as Standing
from mechanisms.graph.expansion import Expansion, expand
from mechanisms.graph.levels import ROW, Design, survey
from mechanisms.infer.posterior import Fit
from mechanisms.report.gathering import find_roles, gather
from mechanisms.report.labels import ARROW, TIMES, check_same, label_moderators, write_caption
from mechanisms.report.picture import Kind, Link, Moderation, Name, Node, Picture, Role
from mechanisms.report.wordings import (
    components,
    describe_level,
    describe_node,
    is_between,
    is_lagged,
    label_link,
    tell_apart,
    typeset,
)
from mechanisms.spec.definitions import OwnCoefficient, OwnSpread, parse_definition
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import LINEAR, Theory, Variable

Small = dict[str, list[tuple[str, ...]]]
Links = dict[tuple[str, ...], Link]
MOST_SHOWN = 8  # more indicators than these stand for themselves in one box
BUSY = 2  # a moderator of more arrows than these says so in its box


def compose(theory: Theory, fit: Fit | None = None, of: Iterable[str] = (), *, labels: bool = False) -> Picture:
    """What a theory's path diagram shows; with a fit, posterior means and 95 % intervals of its coefficients.

    `of` names exposures besides those of the theory's own questions; `labels` writes every arrow out.
    """
    expansion, design = expand(theory), survey(theory)
    if fit is not None:
        check_same(fit, expansion, theory.names)
    exposures = tuple(dict.fromkeys([*(question.of.name for question in theory.questions), *of]))
    names = tuple(dict.fromkeys([*theory.names, *design.levels, *_times(expansion, design)]))
    roles = find_roles(names, expansion, exposures, design)
    small: Small = {name: [] for name in names}
    links = _drawn(expansion, design, fit, roles, small, full=labels)
    links |= _loadings(design, links)
    links |= _definitions(theory, links)
    links |= _hidden(expansion, roles)
    nodes = _nodes(names, theory, design, small, roles)
    picture = Picture(_housed(nodes, links, design), tuple(links.values()), exposures, _caption(theory, fit))
    return gather(_folded(replace(picture, levels=_levels(theory, design))))


def _times(expansion: Expansion, design: Design) -> list[str]:
    """The ordered levels that are causes: trends."""
    return [each.cause.name for each in expansion.coefficients if design.trend(each.cause.name)]


def _drawn(
    expansion: Expansion, design: Design, fit: Fit | None, roles: Mapping[str, Role], small: Small, *, full: bool
) -> Links:
    """Arrows and the moderators' arrows that end on them; several coefficients of one arrow are drawn once."""
    links: Links = {}
    moderated = {(product[-1].name, _name(each)) for each in expansion.coefficients for product in each.moderators}
    busy = Counter(name for name, _ in moderated)
    for standing in expansion.coefficients:
        name = _name(standing)
        tail, head = name[:2]
        if tail == "1" or (standing.carries == "loading" and not standing.written):
            continue
        known = links.get(name)
        light = roles[tail] == "covariate" or not (standing.written or (known and not known.light))
        label = label_link(standing, fit, design, full=full, wrap=not light)
        if light:
            small[tail] += [(f"{ARROW} {head}", line) for line in label] if fit is not None else []
        link = _link(standing, design, label=() if light else label, light=light)
        merged = link.label if known is None else _merged(known.label, link.label)
        shown = known if known and not standing.written else link
        links[name] = replace(shown, label=merged, curved=link.curved or bool(known and known.curved))
        for moderation in _moderations(standing, name, fit, design):
            inside = light or busy[moderation.tail] > BUSY
            if inside:
                small[moderation.tail] += [(f"{TIMES} {tail} {ARROW} {head}", line) for line in moderation.label]
            ending = replace(moderation, light=light, label=()) if inside else moderation
            earlier = links.get(("x", moderation.tail, *name))  # of the other part of the cause
            links["x", moderation.tail, *name] = (
                replace(ending, label=_merged(earlier.label, ending.label)) if earlier else ending
            )
    return links


def _name(standing: Standing) -> Name:
    arrow = standing.arrow if standing.written else None
    cause, effect = (arrow.cause, arrow.effect) if arrow else (standing.cause, Term(standing.effect.name))
    return cause.name, effect.name, tell_apart(cause, effect)


def _merged(known: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*known, *new]))


def _link(standing: Standing, design: Design, *, label: tuple[str, ...], light: bool) -> Link:
    tail, head, way = _name(standing)
    arrow = standing.arrow if standing.written else None
    cause = arrow.cause if arrow else standing.cause
    text = typeset(str(arrow) if arrow else f"{standing.address} ({standing.reason})")
    return Link(
        tail, head, "arrow", label, light, standing.shape != LINEAR, arrow.pos if arrow else None, way,
        is_lagged(cause), is_between(cause, design),
        text=f"{text}: {arrow.because}" if arrow and arrow.because else text,
    )  # fmt: skip


def _moderations(standing: Standing, onto: Name, fit: Fit | None, design: Design) -> list[Moderation]:
    """One arrow for each moderator."""
    terms = {product[-1].name: product[-1] for product in standing.moderators}
    found = []
    for name, lines in label_moderators(standing, fit, design).items():
        inside = [str(word) for word in (terms[name].part, terms[name].when, terms[name].value) if word is not None]
        label = (typeset(" ".join(inside)), *lines) if inside and fit is None else lines
        text = typeset(f"{name} moderates {onto[0]} -> {onto[1]}")
        found.append(Moderation(name, onto[1], "moderation", label, text=text, onto=onto))
    return found


def _loadings(design: Design, drawn: Links) -> Links:
    """Thin arrows from latent variables to their indicators, with what was said of them."""
    found: Links = {}
    for indicator, latents in design.indicators.items():
        for latent in latents:
            known = drawn.pop((latent, indicator, ""), None)
            text = typeset(f"{latent} -> {indicator}")
            found[latent, indicator, ""] = Link(latent, indicator, "loading", known.label if known else (), text=text)
    return found


def _definitions(theory: Theory, drawn: Links) -> Links:
    """What a variable is made of, counted out of or ended by, and the arrow whose coefficient a variable is."""
    found: Links = {}
    for variable in theory.variables:
        for name in components(variable):
            found["=", name, variable.name] = Link(name, variable.name, "part", light=True, way="=")
        for other in (variable.out_of, variable.event):
            if other in theory.names:
                found["=", str(other), variable.name] = Link(str(other), variable.name, "part", light=True, way="=")
        what = parse_definition(variable.computed, variable.place) if variable.computed else None
        if isinstance(what, OwnCoefficient):
            onto = (what.cause.name, what.effect.name, tell_apart(what.cause, what.effect))
            if onto in drawn:
                found["=", variable.name, *onto] = Moderation(variable.name, onto[1], "part", light=True, onto=onto)
        elif isinstance(what, OwnSpread):
            found["=", variable.name] = Link(variable.name, what.effect.name, "part", light=True, way="sigma")
    return found


def _hidden(expansion: Expansion, roles: Mapping[str, str]) -> Links:
    """Hidden common causes, pale between two covariates."""
    found: Links = {}
    for pair in expansion.hidden:
        one, other = pair.one.name, pair.other.name
        pale = roles[one] == roles[other] == "covariate"
        way = " ".join(str(word) for term in (pair.one, pair.other) for word in (term.part, term.when) if word)
        label = () if pair.one.plain and pair.other.plain else (typeset(str(pair)),)
        text = typeset(f"{pair}: {pair.because}" if pair.because else str(pair))
        found["<->", str(pair)] = Link(one, other, "hidden", label, pale, pos=pair.pos, way=way, text=text)
    return found


def _nodes(
    names: tuple[str, ...], theory: Theory, design: Design, small: Small, roles: Mapping[str, Role]
) -> tuple[Node, ...]:
    placed = bool(theory.levels) and any(variable.pos is not None for variable in theory.variables)
    found = []
    for name in names:
        variable = design.variables.get(name)
        lines = [*(describe_node(variable, theory) if variable else ()), *small[name]]
        means, pos = (variable.means or "", variable.pos) if variable else ("", None)
        level = design.level(name) if theory.levels else ""
        lines += [(level,)] if placed else []  # positions leave no room for bands
        found.append(
            Node(name, tuple(lines), roles[name], find_kind(name, variable, design), level, means=means, pos=pos)
        )
    return tuple(found)


def find_kind(name: str, variable: Variable | None, design: Design) -> Kind:
    """How a variable is drawn: measured, latent, computed, as an indicator, as time."""
    if design.trend(name):
        return "time"
    if variable and (variable.measured_by is not None or (variable.computed and not components(variable))):
        return "latent"
    if variable and variable.computed:
        return "computed"
    return "indicator" if name in design.indicators else "measured"


def _housed(nodes: tuple[Node, ...], links: Links, design: Design) -> tuple[Node, ...]:
    """Indicators of one latent variable of their own level stand under it, if no other arrow touches them."""
    touched = {name for link in links.values() if link.kind not in ("loading", "hidden") for name in link.ends}
    placed = {node.name for node in nodes if node.pos is not None}
    housed = []
    for node in nodes:
        latents = design.indicators.get(node.name, ())
        own = len(latents) == 1 and design.level(latents[0]) == design.level(node.name) and node.kind == "indicator"
        free = node.name not in touched and node.pos is None and not (latents and latents[0] in placed)
        housed.append(replace(node, home=latents[0], role="variable") if own and free else node)
    return tuple(housed)


def _folded(picture: Picture) -> Picture:
    """Many indicators with nothing to say for themselves become one box."""
    joined = {name for link in picture.links if link.kind == "hidden" or link.label for name in link.ends}
    homes = Counter(node.home for node in picture.nodes if node.home)
    nodes, gone = list(picture.nodes), dict[str, str]()
    for home, count in homes.items():
        members = [node for node in nodes if node.home == home]
        if count <= MOST_SHOWN or any(node.name in joined for node in members):
            continue
        first, last = members[0], members[-1]
        gone |= {node.name: first.name for node in members[1:]}
        one = replace(first, shown=f"{first.name} … {last.name}", lines=((f"{count} indicators",),))
        nodes = [one if node is first else node for node in nodes if node.name not in gone]
    links = tuple(link for link in picture.links if link.head not in gone)
    return replace(picture, nodes=tuple(nodes), links=links)


def _levels(theory: Theory, design: Design) -> tuple[tuple[str, str], ...]:
    """Bands from the coarsest level to the finest, each with its words."""
    if not theory.levels or theory.levels[0].name == ROW:
        return ()
    order = sorted(theory.levels, key=lambda level: len(design.lattice.above(level.name)))
    return tuple((level.name, describe_level(level)) for level in order)


def _caption(theory: Theory, fit: Fit | None) -> str:
    said = [write_caption(fit)] if fit is not None else []
    if denied := [typeset(f"{cause} -> {effect}") for cause, effect in theory.without]:
        said.append(f"The theory denies {', '.join(denied)}.")
    return " ".join(said)
