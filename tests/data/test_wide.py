"""`columns=` with occasions: wide data against pandas' own reshaping, and the file that says the same."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mechanisms as mx
from mechanisms.data.renaming import read_renaming
from mechanisms.errors import DataError

THEORY = mx.parse(
    "levels: {month: {in: client, occasions: [0, 2, 3, 5]}, client: }\ntime: month\n"
    "variables:\n  arm: {level: client, family: categorical, values: [tau, cbt]}\n  bdi, mood:\n"
    "  better: {family: bernoulli, only_when: {month: 2..}}\n"
    "arrows:\n  arm -> bdi:\n  bdi(t-1), mood -> bdi:\n  bdi -> better:\n"
)
COLUMNS = {
    "bdi": {0: "bdi.pre", 2: "bdi.2m", 3: "bdi.3m", 5: "bdi.5m"},
    "mood": {2: "mood2", 5: "mood5"},
    "better": {2: "b2", 3: "b3", 5: "b5"},
    "arm": "group",
}


def wide(seed=0, n=30):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"group": rng.choice(["tau", "cbt"], n), "bdi.pre": rng.integers(10, 40, n)})
    for name in ("bdi.2m", "bdi.3m", "bdi.5m", "mood2", "mood5"):
        frame[name] = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n).round(2))
    for name in ("b2", "b3", "b5"):
        frame[name] = rng.choice(np.array(["yes", "no", None], dtype=object), n)
    return frame


@pytest.mark.parametrize(
    "make", [lambda f: f, pl.from_pandas, lambda f: pl.from_pandas(f).lazy()], ids=["pandas", "polars", "lazy"]
)
@pytest.mark.parametrize("seed", range(3))
def test_wide_data_against_the_same_data_long(make, seed):
    frame = wide(seed)
    data = mx.bind(THEORY, make(frame), COLUMNS)
    nothing = pd.Series([None] * len(frame), dtype=object)
    long = pd.concat(
        pd.DataFrame(
            {"client": frame.index + 1, "month": month, "arm": frame.group}
            | {name: frame.get(COLUMNS[name].get(month), nothing) for name in ("bdi", "mood", "better")}
        )
        for month in (0, 2, 3, 5)
    )
    long = long[long[["bdi", "mood", "better"]].notna().any(axis=1)].astype({"bdi": float, "mood": float})
    expected = mx.bind(THEORY, long)
    assert repr(data) == repr(expected)
    assert data.units("month").labels == expected.units("month").labels
    for column in data.columns:
        if column.name == "arm":
            np.testing.assert_array_equal(column.codes, expected["arm"].codes)
        else:
            np.testing.assert_array_equal(column.values, expected[column.name].values)


def test_occasions_may_be_numbers_of_numpy():
    said = COLUMNS | {"bdi": {np.int64(at): column for at, column in COLUMNS["bdi"].items()}}
    assert repr(mx.bind(THEORY, wide(), said)) == repr(mx.bind(THEORY, wide(), COLUMNS))


@pytest.mark.parametrize("nothing", [np.nan, None])
def test_wide_columns_without_a_value_are_refused(nothing):
    theory = mx.parse(
        "levels: [month, client]\ntime: month\nvariables: {bdi: , z: {level: client}}\narrows: [z -> bdi]\n"
    )
    frame = pd.DataFrame({"z": [1.0, 2, 3], "pre": [nothing] * 3, "post": [nothing] * 3})
    with pytest.raises(DataError, match="'bdi' has no value at any occasion"):
        mx.bind(theory, frame, {"bdi": {0: "pre", 1: "post"}})


def test_wide_data_may_have_ids():
    frame = wide().assign(id=[f"p{i}" for i in range(30)])
    assert mx.bind(THEORY, frame, COLUMNS | {"client": "id"}).units("client").labels[:2] == ("p0", "p1")
    assert mx.bind(THEORY, {"client": frame}, COLUMNS | {"client": "id"}).n == mx.bind(THEORY, frame, COLUMNS).n


def test_the_therapist_of_each_occasion():
    theory = mx.parse(
        "levels: {wave: {in: [client, therapist]}, client: , therapist: }\ntime: wave\n"
        "variables:\n  x: {level: wave}\narrows: {x(t-1) -> x: }\n"
    )
    frame = pd.DataFrame({"x0": [1.0, 2], "x1": [3.0, 4], "t0": list("AB"), "t1": list("BA")})
    data = mx.bind(theory, frame, {"x": {0: "x0", 1: "x1"}, "therapist": {0: "t0", 1: "t1"}})
    np.testing.assert_array_equal(data["x"].values, [1, 3, 2, 4])
    labels = np.array(data.units("therapist").labels)
    assert "".join(labels[data.units("wave").above["therapist"].index]) == "ABBA"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"bdi": {0: "bdi.pre", 4: "bdi.2m"}},
            "'bdi' has an occasion 4, but the theory's occasions of month are 0, 2, 3 and 5",
        ),
        (
            {"bdi": {0: "bdi.pre", 2: "bdi.4m"}},
            "'bdi' should be 'bdi.4m', but the data have no such column. Did you mean 'bdi.",
        ),
        ({"bdi": {0: "bdi.pre", 2: "bdi.pre"}}, "'bdi.pre' is given for two occasions"),
        ({"mood": {0: "bdi.pre"}}, "the column 'bdi.pre' is given for 'bdi' and 'mood'"),
        ({"bdi": {-1: "bdi.pre"}}, "a column for each occasion is wanted"),
        ({"bdi": {"pre": "bdi.pre"}}, "a column for each occasion is wanted"),
        ({"bdi": {}}, "'bdi' has no occasions"),
        ({"client": {0: "group"}}, "'client' is a level, whose ids stand in one column"),
        ({"arm": {0: "group"}}, "'arm' has one value per client, so it has no occasions"),
        ({"bdj": {0: "bdi.pre"}}, "the theory measures no variable 'bdj'. Did you mean 'bdi'?"),
        ({"mood": "mood2"}, "'mood' has a value per month, but the data have one row per client"),
    ],
)
def test_occasions_that_are_not_there(columns, words):
    with pytest.raises(DataError) as refused:
        mx.bind(THEORY, wide(), COLUMNS | columns)
    assert words in str(refused.value)


def test_occasions_need_levels_and_one_form():
    with pytest.raises(DataError, match="'x' has occasions, but the theory has no levels"):
        mx.bind(mx.parse("arrows: {x -> y: }"), wide(), {"x": {0: "bdi.pre"}})
    with pytest.raises(DataError, match="there is a frame of month: one of the two"):
        mx.bind(THEORY, {"client": wide(), "month": wide()}, COLUMNS)


def test_what_needs_no_column_is_not_renamed():
    theory = mx.parse(
        "levels: [s, c]\ntime: s\nvariables: {x: , y: , d: {is: x - x(0)}, u: {measured_by: []}, f: {measured_by: [x]}}\n"
        "arrows: {d -> y: , u -> y: }\n"
    )
    for name, words in {
        "d": "is computed (is: x - x(0))",
        "u": "measured by nothing",
        "f": "by its indicators",
    }.items():
        with pytest.raises(DataError) as refused:
            mx.bind(theory, wide(), {name: "mood2"})
        assert words in str(refused.value)
        assert "take it out of columns=" in str(refused.value)


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_file_says_the_same(tmp_path, suffix):
    path = tmp_path / f"columns.{suffix}"
    said = COLUMNS | {"client": "id"}
    lines = "bdi: {0: bdi.pre, 2: bdi.2m, 3: bdi.3m, 5: bdi.5m}\nmood:\n  2: mood2\n  5: mood5\nbetter: {2: b2, 3: b3, 5: b5}\narm: group\nclient: id\n"
    path.write_text(json.dumps(said) if suffix == "json" else lines)
    frame = wide().assign(id=range(30))
    assert repr(mx.bind(THEORY, frame, read_renaming(path))) == repr(mx.bind(THEORY, frame, said))
    path.write_text('{"therapist": ["th1", "th2"], "therapist weight": ["w1", "w2"]}')
    assert read_renaming(path) == {"therapist": ["th1", "th2"], "therapist weight": ["w1", "w2"]}


@pytest.mark.parametrize(
    "text", ["x: {0: [a]}", "x: [[a]]", "x: ", "x: []", "- x", "x: {0: a, 0: b}", "[a]: b", "x: &a [*a]"]
)
def test_a_file_of_columns_that_is_none(tmp_path, text):
    path = tmp_path / "columns.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"columns\.yaml"):
        read_renaming(path)


# --- data that others collected ---


def test_btheb(shared):
    frame = pd.read_csv(shared / "btheb.csv")
    theory = mx.parse(
        "levels: {month: {in: client, occasions: [0, 2, 3, 5, 8]}, client: }\ntime: month\nvariables:\n"
        "  treatment: {level: client, family: categorical, values: [TAU, BtheB], assigned: randomised}\n"
        "  drug: {level: client}\n  bdi: {range: [0, 63]}\narrows:\n  treatment, drug, bdi(t-1) -> bdi:\n"
    )
    names = {0: "bdi.pre", 2: "bdi.2m", 3: "bdi.3m", 5: "bdi.5m", 8: "bdi.8m"}
    data = mx.bind(theory, frame, {"bdi": names})
    assert data.n == frame[list(names.values())].notna().sum().sum() == data["bdi"].observed.sum()
    for place, column in enumerate(names.values()):
        rows = data.units("month").at(place, "client")
        np.testing.assert_array_equal(np.where(rows >= 0, data["bdi"].values[rows], np.nan), frame[column])
    assert data.warnings


def test_blch9(shared):
    frame = pd.read_csv(shared / "blch9.csv")
    theory = mx.parse("levels: [day, person]\ntime: day\nvariables:\n  x, m, y:\narrows: {x -> m -> y: , x -> y: }\n")
    data = mx.bind(theory, frame, {"person": "id", "day": "time"})
    assert data.n == len(frame) == data.units("day").n
    assert data.units("person").n == frame.id.nunique()
    by_hand = frame.sort_values(["id", "time"], kind="stable")
    assert list(data.units("day").labels) == list(by_hand[["id", "time"]].itertuples(index=False, name=None))
    np.testing.assert_array_equal(data["m"].values, by_hand.m)


def test_implement(shared):
    frame = pd.read_csv(shared / "implement_wai_bai.csv")
    theory = mx.parse(
        "levels: [session, client, therapist]\ntime: session\nvariables:\n  anxiety: {measured_by: [bai1..bai3]}\n"
        "  bond: {measured_by: [wai7..wai9]}\narrows: {bond(t-1) -> anxiety: }\n"
    )
    data = mx.bind(theory, frame, {"client": "patient", "session": "t"})
    rows = frame.groupby("patient").t
    assert data.n == len(frame)
    assert data.units("session").n == int((rows.max() - frame.t.min() + 1).sum())
    assert data.units("therapist").n == frame.therapist.nunique()
    np.testing.assert_allclose(data["wai7"].mean, frame.wai7.mean())
