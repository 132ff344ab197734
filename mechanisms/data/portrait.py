"""A dataset in words: its levels and occasions, a line per column, and what to be warned of."""

from typing import TYPE_CHECKING

import numpy as np

from mechanisms.data.dataset import Categories
from mechanisms.errors import listed

if TYPE_CHECKING:
    from mechanisms.data.dataset import Column, Dataset, Mask
    from mechanisms.data.units import Units


def describe_data(data: "Dataset") -> str:
    """What `repr` shows of a dataset."""
    streamed = data.sums is not None
    lines = [f"Dataset: {data.n} rows" + (", summed and not in memory" if streamed else "")]
    lines += [f"  {line}" for table in data.tables for line in _level(table, data)]
    width = max((len(column.name) for column in data.everything), default=0)
    lines += [
        f"  {column.name:<{width}}  {_column(column)}" + ("" if streamed else _gaps(column, _seen(column, data)))
        for column in data.everything
    ]
    lines += [f"  warning: {warning}" for warning in data.warnings]
    return "\n".join(lines)


def _level(table: "Units", data: "Dataset") -> list[str]:
    """A level's count, and what its units lie in; for occasions the grid and the lengths of the series."""
    unseen = int(np.count_nonzero(~table.seen))
    line = f"level {table.level}: {table.n - unseen}" + (
        f", and {unseen} between them that nobody saw" if unseen else ""
    )
    lines = [line]
    if table.level in data.grid:
        grid = data.grid[table.level]
        every = grid == tuple(range(grid[0], grid[-1] + 1)) and len(grid) > 2
        shown = f"{grid[0]} to {grid[-1]}" if every else listed(map(str, grid), most=12)
        lines.append(f"  occasions {shown}{_lengths(table)}")
    return lines


def _lengths(table: "Units") -> str:
    """Seen occasions per client: least, median, most."""
    if not table.above:
        return ""
    client, above = next(iter(table.above.items()))
    size = table.sizes.get(client, int(above.index.max()) + 1)
    counts = np.bincount(above.index[table.seen], minlength=size)
    return f"; per {client} {counts.min()} to {counts.max()}, median {np.median(counts):g}"


def _column(column: "Column") -> str:
    if isinstance(column, Categories):
        shares = ", ".join(f"{value} {column.share(value):.0%}" for value in column.values)
        return f"categories: {shares} (reference {column.reference})"
    if column.binary:
        zero, one = column.labels or ("0", "1")
        return f"{one} {column.mean:.0%} (1), {zero} {1 - column.mean:.0%} (0)"
    if column.latent:
        return f"latent, in units where {column.sd:.4g} is an sd and {column.mean:.4g} the middle"
    return f"mean {column.mean:.4g}, sd {column.sd:.4g}, from {column.lowest:.4g} to {column.highest:.4g}"


def _seen(column: "Column", data: "Dataset") -> "Mask":
    """The units that the data show; occasions that nobody saw are no gaps of a column."""
    if column.name in data.home:
        return data.units(data.home[column.name]).seen
    return np.ones(len(column.observed), dtype=np.bool_)


def _gaps(column: "Column", seen: "Mask") -> str:
    """The share of missing values, and where the variable does not exist."""
    latent = not isinstance(column, Categories) and column.latent
    absent = 0 if column.absent is None else int(np.count_nonzero(column.absent & seen))
    missing, exists = int(np.count_nonzero(column.missing & seen)), int(np.count_nonzero(seen)) - absent
    words = f"; {missing} of {exists} missing ({missing / exists:.0%})" if missing and not latent else ""
    return words + (f"; does not exist in {absent} of {int(np.count_nonzero(seen))}" if absent else "")
