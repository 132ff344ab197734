"""A block's density as a program: a tape, and the residuals on it in groups of units whose deviations are integrated out."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mechanisms.infer.marginal.tapes.products import Split
from mechanisms.infer.marginal.tapes.tape import Line, Node, Tape, Value

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class Program(NamedTuple):
    """A block's density as flat arrays, for compiled code.

    `sizes` counts cells, symbols (the first cells), sampled quantities (the next), and groups. Then the tape. Parts are
    residuals of one equation: `part_rows` rows, columns from `part_columns`, all times the cell at `part_scales` (−1:
    as they are), rows of group g from `bounds[part_bounds + g]` (−1: of no group). A column stands at `column_at` among
    the cells, or the known numbers, and belongs to the quantity at `column_places`; a part's last column is what does
    not depend on these. `spread_at` are the cells of M, −1 where it is 0. The log of a cell counts `log_weights` times.
    """

    sizes: Whole
    steps: Whole
    indices: Whole
    known: Floats
    part_rows: Whole
    part_columns: Whole
    part_scales: Whole
    part_bounds: Whole
    column_at: Whole
    column_known: Whole
    column_places: Whole
    bounds: Whole
    spread_at: Whole
    log_at: Whole
    log_weights: Floats


def measure_room(program: Program) -> int:
    """How many numbers the density writes to on the way: cells and their slopes, and the columns of one part with theirs."""
    columns = program.part_rows * np.diff(program.part_columns)
    return 2 * int(program.sizes[0]) + 2 * int(columns.max(initial=0))


@dataclass(eq=False)
class Parts:
    """Residuals in groups, put together part by part."""

    tape: Tape
    split: Split | None
    groups: int
    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=lambda: [0])
    scales: list[int] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    at: list[tuple[int, int, int]] = field(default_factory=list)
    bounds: list[Whole] = field(default_factory=list)

    def add(self, line: Line, scale: int = -1) -> None:
        """Residuals, those of the same unit together."""
        if line.n == 0:
            return
        if not line.coefficients or line.owners is None or self.split is None:
            self._append(line, scale, -1)
            return
        order = np.argsort(line.owners, kind="stable")
        alone = int(np.count_nonzero(line.owners < 0))
        if alone:
            bare = line[order[:alone]]
            self._append(Line(self.tape, bare.n, bare.value), scale, -1)
        bounds = np.searchsorted(line.owners[order[alone:]], np.arange(self.groups + 1)).astype(np.int64)
        self._append(line[order[alone:]], scale, sum(map(len, self.bounds)))
        self.bounds.append(bounds)

    def _append(self, line: Line, scale: int, begin: int) -> None:
        names = self.split.quantities if self.split else ()
        taken = [name for name in names if name in line.coefficients]
        for value, place in [
            *((line.coefficients[name], names.index(name)) for name in taken),
            (line.value, len(names)),
        ]:
            self.at.append((*self._locate(value, line.n or 1), place))
        self.rows.append(line.n or 1)
        self.columns.append(len(self.at))
        self.scales.append(scale)
        self.begins.append(begin)

    def _locate(self, value: Value, n: int) -> tuple[int, int]:
        if isinstance(value, Node):
            made = self.tape.take(value, np.zeros(n, dtype=np.int64)) if value.n is None else value
            assert isinstance(made, Node)
            return made.at, 0
        return self.tape.known_at(np.full(n, value) if value.ndim == 0 else value), 1


def finish(
    tape: Tape,
    parts: Parts,
    sizes: tuple[int, int],
    logs: list[tuple[int, float]],
    spread: dict[tuple[str, str], Node],
) -> Program:
    """The program of a tape and its residuals; `sizes` counts symbols and sampled quantities, `logs` are cells and weights."""
    names = parts.split.quantities if parts.split else ()
    spread_at = [[spread[a, b].at if (a, b) in spread else -1 for b in names] for a in names]
    whole = np.int64
    at = np.array(parts.at, dtype=whole).reshape(-1, 3)
    counted = [each for each in logs if each[1]]
    return Program(
        sizes=np.array([tape.size, *sizes, parts.groups], dtype=whole),
        steps=np.array(tape.steps, dtype=whole).reshape(-1, 7),
        indices=np.concatenate([np.zeros(0, dtype=whole), *tape.indices]),
        known=np.concatenate([np.zeros(0), *tape.known]),
        part_rows=np.array(parts.rows, dtype=whole),
        part_columns=np.array(parts.columns, dtype=whole),
        part_scales=np.array(parts.scales, dtype=whole),
        part_bounds=np.array(parts.begins, dtype=whole),
        column_at=at[:, 0].copy(),
        column_known=at[:, 1].copy(),
        column_places=at[:, 2].copy(),
        bounds=np.concatenate([np.zeros(0, dtype=whole), *parts.bounds]),
        spread_at=np.array(spread_at, dtype=whole).reshape(len(names), len(names)),
        log_at=np.array([each[0] for each in counted], dtype=whole),
        log_weights=np.array([each[1] for each in counted], dtype=np.float64),
    )
