"""What data of several levels cannot carry is refused before anything is sampled, with the remedy."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import DataError

HEAD = "levels: [session, client]\ntime: session\nvariables: {x: , y: }\n"


def panel(**changes):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"client": np.repeat(range(8), 4), "session": np.tile(range(4), 8)})
    frame = frame.assign(x=rng.normal(size=32), y=rng.normal(size=32))
    return frame.assign(**changes)


STILL = np.repeat(np.arange(8.0), 4)
ONE = np.where(np.arange(32) == 1, 9.0, STILL)


@pytest.mark.parametrize(
    ("arrows", "changes", "words"),
    [
        ("[x(t-1) -> y]", {"x": STILL}, ["'x' has one value for each client", "x: {level: client}"]),
        ("[x -> y]", {"x": STILL}, ["nothing departs from it"]),
        ("{x -> y: {varies_by: client}}", {"x": ONE}, ["x(session) -> y cannot differ among clients"]),
        ("[x -> y]", {"y": STILL}, ["'y' has one value for each client"]),
    ],
)
def test_what_never_departs_is_refused(arrows, changes, words):
    theory = mx.parse(f"{HEAD}arrows: {arrows}\n")
    data = mx.bind(theory, panel(**changes))
    with pytest.raises(DataError) as refused:
        mx.explain(mx.compile(theory), data)
    for word in words:
        assert word in str(refused.value)


def test_what_departs_somewhere_is_carried():
    theory = mx.parse(f"{HEAD}arrows: [x(t-1) -> y]\n")
    assert mx.explain(mx.compile(theory), mx.bind(theory, panel(x=ONE))).blocks
