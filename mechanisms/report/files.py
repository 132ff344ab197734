"""Results as files in a folder, for those who do not work in Python."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from mechanisms.effects.diagnosis import Diagnosis
from mechanisms.effects.effects import Effects
from mechanisms.infer.posterior import Fit
from mechanisms.report.pages import page
from mechanisms.report.plots import diagram, forest
from mechanisms.report.plots.paper import choose_fonts


def write_files(
    fit: Fit, effects: Sequence[Effects], diagnosis: Diagnosis, folder: str | PathLike[str]
) -> tuple[Path, ...]:
    """Write forest.png, diagram.png, page.html and effects.csv, and return their paths.

    The diagram is diagram.svg where no installed font has the letters of the theory's names.

    Several `Effects` get a forest each: forest-1.png, forest-2.png, …
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = ["forest.png"] if len(effects) == 1 else [f"forest-{number}.png" for number in range(1, len(effects) + 1)]
    forests = [folder / name for name in names]
    for each, file in zip(effects, forests, strict=True):
        forest(each, file)
    picture, text, table = folder / _diagram_name(fit), folder / "page.html", folder / "effects.csv"
    diagram(fit.plan, fit, picture, of=[each.of for each in effects])
    text.write_text(page(fit, effects, diagnosis), encoding="utf-8")
    if not effects:
        return picture, text
    pd.concat([_table(each) for each in effects]).to_csv(table, index_label="effect")
    return *forests, picture, text, table


def _diagram_name(fit: Fit) -> str:
    missing = choose_fonts(frozenset("".join(fit.plan.theory.names)))[1]
    return "diagram.svg" if missing else "diagram.png"


def _table(effects: Effects) -> pd.DataFrame:
    """The summary, each row with the contrast and population that are its own."""
    table = effects.summary().assign(of=effects.of, on=effects.on)
    table["contrast"] = [row.contrast for row in effects.rows]
    table["population"] = [row.population for row in effects.rows]
    return table.assign(scale=effects.scale)
