"""The published claim exactly as written: variables, arrows, hidden causes, priors, questions.

The types are drawn for the whole language; what the reader does not read yet it refuses by name (`spec.reader`).
A `Theory` is built by `spec.reader.parse` and friends, which also check it (`spec.checks`).
"""

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mechanisms.errors import NOWHERE, Place, SpecError, did_you_mean
from mechanisms.spec.terms import Term, parse_term

FAMILIES = (
    "normal", "student", "skew_normal", "lognormal", "gamma", "weibull", "bernoulli", "binomial", "ordinal",
    "sequential", "categorical", "hazard", "poisson", "negative_binomial", "beta", "ordered_beta",
)  # fmt: skip
LINKS = ("identity", "log", "logit", "probit", "cloglog")
SHAPES = ("linear", "quadratic", "log", "logistic", "monotonic", "gp", "polynomial", "spline", "piecewise")
DISTRIBUTIONS: dict[str, int] = {  # how many arguments each takes
    "normal": 2, "student": 3, "half_normal": 1, "exponential": 1, "lognormal": 2,
    "gamma": 2, "beta": 2, "uniform": 2, "lkj": 1,
}  # fmt: skip

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_number(text: str) -> float | None:
    """The finite number that a text is, or None; `nan`, `inf` and `1_000` are words, not numbers."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def _scalar(value: Any) -> Any:
    """Numbers written as text become numbers; everything else (`cbt`, `mean`, `+1 sd`, `90%`) stays text."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        number = read_number(value.strip())
        return value.strip() if number is None else number
    return value


Number = Annotated[float, Field(allow_inf_nan=False)]
Scalar = Annotated[Number | str, BeforeValidator(_scalar)]


def _term(value: Any) -> Any:
    return parse_term(value) if isinstance(value, str) else value


def _question_term(value: Any) -> Any:
    return parse_term(value, question=True) if isinstance(value, str) else value


SomeTerm = Annotated[Term, BeforeValidator(_term)]
QuestionTerm = Annotated[Term, BeforeValidator(_question_term)]


class Said(BaseModel):
    """Something said in a theory. `place` is the line it stands on; it takes no part in equality."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    place: Place = Field(default=NOWHERE, exclude=True, repr=False)

    def __init__(self, **said: Any) -> None:
        try:
            super().__init__(**said)
        except ValidationError as error:
            raise self._refusal(error, said) from None

    @classmethod
    def _refusal(cls, error: ValidationError, said: dict[str, Any]) -> SpecError:
        """Pydantic's first complaint as ours; nothing of pydantic escapes."""
        first = error.errors(include_url=False, include_context=False)[0]
        key = str(first["loc"][0]) if first["loc"] else cls.__name__.lower()
        place = said.get("place", NOWHERE)
        place = place if isinstance(place, Place) else NOWHERE
        if first["type"] == "extra_forbidden":
            return SpecError(f"unknown key '{key}'.{did_you_mean(key, cls.model_fields)}", place)
        if first["type"] == "missing":
            return SpecError(f"'{key}' is missing", place)
        message = first["msg"].removeprefix("Value error, ")
        if message.startswith("Input should be ") and key in said:
            message = message.replace("Input", repr(said[key]), 1)
        return SpecError(f"{key}: {message}", place)


class Citation(Said):
    """Where a claim comes from."""

    text: str
    url: str | None = None
    doi: str | None = None


class Level(Said):
    """A kind of unit (language 1.3)."""

    name: str
    within: tuple[str, ...] = ()
    shared_by: tuple[str, ...] = ()
    only_when: "Condition | None" = None
    occasions: tuple[int, ...] = ()
    means: str | None = None


class Condition(Said):
    """`only_when`: a variable or level takes one of these values, or lies in this range (language 1.4)."""

    values: tuple[tuple[str, tuple[Scalar, ...] | tuple[Number, Number]], ...]


class Variable(Said):
    """A variable and the design facts about it (language 1.4). Roles belong to questions, not to variables."""

    name: str
    means: str | None = None
    level: str | None = None
    family: str | None = None
    link: str | None = None
    zeros: Literal["hurdle", "inflated"] | None = None
    values: tuple[str, ...] = ()
    out_of: Scalar | None = None
    event: str | None = None
    range: tuple[Number, Number] | None = None
    unit: str | None = None
    assigned: Literal["randomised"] | None = None
    assessed: Literal["start", "end"] | None = None
    centre: Literal["latent", "observed"] | None = None
    measured_by: tuple[str, ...] | None = None
    computed: str | None = None
    only_when: Condition | None = None
    source: Citation | None = None
    pos: tuple[Number, Number] | None = None


class Shape(Said):
    """How an arrow runs: `linear`, `quadratic`, … with the shape's argument where it takes one."""

    kind: str = "linear"
    argument: int | tuple[Number, ...] | None = None

    def __str__(self) -> str:
        return self.kind if self.argument is None else f"{self.kind}: {self.argument}"


LINEAR = Shape()
Product = tuple[SomeTerm, ...]  # one moderator: `w` is (w,), `w * z` is (w, z)


class Arrow(Said):
    """One cause, one effect, and what the arrow looks like (language 1.5). Its text is its identity."""

    cause: SomeTerm
    effect: SomeTerm
    shape: Shape = LINEAR
    moderated_by: tuple[Product, ...] = ()
    varies_by: tuple[str, ...] | None = None
    only_when: Condition | None = None
    because: str | None = None
    source: Citation | None = None
    pos: tuple[Number, Number] | None = None

    def __str__(self) -> str:
        return f"{self.cause} -> {self.effect}"


class HiddenCause(Said):
    """`a <-> b`: a hidden common cause; the two names stand in alphabetical order."""

    one: SomeTerm
    other: SomeTerm
    because: str | None = None
    source: Citation | None = None
    pos: tuple[Number, Number] | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_order(cls, said: Any) -> Any:
        if isinstance(said, dict) and {"one", "other"} <= said.keys() and str(said["other"]) < str(said["one"]):
            return {**said, "one": said["other"], "other": said["one"]}
        return said

    def __str__(self) -> str:
        return f"{self.one} <-> {self.other}"


class Distribution(Said):
    """A named distribution with its arguments, `{normal: [0, 1]}`."""

    name: str
    arguments: tuple[Number, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{value:g}' for value in self.arguments)})"


class Prior(Said):
    """What is known of one parameter beforehand (language 1.9): a distribution, a number, or an equality."""

    address: str
    distribution: Distribution | None = None
    fixed: Number | None = None
    same_as: str | None = None
    evidence: str | None = None
    discount: Number | None = None
    scale: Literal["raw", "standardised"] = "raw"
    at: tuple[tuple[str, Scalar], ...] = ()
    above: Number | None = None
    below: Number | None = None
    because: str | None = None
    source: Citation | None = None


class Theory(Said):
    """A theory of change: the claim as written, every arrow by itself."""

    name: str | None = None
    title: str | None = None
    because: str | None = None
    source: Citation | None = None
    based_on: str | None = None
    without: tuple[tuple[SomeTerm, SomeTerm], ...] = ()
    levels: tuple[Level, ...] = ()
    time: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    arrows: tuple[Arrow, ...] = ()
    hidden: tuple[HiddenCause, ...] = ()
    priors: tuple[Prior, ...] = ()
    questions: tuple["Question", ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names, in the order in which they were declared."""
        return tuple(variable.name for variable in self.variables)

    def __repr__(self) -> str:
        head = " · ".join(word for word in (self.name, self.title, self.source.text if self.source else None) if word)
        lines = [f"Theory: {head or f'{len(self.variables)} variables'}"]
        lines += [f"  {arrow}{_options(arrow)}" for arrow in self.arrows]
        lines += [f"  {pair}" for pair in self.hidden]
        lines += [f"  without {cause} -> {effect}" for cause, effect in self.without]
        return "\n".join(lines)

    __str__ = __repr__

    def variable(self, name: str) -> Variable:
        """The variable of that name; `KeyError` when there is none."""
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise KeyError(name)


def _options(arrow: Arrow) -> str:
    """An arrow's options in brackets, and its reason."""
    notes = [str(arrow.shape)] if arrow.shape != LINEAR else []
    if arrow.moderated_by:
        notes.append("moderated by " + ", ".join(" * ".join(map(str, product)) for product in arrow.moderated_by))
    return (f"   [{'; '.join(notes)}]" if notes else "") + (f"   {arrow.because}" if arrow.because else "")


class Question(Said):
    """What is asked of a theory (language 1.10); its keys are those of the theory file.

    >>> Question(of="treat", on="depress2", kind="indirect", through="job_seek")
    """

    of: QuestionTerm
    on: QuestionTerm
    kind: Literal["total", "direct", "indirect", "controlled"] = "total"
    through: tuple[str, ...] = ()  # names: paths through all of them
    path: tuple[str, ...] = ()  # `through: x -> m -> y`: exactly that path
    contrast: tuple[Scalar, Scalar] | None = None
    at: tuple[tuple[str, tuple[Scalar, ...]], ...] = ()
    set: tuple[tuple[str, Scalar], ...] = ()
    population: Literal["these", "typical"] | tuple[Literal["new", "each"], str] = "these"
    mediators: Literal["natural", "interventional"] = "natural"
    adjust: tuple[str, ...] | None = None
    scale: Literal["raw", "standardised", "link"] = "raw"
    name: str | None = None
    because: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, said: Any) -> Any:
        """Read the short forms of the file: one name, a path as text, mappings, a single value."""
        if not isinstance(said, dict):
            return said
        said = dict(said)
        through = said.get("through")
        if isinstance(through, str) and "->" in through:
            if said.get("path"):
                raise ValueError("through: a path is said twice")
            said["path"] = tuple(step.strip() for step in said.pop("through").split("->"))
        elif isinstance(through, str):
            said["through"] = (through,)
        if isinstance(said.get("at"), dict):
            said["at"] = tuple(
                (key, tuple(value) if isinstance(value, list | tuple) else (value,))
                for key, value in said["at"].items()
            )
        if isinstance(said.get("set"), dict):
            said["set"] = tuple(said["set"].items())
        if isinstance(said.get("population"), dict) and len(said["population"]) == 1:
            said["population"] = next(iter(said["population"].items()))
        if isinstance(said.get("adjust"), str):
            said["adjust"] = (said["adjust"],)
        return said


Theory.model_rebuild()
