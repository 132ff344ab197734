"""From what a theory stands for to equations: every coefficient of the expansion becomes columns, products and an address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product as every

from mechanisms.data.shapes import name_basis, spell_condition
from mechanisms.errors import SpecError
from mechanisms.graph.expansion import Coefficient as Standing
from mechanisms.graph.expansion import Expansion
from mechanisms.graph.expansion.courses import find_owned
from mechanisms.graph.levels import ROW, Design, computed_from, survey
from mechanisms.model.elsewhere import list_leftovers
from mechanisms.model.equations import INTERCEPT, Coefficient, Equation, Factor, Moves, Part, Reading, Varying, Wave
from mechanisms.model.families import FAMILIES
from mechanisms.model.measurement import list_loadings, set_apart
from mechanisms.model.targets import Target, list_targets
from mechanisms.spec.shapes import TRAITS, count_columns, count_pieces, list_powers, spell
from mechanisms.spec.terms import Occasions, Relative, Term
from mechanisms.spec.theory import Shape, Theory, Variable

_CATEGORIES = ("categorical", "ordinal", "sequential")


@dataclass(frozen=True)
class Column:
    """One column of a term, as an address writes it and as it is read."""

    reading: Reading
    text: str

    def factor(self, power: int = 1) -> Factor:
        """The column as a factor of a product."""
        text = "" if self.text == self.reading.column else self.text
        return Factor(self.reading.column, power, text)


def assemble(theory: Theory, expansion: Expansion, name: str) -> Equation:
    """The equation of one modelled variable, with every linear predictor that its family needs."""
    design, variable = survey(theory), theory.variable(name)
    family = FAMILIES[variable.family or "normal"]
    owners = {address: owner.name for address, owner in find_owned(expansion.coefficients, design).items()}
    own, *parts = (_predictor(each, variable, expansion, design, owners) for each in list_targets(variable, expansion))
    if owned := [one for each in (own, *parts) for one in each.owned if parts]:
        raise SpecError(
            f"{owned[0].owner}: a coefficient of {name}, which has several linear predictors, is not compiled yet as a variable",
            theory.variable(owned[0].owner).place,
        )
    readings = {reading.column: reading for each in (own, *parts) for reading in each.readings}
    latent = next((what for what, owner in owners.items() if owner == name), "")
    volatility = owners.get(f"{family.spread}({name})", "")
    varied = any(each.role == "spread" for each in parts)
    spread = f"{family.spread}({name})" if family.spread and not (latent or volatility or varied) else None
    lagged = any(each.steps and each.part != "trend" for each in readings.values())
    return replace(
        own,
        spread=spread,
        readings=tuple(readings.values()),
        initial=f"{family.spread}({name} | first)" if family.spread and lagged else None,
        volatility=volatility,
        latent=latent,
        shape=f"{family.shape}({name})" if family.shape else None,
        out_of=find_trials(variable),
        event=variable.event,
        parts=tuple(parts),
    )


def _predictor(
    target: Target, variable: Variable, expansion: Expansion, design: Design, owners: Mapping[str, str]
) -> Equation:
    """One linear predictor of a variable: intercept, coefficients, and what their columns show."""
    coefficients: dict[frozenset[tuple[str, int]], Coefficient] = {}
    readings: dict[str, Reading] = {}
    for effect in (*target.reached, target.term):
        for standing in (*expansion.parents(effect), *list_loadings(effect, expansion, design)):
            here = replace(standing, effect=target.term) if target.apart else standing
            for coefficient, columns in _coefficients(here, design):
                key = frozenset((factor.column, factor.power) for factor in coefficient.factors)
                owner = owners.get(coefficient.address, "")
                coefficients.setdefault(key, replace(coefficient, owner=owner, varies_by=()) if owner else coefficient)
                readings |= {column.reading.column: column.reading for column in columns}
    own = design.level(variable.name)
    for coefficient, column in tuple(list_leftovers(coefficients.values(), readings, own, design, target.role)):
        coefficients[frozenset((factor.column, factor.power) for factor in coefficient.factors)] = coefficient
        readings[column.column] = column
    text = str(target.term)
    return Equation(
        response=variable.name,
        family=variable.family or "normal",
        link=target.link,
        intercept=f"{INTERCEPT}{text}",
        coefficients=tuple(each for each in coefficients.values() if not each.owner),
        spread=None,
        level=own,
        intercepts=tuple(each.level for each in expansion.courses if each.own and each.effect == target.levels_of),
        readings=tuple(readings.values()),
        owned=tuple(each for each in coefficients.values() if each.owner),
        target=text,
        role=target.role,
        zeros=variable.zeros or "",
        shift=target.shift,
    )


def find_trials(variable: Variable) -> float | str:
    """The trials or the exposure of a response, 1 where none is said."""
    return 1.0 if variable.out_of is None else variable.out_of


def gather_varying(theory: Theory, expansion: Expansion, equations: tuple[Equation, ...]) -> tuple[Varying, ...]:
    """What varies among the units of each level, and which pairs an arrow joins there (R8)."""
    found = []
    for level in survey(theory).lattice.names:
        predictors = [each for equation in equations for each in equation.predictors]
        quantities = list(dict.fromkeys(each.deviating for each in predictors if level in each.intercepts))
        slopes = (slope for each in predictors for slope in each.coefficients if level in slope.varies_by)
        quantities += dict.fromkeys(slope.deviating for slope in slopes)
        quantities += [each.response for each in equations if each.latent and each.level == level]
        if not quantities:
            continue
        pairs = [each for each in expansion.correlations if each.level == level and each.joined_by is not None]
        ends = ((_stand_for(each.one, equations), _stand_for(each.other, equations)) for each in pairs)
        joined = frozenset(pair for one, other in ends for pair in every(one, other)) | set_apart(
            quantities, level, expansion
        )
        waves = tuple(dict.fromkeys(wave for each in predictors for wave in _list_waves(each, level)))
        joined |= {(wave.address, other) for wave in waves for other in quantities if other != wave.address}
        found.append(Varying(level, tuple(quantities), joined, waves))
    return tuple(found)


def _list_waves(predictor: Equation, level: str) -> Iterator[Wave]:
    """The waves of curves that differ among the units of a level."""
    for each in predictor.coefficients:
        if level in each.varies_by and "~gp[" in each.factors[0].column:
            reading, (amplitude, lengthscale) = predictor.reading(each.factors[0].column), each.factors[0].traits
            curve = amplitude.removeprefix("amplitude(").removesuffix(")")
            yield Wave(each.address, curve, lengthscale, reading.basis, reading.piece)


def _stand_for(quantity: str, equations: tuple[Equation, ...]) -> tuple[str, ...]:
    """A course's deviations by address: of a categorical response one for each value but the first."""
    for each in equations:
        if each.family == "categorical" and quantity == f"{INTERCEPT}{each.response}":
            return tuple(one.intercept for one in each.predictors)
    return (quantity,)


def _coefficients(standing: Standing, design: Design) -> Iterator[tuple[Coefficient, tuple[Column, ...]]]:
    """An arrow's own columns, and their products with each moderator's columns."""
    own = [
        ((column.factor(power),), (column,))
        for power in list_powers(standing.shape)
        for column in bend(read_columns(standing.cause, standing.carries, design), standing.shape)
    ]
    where = () if _has_levels(design) else _list_conditions(standing)
    for factors, columns in own:
        yield _coefficient(factors, columns, standing, design, varies=True), (*columns, *where)
    for moderator in standing.moderators:
        choices = [read_columns(term, _role(term, design), design) for term in moderator]
        for extra in every(*choices):
            for factors, columns in own:
                whole = (*factors, *(column.factor() for column in extra))
                yield (
                    _coefficient(whole, (*columns, *extra), standing, design, varies=False),
                    (*columns, *extra, *where),
                )


def _has_levels(design: Design) -> bool:
    return design.lattice.names != (ROW,)


def _list_conditions(standing: Standing) -> tuple[Column, ...]:
    """Without levels: for each variable of a condition a column that is 1 where it holds, and multiplies what it is said of."""
    condition = standing.only_when
    if condition is None:
        return ()
    bases = {name: name_basis(name, spell_condition(said)) for name, said in condition.values}
    return tuple(
        Column(Reading(f"{basis}[1]", name, basis=basis, piece=1), f"({condition.of(name)})")
        for name, basis in bases.items()
    )


def _coefficient(
    factors: tuple[Factor, ...], columns: tuple[Column, ...], standing: Standing, design: Design, *, varies: bool
) -> Coefficient:
    readings = [column.reading for column in columns]
    factors = give_traits(factors, standing.shape.kind, str(standing.effect))
    moves, unit = _place(readings, design.level(standing.effect.name), design)
    when, flat = standing.cause.when, not _has_levels(design)
    conditions = [column.factor() for column in _list_conditions(standing)] if flat else []
    return Coefficient(
        address=f"{' * '.join(map(str, factors))} -> {standing.effect}",
        factors=(*factors, *conditions),
        written=standing.written,
        moves=moves,
        unit=unit,
        varies_by=standing.varies_by if varies else (),
        only_when=None if flat else standing.only_when,
        condition_steps=when.steps if isinstance(when, Relative) else 0,
        climb=standing.address if varies and standing.shape.kind == "monotonic" and standing.varies_by else "",
    )


def _place(readings: list[Reading], own: str, design: Design) -> tuple[Moves, str]:
    """What a product of columns is a term of, and for the units of which level."""
    if any(each.part in ("departure", "whole") and each.level == own for each in readings):
        return "mean", own
    if any(each.part == "trend" for each in readings):
        return "trend", own
    finest = design.lattice.finest(each.level for each in readings)
    unit = finest[0] if len(finest) == 1 else own
    return ("mean", own) if unit == own else ("course", unit)


def _role(term: Term, design: Design) -> Part:
    """What of a moderator is multiplied: the whole, unless a part is written (R10)."""
    if design.trend(term.name):
        return "trend"
    if term.part == "whole":
        return "whole"
    if term.part is not None:
        return "departure" if term.part == design.level(term.name) else "course"
    same = design.repeated(term.name) and not isinstance(term.when, Occasions)
    return "whole" if same else "value"


def read_columns(term: Term, part: str, design: Design) -> list[Column]:
    """The columns of a term: one, or one for each category but the reference."""
    variable = design.variables.get(term.name)
    if variable is not None and term.value is not None and variable.family == "bernoulli":
        one = variable.values[1] if variable.values else "1"
        raise SpecError(f"'{term}': {term.name} is bernoulli and has one arrow, {term.name} -> …, from 0 to 1 = {one}")
    categories: tuple[str | None, ...] = (None,)
    if term.value is not None:
        categories = (term.value,)
    elif variable is not None and variable.family in _CATEGORIES:
        categories = variable.values[1:]
    return [_column(term, part, category, variable, design) for category in categories]


def bend(columns: list[Column], shape: Shape) -> list[Column]:
    """The columns as a shape bends them: themselves, or each column of its basis, `x[1]` in addresses."""
    if shape.kind == "monotonic":
        return [_step(column, piece) for piece, column in enumerate(columns, start=1)]
    count = count_columns(shape)
    if not count:
        return columns
    return [
        Column(
            replace(
                column.reading,
                column=f"{column.reading.column}~{spell(shape)}[{piece}]",
                basis=name_basis(column.reading.variable, spell(shape), _part(column.reading)),
                piece=piece,
            ),
            f"{column.text}[{piece}]" if count_pieces(shape) else column.text,
        )
        for column in columns
        for piece in range(1, count + 1)
    ]


def _part(reading: Reading) -> str:
    """The level of a course or of departures, whose curves have knots of their own."""
    return reading.level if reading.part in ("departure", "course") else ""


def give_traits(factors: tuple[Factor, ...], kind: str, effect: str) -> tuple[Factor, ...]:
    """A curve's column with the addresses of what its curve has beside coefficients.

    A moderator changes how high an S-curve climbs, and not where; of a gp it makes a second curve, a change of the first.
    """
    own, *others = factors
    names = [own] if kind == "logistic" else factors
    text = f"{' * '.join(str(each).partition('[')[0] for each in names)} -> {effect}"
    traits = tuple(f"{word}({text})" for word in TRAITS.get(kind, ()))
    return (replace(own, traits=traits), *others)


def _step(column: Column, piece: int) -> Column:
    """An indicator of a category as the column that is 1 from this category on."""
    own = column.reading
    made = f"{own.column.partition('=')[0]}~monotonic[{piece}]"
    reading = replace(own, column=made, category=None, basis=name_basis(own.variable, "monotonic"), piece=piece)
    return Column(reading, f"{column.text.partition('=')[0]}[{piece}]")


def _column(term: Term, part: str, category: str | None, variable: Variable | None, design: Design) -> Column:
    if part == "loading":  # one coefficient for all parts
        part = "whole" if design.repeated(term.name) else "value"
    steps = term.when.steps if isinstance(term.when, Relative) else 0
    occasion = term.when.first if isinstance(term.when, Occasions) else None
    level = term.part if part == "course" and term.part else design.level(term.name)
    if occasion is not None:
        level = design.lattice.client(level) or level
    if variable is not None and variable.out_of is not None and part in ("departure", "course"):
        raise SpecError(
            f"'{term}': the {part} of {term.name}, which is {variable.family} with out_of, is not compiled yet; "
            f"{term.name}(whole) -> … is"
        )
    if variable is not None and computed_from(variable) and design.repeated(term.name):
        part = "whole"
    inside = {"departure": level, "course": level, "whole": "whole"}.get(part, "")
    words = [
        word for word in (inside, f"t{steps}" if steps else "", str(occasion) if occasion is not None else "") if word
    ]
    key = f"{term.name}({' '.join(words)})" if words else term.name
    suffix = "" if category is None else f"={category}"
    plain = str(term).partition("=")[0]
    made: Part = part  # type: ignore[assignment]
    reading = Reading(f"{key}{suffix}", term.name, made, level, steps, occasion, category)
    return Column(reading, f"{plain}{suffix}")
