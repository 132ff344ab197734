"""Sources that are read in batches: a polars lazy frame, a pyarrow data set, a dask frame, a large or a parted parquet file.

A source of few cells is collected at once and is then a frame like any other. A larger one is a `Stream`, whose rows are
never in memory together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import narwhals as nw

from mechanisms.errors import DataError, listed

Batch = nw.DataFrame[Any]
Batches = Callable[[Sequence[str]], Iterator[Batch]]
MOST_CELLS = 20_000_000  # rows × needed columns that are collected: 160 MB
_ROWS = 250_000


@dataclass(frozen=True, eq=False)
class Stream:
    """A source that can be read again and again: its column names, and its batches of some columns, always in the same order."""

    names: tuple[str, ...]
    read: Batches


def open_stream(source: Any) -> Stream | None:
    """The source as a stream; None where it is a frame, or anything else that is read at once."""
    if isinstance(source, str | Path):
        return _of_path(Path(source))
    if isinstance(source, nw.LazyFrame):
        source = nw.to_native(source)
    kind = type(source)
    library = kind.__module__.partition(".")[0]
    if library == "polars" and kind.__name__ == "LazyFrame":
        return Stream(tuple(source.collect_schema().names()), lambda names: _polars(source, names))
    if library == "pyarrow" and hasattr(source, "scanner"):
        return Stream(tuple(source.schema.names), lambda names: _arrow(source, names))
    if hasattr(source, "npartitions") and hasattr(source, "columns"):
        return Stream(tuple(source.columns), lambda names: _dask(source, names))
    return None


def collect_small(stream: Stream, columns: Sequence[str]) -> Batch | Stream:
    """The rows as one frame where they are few, else a stream that goes on with what has been read."""
    held: list[Batch] = []
    cells, batches = 0, stream.read(columns)
    for batch in batches:
        held.append(batch)
        cells += len(batch) * len(columns)
        if cells > MOST_CELLS:
            return Stream(stream.names, _First(held, batches, stream.read))
    if not held:
        raise DataError("the data have no rows")
    return nw.concat(held)


class _First:
    """The first reading goes on where it was left; later ones begin anew."""

    def __init__(self, held: list[Batch], rest: Iterator[Batch], again: Batches) -> None:
        self._begun: Iterator[Batch] | None = chain(held, rest)
        self._again = again

    def __call__(self, columns: Sequence[str]) -> Iterator[Batch]:
        begun, self._begun = self._begun, None
        return self._again(columns) if begun is None else begun


def _polars(frame: Any, names: Sequence[str]) -> Iterator[Batch]:
    if not hasattr(frame, "collect_batches"):
        raise DataError("this polars cannot read a lazy frame in batches: 1.34 or later can")
    for batch in frame.select(names).collect_batches(chunk_size=_ROWS, maintain_order=True):
        yield nw.from_native(batch, eager_only=True)


def _arrow(source: Any, names: Sequence[str]) -> Iterator[Batch]:
    import pyarrow  # noqa: PLC0415  (only such sources need it)

    try:
        for batch in source.to_batches(columns=list(names), batch_size=_ROWS):
            if batch.num_rows:
                yield nw.from_native(pyarrow.Table.from_batches([batch]), eager_only=True)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise DataError(f"the source cannot be read: {str(error).splitlines()[0]}") from error


def _dask(frame: Any, names: Sequence[str]) -> Iterator[Batch]:
    for part in frame[list(names)].partitions:
        found = part.compute()
        if len(found):
            yield nw.from_native(found, eager_only=True)


def _of_path(path: Path) -> Stream | None:
    """A folder of .parquet files; one file if it is too large to be read at once. Others are read by `files`."""
    folder = path.is_dir()
    if not folder and (path.suffix.lower() != ".parquet" or not path.is_file()):
        return None
    from pyarrow import ArrowInvalid, dataset, parquet  # noqa: PLC0415

    files = sorted(str(each) for each in path.rglob("*.parquet")) if folder else [str(path)]
    if not files:
        near = sorted(each.name for each in path.iterdir())
        raise DataError(f"{path}: the folder holds no .parquet files; it holds {listed(near, most=4) or 'nothing'}")
    try:
        if not folder and (about := parquet.read_metadata(path)).num_rows * about.num_columns <= MOST_CELLS:
            return None
        return open_stream(dataset.dataset(files, format="parquet"))
    except (ArrowInvalid, OSError) as error:
        if not folder:
            return None  # `files` says what is wrong with it
        raise DataError(f"{path} cannot be read as parquet: {str(error).splitlines()[0]}") from error
