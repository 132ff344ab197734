"""Theory → text: canonical YAML (`parse(write(theory)) == theory`) or dagitty text."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, overload

from mechanisms.errors import SpecError, expect
from mechanisms.spec.networks import draw_network
from mechanisms.spec.nodes import MOST_BYTES
from mechanisms.spec.sketch import write_dagitty
from mechanisms.spec.theory import (
    Arrow,
    Citation,
    Condition,
    HiddenCause,
    Level,
    Prior,
    Question,
    Scalar,
    Span,
    Theory,
    Variable,
)

if TYPE_CHECKING:
    import networkx as nx

_PLAIN = re.compile(r"[^\W_][^\n\r\t\x85\u2028\u2029\"'{}\[\],#&*!|>%@`:]*|_\w*|-?[0-9.]+", re.ASCII)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
Pairs = list[tuple[str, str]]


@overload
def write(theory: Theory, form: Literal["yaml", "dagitty"] = "yaml", *, partial: bool = False) -> str: ...


@overload
def write(theory: Theory, form: Literal["networkx"], *, partial: bool = False) -> "nx.DiGraph[str]": ...


def write(theory: Theory, form: str = "yaml", *, partial: bool = False) -> "str | nx.DiGraph[str]":
    """The theory as YAML text, as dagitty text or as a networkx graph.

    What dagitty text or a graph cannot hold is refused and listed, unless `partial=True`.
    """
    expect(theory, Theory, "what is written", "mx.load or mx.parse makes one")
    if form == "dagitty":
        return _readable(write_dagitty(theory, partial=partial), theory)
    if form == "networkx":
        whole = theory.model_copy(update={"own": None, "based_on": None})
        return draw_network(theory, write_yaml(whole), partial=partial)
    if form != "yaml":
        raise SpecError(f"unknown form '{form}'; a theory is written as 'yaml', 'dagitty' or 'networkx'")
    return _readable(write_yaml(theory.own or theory), theory)


def _readable(text: str, theory: Theory) -> str:
    """The text, unless it is too large to be read again: a few lines may stand for thousands of arrows."""
    if (size := len(text.encode())) > MOST_BYTES:
        raise SpecError(
            f"written arrow by arrow, the theory takes {size // 1000} kB; a theory file may hold {MOST_BYTES // 1000}. "
            "Keep it as it was written, or say less on each of its many arrows",
            theory.place,
        )
    return text


def write_yaml(theory: Theory) -> str:
    """Canonical YAML of exactly what the theory holds."""
    lines = [f"{key}: {value}" for key, value in _about(theory)]
    left_out = [f"{cause} -> {effect}" for cause, effect in theory.without] + list(map(str, theory.without_hidden))
    if left_out:
        lines += ["without:", *(f"  - {_quote(text)}" for text in left_out)]
    lines += _section("levels", ((level.name, _level(level)) for level in theory.levels))
    if theory.time:
        lines.append(f"time: {_one_or_list(theory.time)}")
    lines += _section("variables", ((v.name, _variable(v)) for v in theory.variables))
    arrows = [(str(arrow), _arrow(arrow)) for arrow in theory.arrows]
    arrows += [(str(pair), _reasons(pair)) for pair in theory.hidden]
    lines += _section("arrows", arrows)
    lines += _section("priors", ((prior.address, _prior(prior)) for prior in theory.priors))
    lines += list(_questions(theory.questions))
    return "\n".join(lines) + "\n"


def _section(key: str, entries: Iterable[tuple[str, Pairs]]) -> list[str]:
    """A key with an entry a line and an option a line."""
    lines: list[str] = []
    for name, options in entries:
        lines.append(f"  {_quote(name)}:")
        lines += [f"    {option}: {value}" for option, value in options]
    return [f"{key}:", *lines] if lines else []


def _about(theory: Theory) -> Pairs:
    return _texts(theory, "name", "title", "because") + _source(theory.source) + _texts(theory, "based_on")


def _level(level: Level) -> Pairs:
    options: Pairs = []
    if level.within:
        options.append(("in", _one_or_list(level.within)))
    if level.shared_by:
        options.append(("shared_by", _one_or_list(level.shared_by)))
    options += _condition(level.only_when)
    if level.occasions:
        options.append(("occasions", _list(map(float, level.occasions))))
    return options + _texts(level, "means")


def _condition(condition: Condition | None) -> Pairs:
    if condition is None:
        return []
    said = (
        (
            _quote(name),
            str(values) if isinstance(values, Span) else _list(values) if len(values) > 1 else _scalar(values[0]),
        )
        for name, values in condition.values
    )
    return [("only_when", _flow(said))]


def _one_or_list(names: tuple[str, ...]) -> str:
    return _quote(names[0]) if len(names) == 1 else _list(names)


def _texts(said: object, *keys: str) -> Pairs:
    return [(key, _quote(getattr(said, key))) for key in keys if getattr(said, key) is not None]


def _source(source: Citation | None) -> Pairs:
    if source is None:
        return []
    if source.url is source.doi is None:
        return [("source", _quote(source.text))]
    return [("source", _flow(_texts(source, "text", "url", "doi")))]


def _pos(pos: tuple[float, float] | None, key: str = "pos") -> Pairs:
    return [] if pos is None else [(key, _list(pos))]


def _variable(variable: Variable) -> Pairs:
    options = _texts(variable, "means", "level", "family", "link", "zeros")
    if variable.values:
        options.append(("values", _list(variable.values)))
    if variable.out_of is not None:
        options.append(("out_of", _scalar(variable.out_of)))
    options += _texts(variable, "event") + _pos(variable.range, "range")
    options += _texts(variable, "unit", "assigned", "assessed", "centre")
    if variable.measured_by is not None:
        options.append(("measured_by", _list(variable.measured_by)))
    if variable.computed is not None:
        options.append(("is", _quote(variable.computed)))
    options += _condition(variable.only_when)
    return options + _source(variable.source) + _pos(variable.pos)


def _arrow(arrow: Arrow) -> Pairs:
    options: Pairs = []
    if arrow.shape.kind != "linear":
        options.append(("shape", f"{{{arrow.shape}}}" if arrow.shape.argument is not None else arrow.shape.kind))
    if arrow.moderated_by:
        options.append(("moderated_by", _list(" * ".join(map(str, product)) for product in arrow.moderated_by)))
    if arrow.varies_by is not None:
        options.append(("varies_by", _list(arrow.varies_by)))
    return options + _condition(arrow.only_when) + _reasons(arrow)


def _reasons(said: Arrow | HiddenCause) -> Pairs:
    return _texts(said, "because") + _source(said.source) + _pos(said.pos)


def _prior(prior: Prior) -> Pairs:
    options: Pairs = []
    if prior.distribution is not None:
        options.append((prior.distribution.name, _list(prior.distribution.arguments)))
    if prior.fixed is not None:
        options.append(("fixed", _scalar(prior.fixed)))
    options += _texts(prior, "same_as", "evidence")
    if prior.discount is not None:
        options.append(("discount", _scalar(prior.discount)))
    if prior.scale != "raw":
        options.append(("scale", prior.scale))
    if prior.at:
        options.append(("at", _flow((_quote(key), _scalar(value)) for key, value in prior.at)))
    options += [
        (key, _scalar(bound)) for key, bound in (("above", prior.above), ("below", prior.below)) if bound is not None
    ]
    return options + _texts(prior, "because") + _source(prior.source)


def _questions(questions: tuple[Question, ...]) -> Iterator[str]:
    if questions:
        yield "questions:"
    for question in questions:
        for number, (key, value) in enumerate(_question(question)):
            yield f"  {'  ' if number else '- '}{key}: {value}"


def _question(question: Question) -> Pairs:
    options = [*_texts(question, "name"), ("of", _quote(str(question.of))), ("on", _quote(str(question.on)))]
    for key, usual in (("kind", "total"), ("mediators", "natural"), ("scale", "raw")):
        if getattr(question, key) != usual:
            options.append((key, _quote(str(getattr(question, key)))))
    if isinstance(question.population, tuple):
        options.append(("population", _flow([(question.population[0], _quote(question.population[1]))])))
    elif question.population != "these":
        options.append(("population", question.population))
    if question.path:
        options.append(("through", _quote(" -> ".join(question.path))))
    if question.through:
        options.append(("through", _list(question.through)))
    if question.contrast is not None:
        options.append(("contrast", _list(question.contrast)))
    if question.at:
        options.append(("at", _flow((_quote(key), _list(values)) for key, values in question.at)))
    if question.set:
        options.append(
            (
                "set",
                _flow(
                    (_quote(key), _list(value) if isinstance(value, tuple) else _scalar(value))
                    for key, value in question.set
                ),
            )
        )
    if question.adjust is not None:
        options.append(("adjust", _list(question.adjust)))
    return options + _texts(question, "because")


def _list(values: Iterable[Scalar]) -> str:
    return f"[{', '.join(_scalar(value) for value in values)}]"


def _flow(pairs: Iterable[tuple[str, str]]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"


def _scalar(value: Scalar) -> str:
    return _quote(value) if isinstance(value, str) else repr(float(value)).removesuffix(".0")


def _quote(text: str) -> str:
    """Plain where YAML reads it back as it is, else in double quotes."""
    words = text.replace(" <-> ", " ").replace(" -> ", " ").replace(" * ", " ")
    if _PLAIN.fullmatch(words) and text[-1] != " " and text.isprintable():
        return text
    body = _UNPRINTABLE.sub(_escape, text.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{body}"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
