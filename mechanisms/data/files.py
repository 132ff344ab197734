"""Files of data: a .csv or .parquet file as a frame."""

import csv
import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from mechanisms.errors import DataError, did_you_mean, listed


def read_frame(path: str | Path) -> Any:
    """A .csv or .parquet file as a frame (pandas); anything else, or a file that is not one, is a `DataError`."""
    import pandas as pd  # noqa: PLC0415  (slow to import, and only files need it)

    path = Path(path)
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    kind = path.suffix.lower()
    if kind not in readers:
        raise DataError(f"{path}: data are read from .csv and .parquet files, or given as a pandas or polars frame")
    if not path.is_file():
        near = did_you_mean(path.name, [file.name for file in path.parent.glob("*")]) if path.parent.is_dir() else ""
        raise DataError(f"{path}: there is no such file.{near}")
    try:
        if kind == ".csv":
            header = _header(path)
            _refuse_separator(path, header)
            refuse_repeated(header)
        return readers[kind](path)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty") from None
    except (ValueError, OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as {kind[1:]}: {str(error).splitlines()[0]}") from error


def refuse_repeated(names: list[str]) -> None:
    """Refuse two columns of one name, since nothing says which is meant."""
    repeated = [name for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        raise DataError(
            f"the data have more than one column called {listed(repr(name) for name in repeated)}: rename or drop one"
        )


def _header(path: Path) -> list[str]:
    """The first line's names; pandas would rename a repeated one without a word."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        return next(csv.reader(lines), [])


def _refuse_separator(path: Path, header: list[str]) -> None:
    """Refuse a file whose only column is several, held together by another sign than the comma."""
    for sign, words in ((";", "';'"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            with path.open(encoding="utf-8-sig") as lines:
                decimal = ", decimal=','" if re.search(r"\d,\d", "".join(islice(lines, 1, 20))) else ""
            raise DataError(
                f"{path}: the file is separated by {words}: save it with commas, or read it yourself with "
                f"pandas.read_csv(path, sep={sign!r}{decimal}) and give the frame"
            )
