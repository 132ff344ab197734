"""The nouns of an expansion: a coefficient, and all of them together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mechanisms.errors import listed
from mechanisms.spec.terms import Term
from mechanisms.spec.theory import LINEAR, Arrow, Condition, HiddenCause, Shape, Span

Product = tuple[Term, ...]
Carries = Literal["value", "departure", "course", "whole", "trend", "loading"]


@dataclass(frozen=True)
class Coefficient:
    """One coefficient with the products that modify it: `cause -> effect [x moderators]`.

    `written` tells whether the author drew it; `reason` says in words where it comes from; `arrow` is the written
    arrow that it (or what implies it) comes from, `said` that arrow's cause as it was written. `carries` says what
    of the cause acts: its value (a variable that is not split), its departure from its course, its course, the whole
    (course and departure by one coefficient), a trend, or a loading. `units` is the level whose units the term
    distinguishes.
    """

    cause: Term
    effect: Term
    shape: Shape
    moderators: tuple[Product, ...]
    written: bool
    reason: str
    arrow: Arrow | None
    added: str = ""  # "moderator", "only_when": the language's word for why it was added
    varies_by: tuple[str, ...] = ()
    only_when: Condition | None = None
    carries: Carries = "value"
    units: str = "row"
    said: Term | None = None

    def __str__(self) -> str:
        notes = [self.shape.kind] if self.shape != LINEAR else []
        if self.moderators:
            notes.append("x " + ", ".join("*".join(map(str, product)) for product in self.moderators))
        if self.varies_by:
            notes.append(f"varies by {', '.join(self.varies_by)}")
        if self.only_when:
            notes.append(f"only when {self.only_when}")
        if self.added:
            notes.append(f"added: {self.added}")
        return f"{self.address}   [{'; '.join(notes)}]" if notes else self.address

    @property
    def address(self) -> str:
        """`cause -> effect`, the name of its draws and its key in `priors`."""
        return f"{self.cause} -> {self.effect}"


@dataclass(frozen=True)
class Course:
    """What a variable (or a part of its mean, `any(y)`) is for one unit of a coarser level.

    `own` tells whether it has an intercept of its own there; `arrows` are the coefficients that move the course
    there, `slopes` those of its equation that vary by the level.
    """

    effect: Term
    level: str
    own: bool
    arrows: tuple[str, ...] = ()
    slopes: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        moved = f", moved by {', '.join(self.arrows)}" if self.arrows else ""
        return f"{self.effect} ({self.level}): {self.reason}{moved}"


@dataclass(frozen=True)
class Correlation:
    """How two quantities that vary at a level are joined there: by `joined_by`, an arrow, or by a correlation.

    Quantities bear the addresses of their sds: `1 -> y`, `x -> y`, or the name of a coefficient variable.
    """

    level: str
    one: str
    other: str
    joined_by: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.one} ~ {self.other} ({self.level}): {self.reason}"


@dataclass(frozen=True)
class Loading:
    """A latent variable's arrow to an indicator; the `marker`'s coefficient is 1 and gives the latent its scale."""

    latent: str
    indicator: str
    marker: bool = False

    def __str__(self) -> str:
        return f"{self.latent} -> {self.indicator}{'   [marker]' if self.marker else ''}"


@dataclass(frozen=True)
class Equation:
    """How the mean of one effect is made, for reading: `text`, and `latex` with a line break between its lines."""

    effect: Term
    text: str
    latex: str

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$$\\begin{{aligned}}{self.latex}\\end{{aligned}}$$"


@dataclass(frozen=True)
class Expansion:
    """Every coefficient that a theory stands for, its hidden common causes, its courses and how they are joined.

    `equations` say the same for reading.
    """

    coefficients: tuple[Coefficient, ...]
    hidden: tuple[HiddenCause, ...] = ()
    courses: tuple[Course, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    loadings: tuple[Loading, ...] = ()
    equations: tuple[Equation, ...] = ()

    def parents(self, effect: Term | str) -> tuple[Coefficient, ...]:
        """The coefficients of one effect's equation; a name finds that variable's own equation."""
        return tuple(each for each in self.coefficients if str(each.effect) == str(effect))

    def __repr__(self) -> str:
        levels = dict.fromkeys([*(each.level for each in self.courses), *(each.level for each in self.correlations)])
        varying = [line for level in levels for line in self._varying(level)]
        return "\n".join([*map(str, self.coefficients), *map(str, self.hidden), *varying])

    def _varying(self, level: str) -> Iterator[str]:
        """What differs between the units of a level, and how it is joined there; deviations of indicators by themselves."""
        joined = [each for each in self.correlations if each.level == level]
        paired = [name for each in joined for name in (each.one, each.other)]
        own = [f"1 -> {each.effect}" for each in self.courses if each.level == level and each.own]
        slopes = [each.address for each in self.coefficients if level in each.varies_by and each.shape.kind != "gp"]
        curves = [each.address for each in self.coefficients if level in each.varies_by and each.shape.kind == "gp"]
        names = dict.fromkeys([*own, *(paired or slopes)])
        alone = {f"1 -> {each.indicator}" for each in self.loadings}
        courses = [name.removeprefix("1 -> ") for name in names if name in own and name not in alone]
        others = [name for name in names if name not in own]
        deviations = [name.removeprefix("1 -> ") for name in own if name in alone]
        words = {f"course{'s' * (len(courses) > 1)} of": courses, f"coefficient{'s' * (len(others) > 1)}": others}
        words["deviations of indicators"] = deviations
        words[f"independent of all else the curve{'s' * (len(curves) > 1)}"] = curves
        if said := [f"{what} {listed(found, most=30)}" for what, found in words.items() if found]:
            yield f"vary by {level}: {'; '.join(said)}"
        if len(courses) + len(others) > 1:
            arrows = listed(dict.fromkeys(each.joined_by for each in joined if each.joined_by), most=30)
            apart = any(not each.joined_by for each in joined)
            yield "  " + ", except where ".join(
                filter(None, ["correlated" if apart else "", f"joined by {arrows}" if arrows else ""])
            )


def show_condition(condition: Condition) -> dict[str, list[str] | str]:
    """A condition as it was written: a list of values, or a range `1..`."""

    def shown(value: float | str) -> str:
        return value if isinstance(value, str) else f"{value:.10g}"

    return {name: str(said) if isinstance(said, Span) else [*map(shown, said)] for name, said in condition.values}


def condition_names(condition: Condition | None) -> tuple[str, ...]:
    """The variables and levels that a condition looks at."""
    return tuple(name for name, _ in condition.values) if condition else ()
