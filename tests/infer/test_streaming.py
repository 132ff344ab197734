"""Fits to rows that are never in memory: the same draws and effects as with the rows, and clear refusals."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

import mechanisms as mx
from mechanisms.data import streams
from mechanisms.errors import DataError, FitError

N = 1500
THEORY = """
variables: {x: , c: , b: , m: , y: , g: {family: categorical, values: [u, v, w]}}
arrows:
  x -> m: {moderated_by: [b]}
  m -> y:
  x -> y: {shape: quadratic, moderated_by: [c]}
  c, b, g -> m, y:
"""
PLAIN = "variables: {x: , c: , b: , m: , y: }\narrows:\n  x -> m -> y:\n  x -> y:\n  c, b -> m, y:\n"


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(5)
    found = pd.DataFrame({"x": rng.normal(100, 2, N), "c": rng.normal(-3, 1, N), "b": rng.integers(0, 2, N) * 1.0})
    found["g"] = rng.choice(["u", "v", "w"], N)
    found["m"] = 0.3 * found.x + 0.2 * found.c * found.b + (found.g == "v") * 0.5 + rng.normal(size=N)
    found["y"] = 0.4 * found.m + 0.1 * found.x + 0.05 * found.c**2 + rng.normal(size=N)
    return found.sort_values("x", ignore_index=True)  # so that the first rows tell little of the others


@pytest.fixture
def large(monkeypatch):
    """Sources of any size are streamed, in batches that divide nothing."""
    monkeypatch.setattr(streams, "MOST_CELLS", 1)
    monkeypatch.setattr(streams, "_ROWS", 317)


def folder(frame, path):
    (path / "parts").mkdir()
    frame[:400].to_parquet(path / "parts" / "a.parquet")
    frame[400:].to_parquet(path / "parts" / "b.parquet")
    return path / "parts"


def parquet(frame, path):
    frame.to_parquet(path / "all.parquet")
    return path / "all.parquet"


@dataclass(frozen=True)
class Parted:
    """What of a dask frame is used: its columns, and its partitions, which are computed one by one."""

    parts: tuple

    def __getitem__(self, names):
        return Parted(tuple(part[names] for part in self.parts))

    @property
    def columns(self):
        return self.parts[0].columns

    @property
    def npartitions(self):
        return len(self.parts)

    @property
    def partitions(self):
        return [Parted((part,)) for part in self.parts]

    def compute(self):
        (part,) = self.parts
        return part


SOURCES = {
    "polars": lambda frame, path: pl.from_pandas(frame).lazy(),
    "polars file": lambda frame, path: pl.scan_parquet(parquet(frame, path)),
    "arrow": lambda frame, path: ds.dataset(parquet(frame, path)),
    "path": lambda frame, path: str(parquet(frame, path)),
    "folder": folder,
    "dask": lambda frame, path: Parted(tuple(frame[at : at + 400] for at in range(0, N, 400))),
}


def assert_same(fit, other, tolerance=1e-9):
    for address, draws in other.parameters.items():
        np.testing.assert_allclose(fit.parameters[address], draws, rtol=0, atol=tolerance * draws.std())


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_gives_the_draws_of_its_rows(frame, large, tmp_path, source):
    theory = mx.parse(THEORY)
    fit = mx.fit(theory, SOURCES[source](frame, tmp_path), seed=1, draws=100)
    assert fit.data.sums is not None
    assert fit.data.n == N
    assert_same(fit, mx.fit(theory, frame, seed=1, draws=100))


@pytest.mark.parametrize("source", SOURCES)
def test_a_small_source_is_a_frame(frame, tmp_path, source):
    data = mx.bind(mx.parse(THEORY), SOURCES[source](frame, tmp_path))
    assert data.sums is None
    np.testing.assert_array_equal(data["x"].values, frame.x)
    assert [data["g"].values[code] for code in data["g"].codes] == list(frame.g)


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"set": {"b": 1}}, {"set": {"m": 30}}, {"at": {"g": "v"}}, {"at": {"g": "u"}}, {"at": {"b": 0}},
        {"contrast": ("mean", "+1 sd")}, {"scale": "standardised"}, {"at": {"g": "each"}},
    ],
)  # fmt: skip
def test_effects_are_those_of_the_rows(frame, large, asked):
    theory = mx.parse(THEORY)
    rows = mx.decompose(mx.fit(theory, frame, seed=1, draws=100), "x", "y", **asked)
    sums = mx.decompose(mx.fit(theory, pl.from_pandas(frame).lazy(), seed=1, draws=100), "x", "y", **asked)
    assert [row.label for row in sums.rows] == [row.label for row in rows.rows]
    assert sums.population == rows.population
    sd = rows.rows[0].draws.std()
    for one, other in zip(sums.rows, rows.rows, strict=True):
        np.testing.assert_allclose(one.draws, other.draws, rtol=0, atol=1e-8 * sd)


def test_what_is_quadratic_in_the_covariates_is_averaged_by_their_covariances(frame, large):
    """x moves m by an amount that c makes, and m moves y by one that c makes as well."""
    theory = mx.parse("arrows:\n  x -> m: {moderated_by: [c]}\n  m -> y: {moderated_by: [c]}\n  b -> y:\n")
    rows, sums = (mx.fit(theory, each, seed=1, draws=50) for each in (frame, pl.from_pandas(frame).lazy()))
    one, other = (mx.decompose(fit, "x", "y").rows[0].draws for fit in (sums, rows))
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-8 * other.std())
    with pytest.raises(DataError, match="needs each of their rows"):
        mx.decompose(sums, "x", "y", at={"b": 1})


def test_data_and_priors_show_themselves(frame, large):
    theory, source = mx.parse(THEORY), pl.from_pandas(frame).lazy()
    plan, data = mx.compile(theory), mx.bind(theory, source)
    words = repr(data).splitlines()
    assert words[0] == f"Dataset: {N} rows, summed and not in memory"
    assert words[1:] == repr(mx.bind(theory, frame)).splitlines()[1:]
    assert repr(mx.explain(plan, data)) == repr(mx.explain(plan, mx.bind(theory, frame)))


def test_what_was_not_summed_cannot_be_mistaken_for_data(frame, large):
    column = mx.bind(mx.parse(PLAIN), pl.from_pandas(frame).lazy())["x"]
    uses = [
        np.asarray, np.isnan, len, list, bool, float, np.unique, np.mean, np.sum, np.any, np.count_nonzero, np.isfinite,
        lambda v: v == 1, lambda v: v != 1, lambda v: v > 0, lambda v: v[0], lambda v: v[v > 0], lambda v: v.mean(),
        lambda v: v * np.ones(3), lambda v: np.ones(3) @ v, lambda v: -v, lambda v: ~v, lambda v: v + 1, lambda v: 1 - v,
        lambda v: np.where(v > 0, 1, 0), lambda v: np.full(3, v), lambda v: np.broadcast_to(v, 3), lambda v: v.copy(),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(DataError, match="needs x row by row"):
            use(column.values)


# --- refusals ---


def gap(frame):
    return frame.assign(m=frame.m.where(frame.index != 700))


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        (PLAIN, gap, ["'m' has no value in row 701", "drop_nulls"]),
        (PLAIN, lambda f: pl.from_pandas(f).with_columns(m=pl.when(pl.col("x") != f.x[900]).then("m")), ["'m' has no value in row 901"]),
        (PLAIN, lambda f: f.assign(c=f.c.where(f.index != 1499, np.inf)), ["'c' holds infinite values"]),
        (PLAIN, lambda f: f.assign(b=f.g), ["'b' holds", "where numbers are needed", "family: categorical"]),
        (PLAIN, lambda f: f.assign(c=5.0), ["'c' is constant up to rounding (5 in all 1500 rows)"]),
        (PLAIN, lambda f: f.assign(c=1e9 + 1e-7 * f.b), ["'c' is constant up to rounding"]),
        (PLAIN, lambda f: f.assign(c=1e200 * f.c), ["'c' holds numbers too large to compute with"]),
        (PLAIN, lambda f: f.drop(columns="c"), ["The theory needs 'c'"]),
        (PLAIN, lambda f: f[:0], ["no rows"]),
        (PLAIN, lambda f: f[:1], ["one row"]),
        (PLAIN, lambda f: f[:4], ["4 rows cannot carry"]),
        (PLAIN, lambda f: f.assign(c=3 * f.x + f.b), ["x, c and b determine each other exactly"]),
        (PLAIN, lambda f: f.assign(y=2 * f.m - f.x), ["y is determined exactly by"]),
        (PLAIN.replace("b: ,", "b: {family: bernoulli},"), lambda f: f.assign(b=f.b * 2), ["'b' is declared bernoulli but holds numbers from 0 to 2"]),
        (PLAIN.replace("c: ,", "c: {range: [-9, 0]},"), lambda f: f, ["'c' holds", "outside its declared range [-9, 0]"]),
        (THEORY, lambda f: f.assign(g="u"), ["'g': nobody in the data has the value 'v' and 'w'"]),
        (THEORY.replace("[u, v, w]", "[u, v]"), lambda f: f, ["'g' has the value 'w'", "does not declare"]),
        (PLAIN.replace("y: }", "y: {family: bernoulli}}"), lambda f: f.assign(y=f.b), ["y's equation is bernoulli", "Collect the source"]),
        ("arrows:\n  x -> y: {shape: {spline: 3}}\n", lambda f: f, ["shape: spline", "made of the rows"]),
    ],
)  # fmt: skip
def test_what_sums_cannot_carry_is_refused(frame, large, text, change, words):
    changed = change(frame)
    with pytest.raises(DataError) as refused:
        mx.fit(
            mx.parse(text), (changed if isinstance(changed, pl.DataFrame) else pl.from_pandas(changed)).lazy(), seed=1
        )
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("text", "engine", "words"),
    [
        (PLAIN + "priors:\n  x -> m: {half_normal: 1}\n", "auto", ["the equation of m needs the rows", "not a plain normal"]),
        (PLAIN + "priors:\n  x -> m: {same_as: x -> y}\n", "auto", ["the equation of m and y needs the rows"]),
        ("arrows:\n  x -> m, y:\n  m <-> y:\n", "auto", ["residuals are correlated"]),
        (PLAIN, "nuts", ["engine nuts was asked for", "mx.bind(theory, frame.collect())"]),
        (PLAIN, "laplace", ["engine laplace was asked for"]),
    ],
)  # fmt: skip
def test_engines_that_need_rows_are_named(frame, large, text, engine, words):
    with pytest.raises(FitError) as refused:
        mx.fit(mx.parse(text), pl.from_pandas(frame).lazy(), seed=1, engine=engine)
    for word in words:
        assert word in str(refused.value)


def test_questions_that_need_rows_say_so(frame, large):
    fit = mx.fit(mx.parse(PLAIN), pl.from_pandas(frame).lazy(), seed=1, draws=20)
    with pytest.raises(DataError, match="one 0/1 or categorical variable can be conditioned on"):
        mx.decompose(fit, "x", "y", at={"c": 0})
    with pytest.raises(DataError, match="row by row"):
        mx.decompose(fit, "x", "y", contrast=("10%", "90%"))


def test_folders_that_are_not_data(frame, tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(DataError, match=r"holds no \.parquet files; it holds notes\.txt"):
        mx.bind(mx.parse(PLAIN), tmp_path)
    frame.to_parquet(tmp_path / "a.parquet")
    assert mx.bind(mx.parse(PLAIN), tmp_path).n == N
    (tmp_path / "b.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cannot be read: .*b\.parquet"):
        mx.bind(mx.parse(PLAIN), tmp_path)


# --- more rows ---

STATED = "priors:\n" + "".join(
    f"  {each}: {{normal: [0, 3]}}\n"
    for each in ("1 -> m", "x -> m", "c -> m", "b -> m", "1 -> y", "m -> y", "x -> y", "c -> y", "b -> y")
)
STATED += "  sigma(m): {half_normal: 2}\n  sigma(y): {half_normal: 2}\n"


@pytest.mark.parametrize("make", [lambda f: f, lambda f: pl.from_pandas(f).lazy()], ids=["frames", "lazy"])
def test_new_rows_give_the_fit_of_all_rows(frame, make):
    """The theory states all priors in data units, so that nothing hangs on which rows came first."""
    theory = mx.parse(PLAIN + STATED)
    first, more, last = make(frame[:600]), make(frame[600:-1]), make(frame[-1:])
    part = mx.fit(theory, first, seed=9, draws=100)
    fit = mx.update(mx.update(part, more, seed=3), last, seed=1)
    whole = mx.fit(theory, frame, seed=1, draws=100)
    assert (fit.data.n, fit.shape) == (N, whole.shape)
    assert_same(fit, whole, 1e-6)
    for one, other in zip(mx.decompose(fit, "x", "y").rows, mx.decompose(whole, "x", "y").rows, strict=True):
        np.testing.assert_allclose(one.draws, other.draws, atol=1e-6 * other.draws.std(), rtol=0)


def test_products_and_categories_are_added_too(frame, large):
    theory = mx.parse(THEORY)
    some = frame.sample(frac=1, random_state=1)
    fit = mx.update(mx.fit(theory, pl.from_pandas(some[:900]).lazy(), seed=1), some[900:], seed=1)
    again = mx.update(mx.fit(theory, some[:900], seed=1), some[900:], seed=1)
    assert_same(fit, again)
    least = mx.fit(theory, frame, seed=1)
    for address, draws in least.parameters.items():  # priors are those of 900 rows: wide ones, which hardly matter
        assert abs(fit.parameters[address].mean() - draws.mean()) < 0.05 * draws.std()


def test_priors_stay_as_the_first_rows_stated_them(frame):
    theory = mx.parse(PLAIN)
    first = mx.fit(theory, frame[:50], seed=1)
    fit = mx.update(first, frame[50:], seed=1)
    assert mx.explain(fit.plan, fit.data).priors == mx.explain(first.plan, first.data).priors
    assert mx.update(fit, frame[:5], seed=1).data.first.n == 50
    assert fit.data["x"].mean == pytest.approx(frame.x.mean(), rel=1e-12)
    assert fit.data["x"].sd == pytest.approx(frame.x.std(), rel=1e-12)
    assert (fit.data["x"].lowest, fit.data["x"].highest) == (frame.x.min(), frame.x.max())


@pytest.mark.parametrize(
    ("text", "new", "words"),
    [
        ("variables: {x: , b: {family: bernoulli}}\narrows: [x -> b]\n", lambda f: f, ["the equation of b was fitted by laplace", "Fit old and new rows together"]),
        ("arrows:\n  x -> y: {shape: {spline: 3}}\n", lambda f: f, ["the curves of x~spline:3"]),
        (PLAIN, lambda f: f.drop(columns="c"), ["The theory needs 'c'"]),
        (PLAIN, lambda f: f[:0], ["no new rows"]),
        (PLAIN, gap, ["'m' has no value in row 701"]),
    ],
)  # fmt: skip
def test_updates_that_cannot_be_are_refused(frame, text, new, words):
    fit = mx.fit(mx.parse(text), frame, seed=1, draws=50)
    with pytest.raises((FitError, DataError)) as refused:
        mx.update(fit, new(frame))
    for word in words:
        assert word in str(refused.value)


def test_products_that_were_not_summed_cannot_be_fitted_later(frame):
    fit = mx.update(mx.fit(mx.parse(PLAIN), frame, seed=1, draws=20), frame, seed=1)
    other = mx.compile(mx.parse("arrows:\n  x -> m: {moderated_by: [b]}\n  m -> y:\n  c -> y:\n"))
    with pytest.raises(DataError, match="products of columns that were not summed"):
        mx.sample(other, fit.data, seed=1)
