"""Small worlds with known parameters, shared by the tests of this folder."""

import numpy as np
import pandas as pd

import mechanisms as mx


def pinned(text: str, frame: pd.DataFrame, parameters: dict[str, float]):
    """A one-draw fit of a theory at stated parameters."""
    theory = mx.parse(text)
    plan = mx.compile(theory)
    return mx.pin(plan, mx.bind(theory, frame), parameters)


def values(effects) -> dict[str, float]:
    """The only draw of every row."""
    return {row.label: float(row.draws.item()) for row in effects.rows}


def noise(n: int, *names: str, seed: int = 1) -> pd.DataFrame:
    """Columns of standard normals."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, len(names))), columns=list(names))
