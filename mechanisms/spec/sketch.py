"""Theory → dagitty text, one edge a statement (language 1.11)."""

import re
from collections.abc import Iterator
from dataclasses import replace

from mechanisms.errors import SpecError, listed
from mechanisms.spec.influences import added_arrows
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import Arrow, Citation, HiddenCause, Question, Shape, Theory, Variable

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_UNFIT = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VALUE = re.compile(r"-?[A-Za-z0-9_.]+")


def write_dagitty(theory: Theory, *, partial: bool = False) -> str:
    """Dagitty text; what it cannot hold is refused by name, or left away with `partial=True`."""
    lost = list(dict.fromkeys(_lost(theory)))
    if lost and not partial:
        raise SpecError(
            f"dagitty text cannot hold {listed(lost)}; write YAML, or write(theory, 'dagitty', partial=True)",
            theory.place,
        )
    roles = _roles(theory) or {}
    lines = [f"  {_box(theory)}"] if any(variable.pos for variable in theory.variables) else []
    lines += [f"  {line}" for line in _graph(theory)]
    lines += [f"  {_name(variable.name)}{_bracket(_node(variable, roles))}" for variable in theory.variables]
    lines += [
        f"  {_name(str(a.cause))} -> {_name(str(a.effect))}{_bracket(_edge(a))}"
        for a in theory.arrows
        if a.cause != CONSTANT
    ]
    lines += [f"  {_name(str(cause))} -> {_name(str(effect))}" for cause, effect in list_added(theory)]
    lines += [f"  {_name(str(h.one))} <-> {_name(str(h.other))}{_bracket(_edge(h))}" for h in theory.hidden]
    return "\n".join(["dag {", *lines, "}"]) + "\n"


def list_added(theory: Theory) -> list[tuple[Term, Term]]:
    """Arrows that nobody wrote: of moderators, and of the variable that a count is out of."""
    drawn = {(replace(arrow.cause, value=None), arrow.effect) for arrow in theory.arrows}
    added = [pair for pair in added_arrows(theory) if (replace(pair[0], value=None), pair[1]) not in drawn]
    trials = [
        (Term(variable.out_of), Term(variable.name))
        for variable in theory.variables
        if isinstance(variable.out_of, str)
    ]
    return [*added, *(pair for pair in trials if pair not in drawn)]


def _is_chain(theory: Theory) -> bool:
    """Whether each level lies in the next, so that a list says all."""
    chain = [(level.within, level.shared_by) for level in theory.levels]
    above = [((level.name,), ()) for level in theory.levels[1:]]
    return chain == [*above, ((), ())] if chain else True


def _graph(theory: Theory) -> Iterator[str]:
    if theory.levels and _is_chain(theory):
        yield f"levels={_quote(','.join(level.name for level in theory.levels))}"
        if theory.time:
            yield f"time={_quote(','.join(theory.time))}"


def _lost(theory: Theory) -> Iterator[str]:
    """What of the theory has no place in dagitty text."""
    for key in ("name", "title", "because", "source", "based_on", "without", "priors"):
        if getattr(theory, key):
            yield key
    if theory.questions and _roles(theory) is None:
        yield "questions that are more than exposures, outcomes and what is adjusted"
    if not _is_chain(theory):
        yield "levels that are not a chain"
    for level in theory.levels:
        yield from (f"{key} of {level.name}" for key in ("only_when", "occasions", "means") if getattr(level, key))
    for variable in theory.variables:
        yield from _lost_of_variable(variable)
    for arrow in theory.arrows:
        if arrow.only_when is not None:
            yield f"only_when of {arrow}"
        if arrow.cause == CONSTANT:
            yield f"how {arrow} varies"
    drawings: tuple[Arrow | HiddenCause, ...] = (*theory.arrows, *theory.hidden)
    for drawn in drawings:
        if _UNFIT.search(f"{drawn.because}{drawn.source and drawn.source.text}"):
            yield f"line breaks and control characters of {drawn}"
        if drawn.source is not None and (drawn.source.url or drawn.source.doi):
            yield f"url and doi of {drawn}"


def _lost_of_variable(variable: Variable) -> Iterator[str]:
    cited = variable.source and variable.source.text
    if _UNFIT.search(f"{variable.means}{variable.unit}{cited}{''.join(variable.values)}"):
        yield f"line breaks and control characters of {variable.name}"
    if variable.only_when is not None:
        yield f"only_when of {variable.name}"
    if variable.source is not None and (variable.source.url or variable.source.doi):
        yield f"url and doi of the source of {variable.name}"
    if _is_spread(variable):
        yield f"is of {variable.name}"
    if any("," in value or value != value.strip() for value in variable.values):
        yield f"values of {variable.name} that hold a comma"


def _roles(theory: Theory) -> dict[str, set[str]] | None:
    """Exposures, outcomes and adjusted nodes that stand for exactly the questions; None where none do."""
    questions = theory.questions
    if not all(question.of.plain and question.on.plain for question in questions):
        return None
    of = list(dict.fromkeys(question.of.name for question in questions))
    on = list(dict.fromkeys(question.on.name for question in questions))
    adjust = questions[0].adjust if questions else None
    order = list(theory.names)
    of.sort(key=order.index)
    on.sort(key=order.index)
    adjusted = None if adjust is None else tuple(sorted(adjust, key=order.index))
    if adjusted == () or (adjusted is not None and adjusted != adjust):
        return None
    asked = tuple(Question(of=one, on=other, adjust=adjusted) for one in of for other in on)
    return {"exposure": set(of), "outcome": set(on), "adjusted": set(adjust or ())} if asked == questions else None


def _node(variable: Variable, roles: dict[str, set[str]]) -> Iterator[str]:
    yield from (role for role, names in roles.items() if variable.name in names)
    if variable.measured_by == ():
        yield "latent"
    for key in ("means", "level", "family", "link", "zeros", "event", "unit", "assigned", "assessed", "centre"):
        if (said := getattr(variable, key)) is not None:
            yield f"{key}={_quote(said)}"
    if variable.out_of is not None:
        yield f"out_of={_quote(variable.out_of if isinstance(variable.out_of, str) else _number(variable.out_of))}"
    if variable.measured_by:
        yield f"measured_by={_quote(','.join(variable.measured_by))}"
    if variable.computed is not None and not _is_spread(variable):
        yield f"is={_quote(variable.computed)}"
    if variable.values:
        yield f"values={_quote(','.join(variable.values))}"
    if variable.source is not None:
        yield f"source={_text(variable.source)}"
    for key in ("range", "pos"):
        if (pair := getattr(variable, key)) is not None:
            yield f"{key}={_pair(pair)}"


def _edge(drawn: Arrow | HiddenCause) -> Iterator[str]:
    if isinstance(drawn, Arrow):
        if drawn.shape.kind != "linear":
            yield f"shape={_quote(_shape(drawn.shape))}"
        if drawn.moderated_by:
            products = (" * ".join(map(str, product)) for product in drawn.moderated_by)
            yield f"moderated_by={_quote(', '.join(products))}"
        if drawn.varies_by is not None:
            yield f"varies_by={_quote(','.join(drawn.varies_by))}"
    if drawn.because is not None:
        yield f"because={_quote(drawn.because)}"
    if drawn.source is not None:
        yield f"source={_text(drawn.source)}"
    if drawn.pos is not None:
        yield f"pos={_pair(drawn.pos)}"


def _is_spread(variable: Variable) -> bool:
    """Whether it is a unit's own spread, which needs `1 -> sigma(v)`."""
    return variable.computed is not None and variable.computed.startswith("sigma(")


def _shape(shape: Shape) -> str:
    knots = shape.argument if isinstance(shape.argument, tuple) else (shape.argument,)
    return shape.kind if shape.argument is None else f"{shape.kind}:{','.join(_number(knot or 0) for knot in knots)}"


def _text(source: Citation) -> str:
    return _quote(source.text)


def _box(theory: Theory) -> str:
    """The bounding box of the positions, as dagitty draws it."""
    spots = [variable.pos for variable in theory.variables if variable.pos is not None]
    xs, ys = [x for x, _ in spots], [y for _, y in spots]
    corners = (min(xs) - 1, min(ys) - 1, max(xs) + 1, max(ys) + 1)
    return f'bb="{",".join(_number(corner) for corner in corners)}"'


def _bracket(attributes: Iterator[str]) -> str:
    said = ", ".join(attributes)
    return f" [{said}]" if said else ""


def _pair(pair: tuple[float, float]) -> str:
    return f'"{_number(pair[0])},{_number(pair[1])}"'


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _name(term: str) -> str:
    return term if _WORD.fullmatch(term) and term.casefold() not in ("graph", "node", "edge", "strict") else f'"{term}"'


def _quote(text: str) -> str:
    text = _UNFIT.sub(" ", text)
    return text if _VALUE.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
