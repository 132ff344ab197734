"""What stands on the arrows and in the boxes of a path diagram in words, as short as its place allows."""

import textwrap

from mechanisms.graph.expansion import Coefficient as Standing
from mechanisms.graph.levels import Design, computed_from
from mechanisms.infer.posterior import Fit
from mechanisms.report.labels import ARROW, label_arrow, name_part
from mechanisms.report.numbers import MINUS
from mechanisms.spec.terms import Relative, Term
from mechanisms.spec.theory import LINEAR, Level, Theory, Variable

_ROW = 23  # letters in a line of a label


def typeset(text: str) -> str:
    """The language's text with true arrows and minus signs."""
    return text.replace("<->", "\N{LEFT RIGHT ARROW}").replace("->", ARROW).replace("-", MINUS)


def tell_apart(cause: Term, effect: Term) -> str:
    """What tells an arrow from others between the same variables; categories of one variable share an arrow."""
    return " ".join(str(word) for word in (cause.part, cause.when, effect.spread) if word is not None)


def is_lagged(term: Term) -> bool:
    """Whether a term is of an earlier occasion."""
    return isinstance(term.when, Relative) and term.when.steps < 0


def is_between(term: Term, design: Design) -> bool:
    """Whether the author named the part of a coarser level."""
    return term.part in design.lattice.above(design.level(term.name))


def label_link(
    standing: Standing, fit: Fit | None, design: Design, *, full: bool, wrap: bool = True
) -> tuple[str, ...]:
    """The label of an arrow: what its two names do not say, and with a fit its numbers; in a table no line is broken."""
    arrow = standing.arrow if standing.written else None
    cause, effect = (arrow.cause, arrow.effect) if arrow else (standing.cause, standing.effect)
    numbers = label_arrow(standing, fit, design) if fit is not None else ()
    said = bool(numbers) and not full and bool(name_part(cause, design)) and not (effect.spread or effect.value)
    words = [typeset(f"{cause} -> {effect}")] if full else [] if said else [_beyond(cause, effect)]
    if fit is None and standing.shape != LINEAR:
        words.append(typeset(str(standing.shape)))
    if arrow:
        words += [f"varies by {', '.join(arrow.varies_by)}"] if arrow.varies_by and fit is None else []
        words += [f"only when {typeset(str(arrow.only_when))}"] if arrow.only_when else []
    kept = [text for text in words if text]
    lines = [line for text in kept for line in textwrap.wrap(text, _ROW, break_long_words=False)] if wrap else kept
    return (*lines, *numbers)


def _beyond(cause: Term, effect: Term) -> str:
    """`t−1`, `client`, `→ sigma`, `empathic → sharing`: nothing where both are plain names."""
    inside = " ".join(str(word) for word in (cause.part, cause.when, cause.value) if word is not None)
    into = effect.spread or effect.value
    return typeset(f"{inside} -> {into}".strip() if into else inside)


def describe_node(variable: Variable, theory: Theory) -> list[tuple[str, ...]]:
    """Small print of a box: what it is computed from, where it exists, what its intercept is."""
    said: list[str] = []
    if variable.computed:
        said.append(f"= {variable.computed}")
    if variable.out_of is not None:
        said.append(f"out of {variable.out_of if isinstance(variable.out_of, str) else f'{variable.out_of:g}'}")
    if variable.event:
        said.append(f"event: {variable.event}")
    if variable.only_when:
        said.append(f"only when {variable.only_when}")
    for arrow in theory.arrows:
        if arrow.cause.name == "1" and arrow.effect.name == variable.name:
            what = f"intercept of {arrow.effect}" if arrow.effect.spread or arrow.effect.value else "intercept"
            if arrow.varies_by is not None:
                said.append(f"{what} varies by {', '.join(arrow.varies_by) or 'nothing'}")
    return [(line,) for text in said for line in textwrap.wrap(typeset(text), 30)]


def describe_level(level: Level) -> str:
    """What stands at the margin of a level's band."""
    parts = [level.name]
    if len(level.within) > 1:
        parts.append(f"in {' and '.join(level.within)}")
    if level.shared_by:
        parts.append(f"shared by {', '.join(level.shared_by)}")
    if level.only_when:
        parts.append(f"only when {typeset(str(level.only_when))}")
    return " ".join([parts[0], f"({', '.join(parts[1:])})" if parts[1:] else ""]).strip()


def components(variable: Variable) -> tuple[str, ...]:
    """The variables that a sum is made of."""
    return tuple(dict.fromkeys(term.name for term in computed_from(variable)))
