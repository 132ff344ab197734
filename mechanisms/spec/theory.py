"""The published claim exactly as written: variables, arrows, hidden causes, priors, questions.

The types are drawn for the whole language, and all of it is read; what cannot be computed with yet is refused where it
is computed (`model.uncompiled`). A `Theory` is built by `spec.reader.parse` and friends, which also check it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from mechanisms.errors import listed
from mechanisms.spec.display import to_html
from mechanisms.spec.said import Number, QuestionTerm, Said, Scalar, SomeTerm, TermText, read_number

__all__ = [
    "DISTRIBUTIONS", "FAMILIES", "LINEAR", "LINKS", "SHAPES", "Arrow", "Citation", "Condition", "Distribution",
    "HiddenCause", "Level", "Number", "Prior", "Product", "Question", "Scalar", "Shape", "Span", "Theory", "Variable",
    "read_number",
]  # fmt: skip

FAMILIES = (
    "normal", "student", "skew_normal", "lognormal", "gamma", "weibull", "bernoulli", "binomial", "ordinal",
    "sequential", "categorical", "hazard", "poisson", "negative_binomial", "beta", "ordered_beta",
)  # fmt: skip
LINKS = ("identity", "log", "logit", "probit", "cloglog")
SHAPES = ("linear", "quadratic", "log", "logistic", "monotonic", "gp", "polynomial", "spline", "bspline", "piecewise")
DISTRIBUTIONS: dict[str, int] = {  # how many arguments each takes
    "normal": 2, "student": 3, "half_normal": 1, "exponential": 1, "lognormal": 2,
    "gamma": 2, "beta": 2, "uniform": 2, "lkj": 1,
}  # fmt: skip


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


@dataclass(frozen=True)
class Span:
    """A range of numbers, `1..5`; an end left open is None: `1..`, `..5`."""

    first: float | None = None
    last: float | None = None

    def __str__(self) -> str:
        return "..".join("" if end is None else repr(float(end)).removesuffix(".0") for end in (self.first, self.last))

    @property
    def words(self) -> str:
        """`from 1 to 5`, `from 1`, `up to 5`."""
        first, last = ("" if end is None else f"{end:.10g}" for end in (self.first, self.last))
        return f"from {first} to {last}" if first and last else f"from {first}" if first else f"up to {last}"

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float | int) and (
            (self.first is None or value >= self.first) and (self.last is None or value <= self.last)
        )


class Condition(Said):
    """`only_when`: each variable or level takes one of these values, or lies in this range (language 1.4)."""

    values: tuple[tuple[str, tuple[Scalar, ...] | Span], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The variables and levels that it speaks of."""
        return tuple(name for name, _ in self.values)

    def of(self, name: str) -> str:
        """What it says of one variable, in words."""
        return str(Condition(values=tuple(each for each in self.values if each[0] == name)))

    def __str__(self) -> str:
        def shown(value: float | str) -> str:
            return value if isinstance(value, str) else f"{value:.10g}"

        return " and ".join(
            f"{name} {said.words if isinstance(said, Span) else f'is {listed(map(shown, said), joint="or", most=99)}'}"
            for name, said in self.values
        )


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
        if isinstance(self.argument, tuple):
            return f"{self.kind}: [{', '.join(repr(float(knot)).removesuffix('.0') for knot in self.argument)}]"
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
    """A theory of change: the claim as written, every arrow by itself.

    A theory `based_on` another holds everything, what it inherits included; `own` is then what its own text says.
    """

    name: str | None = None
    title: str | None = None
    because: str | None = None
    source: Citation | None = None
    based_on: str | None = None
    without: tuple[tuple[SomeTerm, SomeTerm], ...] = ()
    without_hidden: tuple[HiddenCause, ...] = ()
    levels: tuple[Level, ...] = ()
    time: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    arrows: tuple[Arrow, ...] = ()
    hidden: tuple[HiddenCause, ...] = ()
    priors: tuple[Prior, ...] = ()
    questions: tuple["Question", ...] = ()
    own: "Theory | None" = Field(default=None, repr=False)

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

    def _repr_html_(self) -> str:
        return to_html(self)

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
    if arrow.varies_by is not None:
        notes.append(f"varies by {', '.join(arrow.varies_by) or 'nothing'}")
    if arrow.only_when is not None:
        notes.append(f"only when {arrow.only_when}")
    return (f"   [{'; '.join(notes)}]" if notes else "") + (f"   {arrow.because}" if arrow.because else "")


class Question(Said):
    """What is asked of a theory (language 1.10); its keys are those of the theory file.

    >>> Question(of="treat", on="depress2", kind="indirect", through="job_seek")
    """

    of: QuestionTerm
    on: QuestionTerm
    kind: Literal["total", "direct", "indirect", "controlled"] = "total"
    through: tuple[TermText, ...] = ()  # names: paths through all of them
    path: tuple[TermText, ...] = ()  # `through: x -> m -> y`: exactly that path
    contrast: tuple[Scalar, Scalar] | None = None
    at: tuple[tuple[TermText, tuple[Scalar, ...]], ...] = ()
    set: tuple[tuple[TermText, Scalar | tuple[Scalar, ...]], ...] = ()
    population: Literal["these", "typical"] | tuple[Literal["new", "each"], str] = "these"
    mediators: Literal["natural", "interventional"] = "natural"
    adjust: tuple[TermText, ...] | None = None
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
        _refuse_empty(said)
        if isinstance(said.get("at"), dict):
            said["at"] = tuple(
                (key, tuple(value) if isinstance(value, list | tuple) else (value,))
                for key, value in said["at"].items()
            )
        if isinstance(said.get("set"), dict):
            said["set"] = tuple(
                (key, value if not isinstance(value, list | tuple) else value[0] if len(value) == 1 else tuple(value))
                for key, value in said["set"].items()
            )
        if isinstance(said.get("population"), dict) and len(said["population"]) == 1:
            said["population"] = next(iter(said["population"].items()))
        if isinstance(said.get("adjust"), str):
            said["adjust"] = (said["adjust"],)
        return said


def _refuse_empty(said: dict[str, Any]) -> None:
    """A list of values has one at least."""
    for key in ("at", "set"):
        for name, value in said[key].items() if isinstance(said.get(key), dict) else ():
            if isinstance(value, list | tuple) and not value:
                raise ValueError(f"{key}: {name}: [] holds no value: name one, or leave {name} out")


Theory.model_rebuild()
