"""A block in which unknown quantities are multiplied: some are sampled, the rest is integrated out given those.

Residuals are written on a `Tape`: values that change with parameters and with what is sampled, and coefficients of the
deviations that are integrated. Sampled deviations are coordinates as in the PyMC model: in units of their sd, or, where
the units' own data say much about them, as themselves (Papaspiliopoulos, Roberts & Sköld 2007, Statistical Science 22).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanisms.data.dataset import Dataset, readable
from mechanisms.infer.marginal.coordinates import Coordinates, relate, state_coordinates
from mechanisms.infer.marginal.forms import BentError
from mechanisms.infer.marginal.keeping import keep_with
from mechanisms.infer.marginal.tapes.products import Kind, Sketch, Split, split_unknown
from mechanisms.infer.marginal.tapes.program import Parts, Program, finish
from mechanisms.infer.marginal.tapes.tape import Line, Node, Tape, Value
from mechanisms.infer.marginal.units.gaussian import (
    NotGaussianError,
    check_normal,
    check_related,
    find_precisions,
    find_rows,
    keep,
)
from mechanisms.model.beliefs import Belief
from mechanisms.model.courses import predict
from mechanisms.model.deviations import Deviating, find_unit, state_deviations
from mechanisms.model.equations import Equation
from mechanisms.model.missing import find_unknown
from mechanisms.model.plan import Plan
from mechanisms.model.setting import Setting

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Partial:
    """A block's density with what `split` says integrated out.

    Points are the chart's coordinates, then the sampled quantities. `deviations` says by level and quantity where the
    values stand that do not depend on what is integrated (None: 0); `sampled` names what is sampled.
    """

    coordinates: Coordinates
    program: Program
    split: Split | None
    deviations: dict[str, tuple[Node | None, ...]]
    sampled: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many coordinates a point has."""
        return self.coordinates.size + int(self.program.sizes[2])


@keep_with(1)
def write_partial(plan: Plan, data: Dataset, block: tuple[Equation, ...]) -> Partial:
    """The density of a block given what has to be sampled because it is multiplied.

    Raises
    ------
    NotGaussianError
        A family other than normal, an sd that differs among units, a curve of an unknown quantity.
    """
    check_normal(block)
    coordinates, stated = state_coordinates(plan, data, block), state_deviations(plan, data)
    split = split_unknown(plan, data, stated, _sketch(plan, data, block, coordinates, stated))
    tape = Tape()
    tape.reserve(coordinates.symbols)
    parts = Parts(tape, split, data.units(split.level).n if split else 0)
    measured = tuple(each for each in block if not each.latent)
    own, missing, sampled = _reserve(tape, plan, data, stated, split, measured)
    first = tape.size
    made = _Deviations(plan, data, coordinates, parts, own)
    for each in stated:
        made.add(each)
    deviations, logs = made.lines, made.logs
    values: dict[str, Any] = {column.name: readable(column) for column in data.columns}
    for equation in measured:
        values[equation.response] = _fill(plan, data, equation, tape, missing)
    parameters = {a: Line(tape, None, Node(coordinates.symbol(a), None)) for a in coordinates.addresses}
    setting = Setting(plan, data, parameters, deviations, values, keep, sought=True)
    check_related(setting, block)
    try:
        _add_residuals(setting, block, coordinates, parts, logs)
    except BentError as bent:
        raise NotGaussianError(f"the equations {bent}") from None
    placed = {
        each.varying.level: tuple(
            value if isinstance(value := deviations[name, each.varying.level].value, Node) else None
            for name in each.varying.quantities
        )
        for each in stated
    }
    program = finish(tape, parts, (coordinates.symbols, first - coordinates.symbols), logs, made.spread)
    return Partial(coordinates, program, split, placed, sampled)


def _sketch(
    plan: Plan, data: Dataset, block: Sequence[Equation], coordinates: Coordinates, stated: Sequence[Deviating]
) -> set[frozenset[Kind]]:
    """Which kinds of unknown quantities the equations multiply with each other."""
    pairs: set[frozenset[Kind]] = set()
    parameters = {address: Sketch(None, frozenset(), pairs) for address in coordinates.addresses}
    deviations = {
        (name, each.varying.level): Sketch(
            data.units(each.varying.level).n, frozenset([Kind(name, each.varying.level)]), pairs
        )
        for each in stated
        for name in each.varying.quantities
    }
    values: dict[str, Any] = {column.name: readable(column) for column in data.columns}
    measured = [each for each in block if not each.latent]
    for equation in measured:
        if find_unknown(plan, equation, data).size:
            n = len(values[equation.response])
            values[equation.response] = Sketch(n, frozenset([Kind(equation.response)]), pairs)
    setting = Setting(plan, data, parameters, deviations, values, keep, sought=True)
    for equation in measured:
        try:
            predict(setting, equation)
        except BentError as bent:
            raise NotGaussianError(f"the equations of {equation.response} {bent}") from None
    return pairs


def _reserve(
    tape: Tape,
    plan: Plan,
    data: Dataset,
    stated: Sequence[Deviating],
    split: Split | None,
    measured: Sequence[Equation],
) -> tuple[dict[tuple[str, str], Node], dict[str, Node], tuple[str, ...]]:
    """Cells of the sampled deviations and missing values, and what they are in words."""
    own, missing, words = {}, {}, []
    for each in stated:
        level, n = each.varying.level, data.units(each.varying.level).n
        kept = split.quantities if split and split.level == level else ()
        for name in each.varying.quantities:
            if name not in kept:
                own[name, level] = tape.reserve(n)
                words.append(f"{name} by {level}")
    for equation in measured:
        rows = find_unknown(plan, equation, data)
        if rows.size:
            missing[equation.response] = tape.reserve(len(rows))
            words.append(f"missing values of {equation.response}")
    return own, missing, tuple(words)


def _fill(plan: Plan, data: Dataset, equation: Equation, tape: Tape, missing: dict[str, Node]) -> Any:
    """A response's values, with sampled quantities where a value is missing and looked at."""
    column = data.numbers(equation.response)
    known = readable(column)
    if equation.response not in missing:
        return known
    rows = find_unknown(plan, equation, data)
    known[rows] = column.mean
    index = np.full(len(known), -1, dtype=np.int64)
    index[rows] = np.arange(len(rows))
    filled = tape.multiply(tape.take(missing[equation.response], index), np.asarray(column.sd))
    made: Line = Line(tape, len(known), filled) + known
    return made


@dataclass(eq=False)
class _Deviations:
    """Deviations by quantity and level, put together level by level."""

    plan: Plan
    data: Dataset
    coordinates: Coordinates
    parts: Parts
    own: dict[tuple[str, str], Node]
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    logs: list[tuple[int, float]] = field(default_factory=list)
    spread: dict[tuple[str, str], Node] = field(default_factory=dict)

    def add(self, each: Deviating) -> None:
        """A level's, in an order in which the sampled ones come first: the others are given these."""
        tape, level, names = self.parts.tape, each.varying.level, each.varying.quantities
        n = self.data.units(level).n
        order = sorted(range(len(names)), key=lambda k: (names[k], level) not in self.own)
        root = self._order(each, order)
        standard: list[Value] = []
        for place, k in enumerate(order):
            name, sd = names[k], Node(self.coordinates.symbol(each.varying.spreads[k]), None)
            shared: Value = np.asarray(0.0)
            for i, z in enumerate(standard):
                shared = tape.add(shared, tape.multiply(root(place, i), z))
            if (name, level) not in self.own:
                for j in range(len(standard), place + 1):
                    if isinstance(product := tape.multiply(sd, root(place, j)), Node):
                        self.spread[name, names[order[j]]] = product
                self.lines[name, level] = Line(tape, n, tape.multiply(sd, shared), {name: np.ones(n)}, np.arange(n))
                continue
            if each.centred[k] and isinstance(each.spreads[k], Belief):
                moved = tape.multiply(self.own[name, level], np.asarray(find_unit(self.plan, self.data, name)))
                z = tape.divide(tape.subtract(tape.divide(moved, sd), shared), root(place, place))
                self.logs += [(node.at, -float(n)) for node in (sd, root(place, place)) if isinstance(node, Node)]
            else:
                z = self.own[name, level]
                moved = tape.multiply(sd, tape.add(shared, tape.multiply(root(place, place), z)))
            self.parts.add(Line(tape, n, z))
            standard.append(z)
            self.lines[name, level] = Line(tape, n, moved)

    def _order(self, each: Deviating, order: list[int]) -> Any:
        """The entries of the root of a level's correlations, in another order of its quantities."""
        size = len(order)
        if each.shape is None:
            return lambda k, j: np.asarray(float(k == j))
        entries = np.full((size, size), -1, dtype=np.int64)
        for (k, j), symbol in self.coordinates.entry(each.varying.level).items():
            entries[k, j] = symbol
        at = self.parts.tape.root(entries, np.array(order, dtype=np.int64)).at
        return lambda k, j: Node(at + k * size + j, None)


def _add_residuals(
    setting: Setting,
    block: tuple[Equation, ...],
    coordinates: Coordinates,
    parts: Parts,
    logs: list[tuple[int, float]],
) -> None:
    """The residuals of every equation in units of their sds, made independent where they are correlated."""
    plan, data, tape = setting.plan, setting.data, parts.tape
    none = Line(tape, None, np.asarray(0.0))
    measured = [each for each in block if not each.latent]
    raw = {each.response: none + setting.values[each.response] - predict(setting, each) for each in measured}
    related = {name: text for text, each in relate(plan, block).items() for name in each.quantities}

    def scale(equation: Equation) -> Line:
        found = find_precisions(setting, equation, coordinates)
        parts = [Line(tape, None, Node(symbol, None)) * rows.astype(np.float64) for symbol, rows in found]
        made: Line = sum(parts[1:], parts[0]) * raw[equation.response]
        return made

    scaled = {each.response: scale(each) for each in measured if each.response in related}
    for equation in measured:
        name, rows = equation.response, find_rows(plan, data, equation)
        precisions = find_precisions(setting, equation, coordinates)
        for symbol, first in precisions:
            logs.append((symbol, float(np.count_nonzero(first[rows]))))
            if name not in related:
                parts.add(raw[name][rows[first[rows]]], symbol)
        if name in related:
            entries, names = coordinates.entry(related[name]), coordinates.roots[related[name]].names
            k = names.index(name)
            logs.append((entries[k, k], float(len(rows))))
            mixed = [
                scaled[names[j]] * Line(tape, None, Node(entries[k, j], None))
                for j in range(k + 1)
                if (k, j) in entries
            ]
            parts.add(sum(mixed[1:], mixed[0])[rows])
