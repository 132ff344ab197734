"""The pieces of work with sessions in clients: a theory's text, made-up data, and the same equations for those who write by hand.

    python benchmarks/series.py FOLDER

writes the data of each as a .csv file. Nothing here imports this package or a rival.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

Frame = Callable[[], pd.DataFrame]
DIARY = """
levels: [session, client]
time: session
variables: {{x: , m: , y: }}
arrows:
  x -> m -> y: {{varies_by: client}}
  x -> y: {{varies_by: client}}
{}
"""
IMPLEMENT = """
levels: [session, client, therapist]
time: session
variables: {{anxiety: {{assessed: start}}, alliance: {{assessed: end}}}}
arrows:
  alliance(t-1) -> anxiety: {}
  anxiety(session) -> alliance:
  anxiety(t-1) -> alliance: {}
  anxiety(t-1) -> anxiety: {}
  alliance(t-1) -> alliance: {}
  session -> anxiety, alliance: {{varies_by: client}}
"""
PANEL = """
levels: [session, client]
time: session
variables: {x: , y: }
arrows:
  x(t-1), y(t-1) -> x, y:
"""
LARGE = """
levels: [session, client, therapist]
time: session
variables: {x: , m: , y: }
arrows:
  x(t-1), m(t-1), y(t-1) -> x, m, y:
"""


@dataclass(frozen=True)
class Series:
    """What is asked: the effect of `of` on `on`, within clients.

    `names` are the variables in the order in which they arise, `lags` and `now` the arrows between departures, by their
    effect. `seconds` and `least` (times the rival's speed) are aimed at.
    """

    what: str
    text: str
    of: str
    on: str
    make: Frame
    names: tuple[str, ...]
    lags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    now: dict[str, tuple[str, ...]] = field(default_factory=dict)
    through: str | None = None
    trends: bool = False
    therapists: bool = False
    own: bool = False
    seconds: float | None = None
    least: int = 5


def diary(means: bool) -> Frame:
    """100 people × 21 days, slopes of their own, .19 and .15 on average, whose covariance is .03; with `means`, people differ."""

    def make() -> pd.DataFrame:
        rng, people, days = np.random.default_rng(1), 100, 21
        spread = np.array([[0.07, 0.03, 0], [0.03, 0.05, 0], [0, 0, 0.01]])
        slopes = rng.multivariate_normal([0.19, 0.15, 0.10], spread, people)
        x = rng.normal(size=(people, days))
        m = slopes[:, :1] * x + rng.normal(0, 1.1, (people, days))
        y = slopes[:, 1:2] * m + slopes[:, 2:] * x + rng.normal(0, 0.95, (people, days))
        usual = rng.normal(size=(people, 3)) @ np.array([[0.1, 0, 0], [0, 0.7, 0.2], [0, 0, 0.8]])
        shown = (x, m, y) if means else tuple(each - each.mean(axis=1, keepdims=True) for each in (x, m, y))
        rows = {
            name: (each + means * usual[:, [k]]).ravel()
            for k, (name, each) in enumerate(zip("xmy", shown, strict=True))
        }
        return pd.DataFrame({"client": np.repeat(range(people), days), "session": np.tile(range(days), people), **rows})

    return make


def implement() -> pd.DataFrame:
    """57 clients of 13 therapists, 15 sessions, a sixth of the ratings missing, trends of the clients' own, like IMPLEMENT."""
    rng, clients, sessions = np.random.default_rng(3), 57, 15
    whose = rng.integers(0, 13, clients)
    level = (
        rng.multivariate_normal([0, 0], [[0.25, -0.08], [-0.08, 0.3]], clients)
        + rng.normal(0, [0.1, 0.15], (13, 2))[whose]
    )
    trend = np.array([-0.04, 0.03]) + rng.normal(0, 0.02, (clients, 2))
    dynamics = np.array([0.35, 0.0, 0.15, 0.0]) + rng.normal(0, [0.15, 0.1, 0.1, 0.1], (clients, 4))
    away, rows = rng.normal(0, [0.4, 0.6], (clients, 2)), []
    for t in range(sessions):
        if t:
            anxiety = dynamics[:, 0] * away[:, 0] + dynamics[:, 1] * away[:, 1] + rng.normal(0, 0.26, clients)
            alliance = (
                -0.05 * anxiety
                + dynamics[:, 3] * away[:, 0]
                + dynamics[:, 2] * away[:, 1]
                + rng.normal(0, 0.3, clients)
            )
            away = np.column_stack([anxiety, alliance])
        values = np.where(rng.random((clients, 2)) < 0.16, np.nan, level + trend * t + away)
        rows.append(
            pd.DataFrame(
                {
                    "client": range(clients),
                    "therapist": whose,
                    "session": t,
                    "anxiety": values[:, 0],
                    "alliance": values[:, 1],
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def panel() -> pd.DataFrame:
    """100 clients, unequal lengths from 4 to 15, a tenth of the occasions inside missing."""
    rng, rows = np.random.default_rng(1), []
    for client in range(100):
        mean, away, length = (
            rng.multivariate_normal([5, 10], [[1, 0.4], [0.4, 1]]),
            rng.normal(0, 1.1, 2),
            int(rng.integers(4, 16)),
        )
        for session in range(length):
            if session:
                away = np.array([[0.3, 0.0], [0.2, 0.4]]) @ away + rng.normal(0, 1, 2)
            if not 0 < session < length - 1 or rng.random() > 0.1:
                rows.append((client, session, *(mean + away)))
    return pd.DataFrame(rows, columns=["client", "session", "x", "y"])


def large() -> pd.DataFrame:
    """1000 clients of 50 therapists, 20 sessions, three variables."""
    rng, clients = np.random.default_rng(1), 1000
    whose = np.arange(clients) % 50
    mean, away = rng.normal(size=(clients, 3)) + rng.normal(0, 0.5, (50, 3))[whose], rng.normal(size=(clients, 3))
    step, rows = np.array([[0.3, 0, 0], [0.2, 0.3, 0], [0.1, 0.2, 0.3]]), []
    for t in range(20):
        away = away @ step.T + rng.normal(size=(clients, 3)) if t else away
        rows.append(
            pd.DataFrame(mean + away, columns=["x", "m", "y"]).assign(client=range(clients), therapist=whose, session=t)
        )
    return pd.concat(rows, ignore_index=True)


BOTH = {"anxiety": ("alliance", "anxiety"), "alliance": ("anxiety", "alliance")}
EVERY = dict.fromkeys("xmy", ("x", "m", "y"))
CONTEXT = "  1 -> m, y: {varies_by: []}"
VARIES = "{varies_by: client}"
SERIES = {
    "diary": Series("100 people × 21 days, own slopes, centred columns (as blch9)", DIARY.format(CONTEXT), "x", "y", diary(False), ("x", "m", "y"),
                    now={"m": ("x",), "y": ("m", "x")}, through="m"),
    "diary_latent": Series("the same, latent means", DIARY.format(""), "x", "y", diary(True), ("x", "m", "y"),
                           now={"m": ("x",), "y": ("m", "x")}, through="m"),
    "implement": Series("57 clients × 15 sessions, gaps, own trends, therapists (as IMPLEMENT)", IMPLEMENT.format("", "", "", ""), "alliance(t)", "anxiety(t+1)", implement,
                        ("anxiety", "alliance"), lags=BOTH, now={"alliance": ("anxiety",)}, trends=True, therapists=True),
    "implement_own": Series("the same, own dynamics", IMPLEMENT.format(*[VARIES] * 4), "alliance(t)", "anxiety(t+1)", implement,
                            ("anxiety", "alliance"), lags=BOTH, now={"alliance": ("anxiety",)}, trends=True, therapists=True, own=True),
    "panel": Series("ragged panel, 100 clients", PANEL, "x(t)", "y(t+1)", panel, ("x", "y"), lags={"x": ("x", "y"), "y": ("x", "y")}, seconds=2.0, least=10),
    "large": Series("1000 clients × 20 sessions × 3 variables, 3 levels", LARGE, "x(t)", "y(t+1)", large, ("x", "m", "y"), lags=EVERY, therapists=True, seconds=60.0, least=10),
}  # fmt: skip


def main() -> None:
    """Write every frame."""
    for name, work in SERIES.items():
        work.make().to_csv(Path(sys.argv[1]) / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
