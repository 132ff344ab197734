"""The pieces of work that are timed: a theory's text, its data, and the same equations as lists for those who write them by hand.

    python benchmarks/works.py FOLDER jobs.csv

writes the data of each as a .csv file. Nothing here imports this package or a rival.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

COVARIATES = tuple(f"c{number}" for number in range(1, 31))
MEDIATORS = tuple(f"m{number}" for number in range(1, 7))
JOBS = {
    "job_seek": ("treat", "econ_hard", "sex", "age"),
    "depress2": ("job_seek", "treat", "econ_hard", "sex", "age"),
}
SIX = dict.fromkeys(MEDIATORS, ("x", *COVARIATES)) | {"y": (*MEDIATORS, "x", *COVARIATES)}
DOSE = {"y": ("x", "z")}
UPB = {"negaff": ("att", "educ", "gender", "age"), "upb": ("negaff", "att", "educ", "gender", "age")}


@dataclass(frozen=True)
class Work:
    """What is asked: the effects of `of` on `on` in these equations, with `least` times the rivals' speed aimed at.

    The outcome is yes or no where `binary`; the cause `bent` acts by an S-curve. Then posteriors of coefficients are compared.
    """

    what: str
    equations: dict[str, tuple[str, ...]]
    of: str
    on: str
    make: Callable[[pd.DataFrame], pd.DataFrame]
    seconds: float | None
    least: int
    binary: bool = False
    bent: str | None = None

    @property
    def text(self) -> str:
        """The theory."""
        names = dict.fromkeys(name for effect, causes in self.equations.items() for name in (*causes, effect))
        told = [
            f"  {name}: {{family: bernoulli}}" if self.binary and name == self.on else f"  {name}:" for name in names
        ]
        arrows = [f"  {', '.join(causes)} -> {effect}:" for effect, causes in self.equations.items()]
        if self.bent:
            arrows = [f"  {cause} -> {effect}:{' {shape: logistic}' * (cause == self.bent)}"
                      for effect, causes in self.equations.items() for cause in causes]  # fmt: skip
        return "\n".join(["variables:", *told, "arrows:", *arrows, ""])


def thin(jobs: pd.DataFrame) -> pd.DataFrame:
    """A fifth of mediator and outcome taken away, the outcome's depending on the mediator."""
    rng, frame = np.random.default_rng(1), jobs.copy()
    high = frame.job_seek.rank(pct=True)
    frame.loc[rng.random(len(frame)) < 0.4 * high, "depress2"] = np.nan
    frame.loc[rng.random(len(frame)) < 0.2, "job_seek"] = np.nan
    return frame


def six(_: pd.DataFrame, rows: int = 5000) -> pd.DataFrame:
    """Six mediators side by side, 30 covariates."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 30)), columns=list(COVARIATES))
    frame["x"] = rng.integers(0, 2, rows)
    for place, name in enumerate(MEDIATORS):
        frame[name] = 0.3 * frame.x + 0.1 * frame.iloc[:, place] + rng.normal(size=rows)
    return frame.assign(y=0.2 * frame[list(MEDIATORS)].sum(axis=1) + 0.1 * frame.x + rng.normal(size=rows))


def breakups(rows: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Unwanted pursuit after a breakup, as in the UPB study: attachment, negative affect, a yes-or-no outcome; made up."""

    def make(_: pd.DataFrame) -> pd.DataFrame:
        rng = np.random.default_rng(2)
        frame = pd.DataFrame({"att": rng.normal(size=rows), "educ": rng.integers(0, 2, rows)})
        frame = frame.assign(gender=rng.integers(0, 2, rows), age=rng.normal(36, 9, rows))
        frame["negaff"] = 0.45 * frame.att + 0.1 * frame.gender + rng.normal(0, 0.9, rows)
        eta = -0.4 + 0.35 * frame.negaff + 0.3 * frame.att - 0.2 * frame.educ + 0.01 * (frame.age - 36)
        return frame.assign(upb=(rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int))

    return make


def dose(_: pd.DataFrame) -> pd.DataFrame:
    """An outcome that rises by 2 about x = 1, in an S-curve of width .5."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal((1.0, 0.0), size=(1000, 2)), columns=["x", "z"])
    return frame.assign(y=2 / (1 + np.exp(-(frame.x - 1) / 0.5)) + 0.3 * frame.z + rng.normal(size=1000))


WORKS = {
    "jobs": Work("JOBS II, 899 people", JOBS, "treat", "depress2", lambda jobs: jobs, 0.25, 50),
    "missing": Work("JOBS II, 20 % missing", JOBS, "treat", "depress2", thin, 0.5, 50),
    "six": Work("six mediators, 30 covariates, n = 5000", SIX, "x", "y", six, None, 50),
    "upb": Work("UPB, logistic, n = 385", UPB, "att", "upb", breakups(385), 0.1, 10, binary=True),
    "upb100k": Work("UPB, logistic, n = 100 000", UPB, "att", "upb", breakups(100_000), 5.0, 10, binary=True),
    "dose": Work("an S-curve, n = 1000: nobody but NUTS", DOSE, "x", "y", dose, None, 1, bent="x"),
}


def main() -> None:
    """Write every frame."""
    folder, jobs = (
        Path(sys.argv[1]),
        pd.read_csv(sys.argv[2])[["treat", "econ_hard", "sex", "age", "job_seek", "depress2"]],
    )
    for name, work in WORKS.items():
        work.make(jobs).to_csv(folder / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
