"""The door: every kind of frame and column that is let in, and one clear sentence for each that is not."""

import datetime
import re

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

import mechanisms as mx
from mechanisms.data.dataset import ColumnView
from mechanisms.data.door import bind, bind_some
from mechanisms.data.files import read_frame
from mechanisms.data.renaming import read_renaming
from mechanisms.errors import DataError
from mechanisms.spec.theory import Theory, Variable

CHAIN = mx.parse("arrows:\n  x -> m -> y:\n")
KINDS = mx.parse(
    "variables:\n  g: {family: categorical, values: [a, b, c]}\n  y: {family: bernoulli}\narrows:\n  g -> y:\n"
)
N = 12


def plain(**columns):
    """A good frame for CHAIN, with some columns replaced."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({name: rng.normal(size=N) for name in "xmy"} | columns)


def kinds(g=("a", "b", "c") * 4, y=(0, 1) * 6):
    return pd.DataFrame({"g": list(g), "y": list(y)})


def refusal(theory, frame, columns=None):
    with pytest.raises(DataError) as refused:
        bind(theory, frame, columns)
    return str(refused.value)


# --- frames and files ---


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas, lambda f: pl.from_pandas(f).lazy(), nw.from_native])
def test_frames_of_every_kind(make):
    frame = plain()
    data = bind(CHAIN, make(frame))
    assert data.n == N
    for name in "xmy":
        column = data.numbers(name)
        np.testing.assert_array_equal(column.values, frame[name])
        assert (column.mean, column.sd) == (pytest.approx(frame[name].mean()), pytest.approx(frame[name].std()))
        assert (column.lowest, column.highest) == (frame[name].min(), frame[name].max())
        assert not column.binary
        assert column.scale == column.sd


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_files(tmp_path, suffix, kind):
    path = tmp_path / f"data{suffix}"
    frame = plain(g=["a", "b"] * 6)
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    data = bind(CHAIN, kind(path))
    np.testing.assert_array_equal(data["x"].values, frame.x)


def test_a_lazy_frame_is_asked_only_for_what_is_needed():
    wide = (
        pl.from_pandas(plain()).lazy().with_columns(unused=pl.col("x").map_batches(_explode, return_dtype=pl.Float64))
    )
    assert bind(CHAIN, wide).n == N


def _explode(_):
    raise AssertionError("a column that no variable needs was computed")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("d.csv", None, ["d.csv", "no such file", "Did you mean 'data.csv'?"]),
        ("data.xlsx", b"", [".csv and .parquet"]),
        ("data.csv", b"", ["data.csv", "empty"]),
        ("data.csv", b"x,m,y\n", ["no rows"]),
        ("data.csv", b"x,m,y\n1,2,3\n", ["one row"]),
        ("data.csv", b"x,m,y\n1,2,3\n1,2,3,4,5\n", ["cannot be read as csv", "line 3"]),
        ("data.csv", bytes(range(256)), ["cannot be read as csv"]),
        ("data.csv", b"x,m,y,x\n1,2,3,4\n2,3,1,1\n3,1,2,0\n", ["more than one column called 'x'"]),
        ("data.csv", b"x;m;y\n1;2;3\n", ["separated by ';'", "save it with commas", "pandas.read_csv(path, sep=';')"]),
        ("data.csv", b"x;m;y\n0,5;2;3\n", ["pandas.read_csv(path, sep=';', decimal=',')"]),
        ("data.csv", b"x\tm\ty\n1\t2\t3\n", ["separated by tabs", "sep='\\t'"]),
        ("data.parquet", b"nothing", ["cannot be read as parquet"]),
    ],
)
def test_files_that_are_not_data(tmp_path, name, content, words):
    if content is None:
        (tmp_path / "data.csv").write_bytes(b"")
    else:
        (tmp_path / name).write_bytes(content)
    message = refusal(CHAIN, tmp_path / name)
    for word in words:
        assert word in message


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_frame(tmp_path / "nowhere" / "data.csv")


def test_a_file_of_names(tmp_path):
    (tmp_path / "names.yaml").write_text("x: X 1\nm: y2\n")
    assert read_renaming(tmp_path / "names.yaml") == {"x": "X 1", "m": "y2"}
    with pytest.raises(DataError, match=r"name\.yaml: there is no such file\. Did you mean 'names\.yaml'\?"):
        read_renaming(tmp_path / "name.yaml")


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ({"x": [1, 2]}, "mapping: make a pandas or polars frame of it"),
        (np.zeros((3, 3)), "the data are a ndarray: give a pandas or polars frame"),
        (None, "the data are a NoneType"),
        (pd.Series([1, 2]), "the data are a Series"),
        (pd.concat([plain(), plain()], axis=1), "more than one column called 'x', 'm' and 'y'"),
        (plain().rename(columns={"m": 3}), "column names must be text; 3 is not"),
        (plain()[:0], "the data have no rows"),
        (plain()[:1], "the data have one row"),
    ],
)
def test_things_that_are_not_frames(thing, words):
    assert words in refusal(CHAIN, thing)


# --- columns ---


def test_columns_may_be_called_otherwise():
    frame = plain().rename(columns={"x": "Alliance total", "m": "y2"})
    data = bind(CHAIN, frame, {"x": "Alliance total", "m": "y2"})
    np.testing.assert_array_equal(data["x"].values, frame["Alliance total"])
    swapped = bind(CHAIN, plain(), {"x": "m", "m": "x"})
    np.testing.assert_array_equal(swapped["x"].values, plain()["m"])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"alliance": "x"}, "the theory measures no variable 'alliance'"),
        ({"mm": "m"}, "the theory measures no variable 'mm'. Did you mean 'm'?"),
        ({"m": "aliance"}, "'m' should be 'aliance', but the data have no such column. Did you mean 'alliance'?"),
        ({"x": ["a", "b"]}, "one column name for one variable is wanted"),
        ({"x": 3}, "one column name for one variable is wanted"),
        (["x"], "columns= is a mapping"),
    ],
)
def test_columns_that_are_not_there(columns, words):
    assert words in refusal(CHAIN, plain().rename(columns={"m": "alliance"}), columns)


def test_a_missing_column_is_named_with_the_near_miss():
    message = refusal(CHAIN, plain().rename(columns={"x": "X1", "m": "mm"}))
    assert "needs 'x'" in message
    assert "Did you mean 'X1'?" in message
    assert 'columns={"x": "…"}' in message
    assert "It has m, x_pre and y." in refusal(
        mx.parse("arrows:\n  alliance -> y:\n"), plain().rename(columns={"x": "x_pre"})[["m", "x_pre", "y"]]
    )


def test_unmeasured_variables_need_no_column():
    theory = mx.parse("variables:\n  x, y:\n  u: {measured_by: []}\narrows:\n  x -> y: \n  u -> y:\n")
    data = bind(theory, plain())
    assert "u" not in data
    assert "x" in data
    with pytest.raises(KeyError):
        data["u"]


def test_some_variables_only():
    data = bind_some(KINDS, pd.DataFrame({"g": list("abc")}), ["g"])
    assert [column.name for column in data.columns] == ["g"]


# --- numbers ---

INTEGERS = [
    pd.Series(range(N)), pd.Series(range(N), dtype="Int64"), pd.Series(range(N), dtype="Float64"),
    pd.Series(range(N), dtype="float32"), pd.Series(range(N), dtype="uint8"), pd.Series(range(N), dtype="int64[pyarrow]"),
    pd.Series(range(N), dtype=object), pd.Series([*range(N - 1), np.float64(11)], dtype=object),
]  # fmt: skip


@pytest.mark.parametrize("series", INTEGERS, ids=lambda series: str(series.dtype))
def test_numbers_of_every_type(series):
    data = bind(CHAIN, plain(x=series))
    np.testing.assert_array_equal(data["x"].values, np.arange(N, dtype=float))
    assert data["x"].values.dtype == np.float64


@pytest.mark.parametrize(
    "series", [pl.Series(range(N), dtype=pl.Decimal(10, 2)), pl.Series(range(N), dtype=pl.Int8)], ids=str
)
def test_numbers_of_every_polars_type(series):
    data = bind(CHAIN, pl.from_pandas(plain()).with_columns(x=series))
    np.testing.assert_array_equal(data["x"].values, np.arange(N, dtype=float))


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 1], None),
        ([0.0, 1.0], None),
        (["no", "yes"], ("no", "yes")),
        (["No ", "YES"], ("no", "yes")),
        (["false", "TRUE"], ("false", "true")),
        (["n", "Y"], ("n", "y")),
        ([False, True], ("false", "true")),
        (pd.Series([False, True] * 6, dtype="boolean"), ("false", "true")),
        (pd.Series([False, True] * 6, dtype=object), ("false", "true")),
        (pd.Categorical(["no", "yes"] * 6, categories=["yes", "no"]), ("no", "yes")),
    ],
)
@pytest.mark.parametrize("family", ["{}", "{family: bernoulli}"])
def test_two_values_are_0_and_1(values, labels, family):
    theory = mx.parse(f"variables:\n  x:\n  y: {family}\narrows:\n  x -> y:\n")
    values = values if len(values) == N else values * 6
    data = bind(theory, pd.DataFrame({"x": range(N), "y": values}))
    column = data.numbers("y")
    np.testing.assert_array_equal(column.values, [0, 1] * 6)
    assert column.binary
    assert column.scale == 1.0
    assert column.labels == labels


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("[no, yes]", ["yes", "no", "no"] * 4, [1, 0, 0]),
        ("[yes, no]", ["yes", "no", "no"] * 4, [0, 1, 1]),
        ("[well, sick]", [" sick", "well", "well"] * 4, [1, 0, 0]),
        ("[1, 2]", [2, 1, 1] * 4, [1, 0, 0]),
        ("[1, 2]", [2.0, 1.0, 1.0] * 4, [1, 0, 0]),
        ("[1, 2]", ["2", "1.0", "1"] * 4, [1, 0, 0]),
        ("[1, 0]", [0, 1, 1] * 4, [1, 0, 0]),
        ("[true, false]", [False, True, True] * 4, [1, 0, 0]),
    ],
)
def test_declared_values_of_an_outcome_the_second_is_1(declared, values, expected):
    theory = mx.parse(f"variables:\n  x:\n  y: {{family: bernoulli, values: {declared}}}\narrows:\n  x -> y:\n")
    column = bind(theory, pd.DataFrame({"x": range(N), "y": values})).numbers("y")
    np.testing.assert_array_equal(column.values[:3], expected)
    assert f"({column.labels[1]}" not in repr(column.labels[0])
    assert column.labels == tuple(declared.strip("[]").split(", "))


# --- categories ---


@pytest.mark.parametrize(
    "frame",
    [
        kinds(),
        kinds(g=[" a", "b ", "c"] * 4),
        pd.DataFrame({"g": pd.Categorical(["a", "b", "c"] * 4, categories=["z", "c", "b", "a"]), "y": [0, 1] * 6}),
        pl.DataFrame({"g": ["a", "b", "c"] * 4, "y": [0, 1] * 6}),
        pl.DataFrame({"g": pl.Series(["a", "b", "c"] * 4, dtype=pl.Enum(["c", "b", "a"])), "y": [0, 1] * 6}),
        pl.DataFrame({"g": pl.Series(["a", "b", "c"] * 4, dtype=pl.Categorical), "y": [0, 1] * 6}),
    ],
    ids=["text", "spaces", "pandas Categorical", "polars text", "polars Enum", "polars Categorical"],
)
def test_categories_keep_the_theorys_order(frame):
    column = bind(KINDS, frame)["g"]
    np.testing.assert_array_equal(column.codes, [0, 1, 2] * 4)
    assert (column.values, column.reference, column.share("c")) == (("a", "b", "c"), "a", pytest.approx(1 / 3))
    np.testing.assert_array_equal(column.indicator("b"), [0, 1, 0] * 4)


@pytest.mark.parametrize(
    "values",
    [[1, 2, 3], [1.0, 2.0, 3.0], ["1", "2", "3"], ["1.0", "2", "03"], pd.Categorical([1, 2, 3] * 4)],
    ids=["integers", "floats", "text", "odd text", "Categorical"],
)
def test_categories_that_are_numbers_match_as_text_and_as_number(values):
    theory = mx.parse("variables:\n  g: {family: categorical, values: [3, 1, 2]}\n  y:\narrows:\n  g -> y:\n")
    values = values if len(values) == N else values * 4
    np.testing.assert_array_equal(bind(theory, pd.DataFrame({"g": values, "y": range(N)}))["g"].codes, [1, 2, 0] * 4)


def test_the_columns_as_the_predictor_names_them():
    view = ColumnView(bind(KINDS, kinds()))
    assert list(view) == ["g=a", "g=b", "g=c", "y"]
    assert len(view) == 4
    np.testing.assert_array_equal(view["g=c"], [0, 0, 1] * 4)
    np.testing.assert_array_equal(view["y"], [0, 1] * 6)


def test_a_dataset_shows_itself():
    shown = repr(bind(KINDS, kinds(y=["yes", "no", "no"] * 4)))
    assert "Dataset: 12 rows" in shown
    assert "categories: a 33%, b 33%, c 33% (reference a)" in shown
    assert "yes 33% (1), no 67% (0)" in shown
    assert "mean 5.5, sd 3.606, from 0 to 11" in repr(bind(CHAIN, plain(x=range(N))))
    with pytest.raises(KeyError):
        bind(KINDS, kinds()).numbers("g")


# --- refusals ---


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([3] * N, ["'x' is constant (3 in all 12 rows)"]),
        (["yes"] * N, ["'x' is constant ('yes' in every row)"]),
        (["here"] * N, ["'x' is constant ('here' in every row)"]),
        ([1e8 + 1e-9 * i for i in range(N)], ["constant up to rounding"]),
        ([0.0, 5e-324] * 6, ["constant up to rounding"]),
        ([1e300, -1e300, 0.0] * 4, ["too large to compute with"]),
        ([np.inf, 1, 2, -np.inf] * 3, ["'x' holds 6 infinite values"]),
        (["1.5", "2", "3"] * 4, ["'x' holds numbers written as text (1.5, 2 and 3)", "convert"]),
        ([*map(str, range(11)), "n/a"], ["'x' should hold numbers but also holds 'n/a'"]),
        ([f"n{i}" for i in range(N - 1)] + ["1"], ["'x' should hold numbers but also holds"]),
        (
            [1, 2, 3, 4, 5, 6, 7, 8, 9, "n/a", 1, 2],
            ["'x' should hold numbers but also holds 'n/a' in row 10 of the data"],
        ),
        ([1, "?", 3, 1, 2, 3, 1, 2, 3, "n/a", 1, 2], ["holds '?' and 'n/a' in 2 rows, first in row 2 of the data"]),
        (
            ["0,01", "1,5", "-2,25"] * 4,
            ["'x' holds numbers with a decimal comma ('-2,25', '0,01' and '1,5')", "decimal=','"],
        ),
        (["0,01", "2", "3"] * 4, ["with a decimal comma ('0,01')"]),
        (["1,200", "2,000", "900"] * 4, ["with commas between thousands ('1,200' and '2,000')", "thousands=','"]),
        (["", "a"] * 6, ["'x' is blank in 6 rows"]),
        (["a, b", "c"] * 6, ["'x' holds text", "rename 'a, b' first"]),
        (["[1, 2)", "x=3", "ok"] * 4, ["rename '[1, 2)' and 'x=3' first"]),
        (["a1..a3", "ok"] * 6, ["rename 'a1..a3' first"]),
        (pd.date_range("2020-01-01", periods=N), ["'x' holds dates or times", "neither numbers nor text"]),
        (pd.to_timedelta(range(N), unit="D"), ["'x' holds durations"]),
        ([10**400, *range(11)], ["'x' holds whole numbers too large to compute with"]),
        ([[0]] * N, ["'x' holds a list, which is neither a number nor text"]),
        (np.arange(N) * 1j, ["'x' holds", "neither numbers nor text"]),
    ],
)
def test_columns_that_are_not_numbers(values, words):
    message = refusal(CHAIN, plain(x=values))
    for word in words:
        assert word in message


@pytest.mark.parametrize("values", [[datetime.date(2020, 1, 1 + i) for i in range(N)], [[i] for i in range(N)]])
def test_polars_columns_that_are_not_numbers(values):
    assert "neither numbers nor text" in refusal(CHAIN, pl.from_pandas(plain()).with_columns(x=pl.Series(values)))


@pytest.mark.parametrize(
    "words",
    [
        ["cbt", "waitlist"], ["a", "b", "c"], ["low dose", "high dose/2x"], ["a: b", "#c"], ["it's", '"so"'],
        ["-", "?"], ["&a", "!c", "%d", "@e"], ["null", "~", "true"], ["no", "maybe"], ["1", "b"], ["æ", "ø"], ["- a", "b"],
    ],
)  # fmt: skip
def test_text_is_refused_with_a_declaration_to_paste(words):
    frame = plain(x=(words * N)[:N])
    message = refusal(CHAIN, frame)
    assert "'x' holds text" in message
    assert "where a number is needed" in message
    assert "put the comparison condition first" in message
    ways = ("x: {family: " + way for way in message.split("x: {family: ")[1:])
    declarations = [way.removesuffix(" or ") for way in ways]
    assert len(declarations) == (2 if len(words) == 2 else 1), "two values are offered in both orders"
    orders = set()
    for declaration in declarations:
        assert f"family: {'bernoulli' if len(words) == 2 else 'categorical'}" in declaration
        pasted = mx.parse(f"variables:\n  m, y:\n  {declaration}\narrows:\n  x -> m -> y:\n")
        orders.add(pasted.variable("x").values)
        assert set(pasted.variable("x").values) == set(words)
        assert bind(pasted, frame).n == N
    assert len(orders) == len(declarations)


def test_free_text_is_not_offered_as_categories():
    frame = pd.DataFrame({name: [f"remark {i}" for i in range(40)] if name == "x" else range(40) for name in "xmy"})
    assert "40 different texts are too many for categories" in refusal(CHAIN, frame)


CAUSES = mx.parse("arrows:\n  x, m -> y:\n")  # nothing points at x and m


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas])
def test_missing_values_are_counted_in_one_message(make):
    frame = plain(x=[np.nan, None, *range(10)], y=[1.0] * 3 + [np.nan] + list(range(8)))
    frame["m"] = ["yes", "no"] * 5 + ["yes", None]
    message = refusal(CAUSES, make(frame))
    assert "missing values in x (2) and m (1): 3 of 12 rows. Nothing points at them" in message
    assert "x: {family: normal} and m: {family: bernoulli}" in message
    drop = "dropna" if isinstance(make(frame), pd.DataFrame) else "fill_nan(None).drop_nulls"
    assert f"frame.{drop}(subset=['x', 'm'])" in message
    assert eval(re.search(r"frame = (.*\]\))", message)[1], {"frame": make(frame.assign(other=None))}).shape == (9, 4)
    declared = mx.parse("variables: {x: {family: normal}, m: {family: bernoulli}, y: }\narrows:\n  x, m -> y:\n")
    assert bind(declared, make(frame)).incomplete == ("x", "m", "y")


def test_dropping_names_the_columns_of_the_data():
    frame = plain(x=[np.nan, *range(11)]).rename(columns={"x": "X 1"})
    assert "frame.dropna(subset=['X 1'])" in refusal(CHAIN, frame, {"x": "X 1"})


GAPS = [
    pd.Series([np.nan, None, *range(10)]), pd.Series([None, None, *range(10)], dtype="Int64"),
    pd.Series([None, None, *range(10)], dtype="Float64"), pd.Series([None, np.nan, *range(10)], dtype=object),
    pd.Series([None, None, *range(10)], dtype="int64[pyarrow]"), pl.Series([None, None, *range(10)]),
    pl.Series([float("nan"), None, *map(float, range(10))]), pl.Series([None, None, *range(10)], dtype=pl.Decimal(10, 2)),
]  # fmt: skip


@pytest.mark.parametrize("series", GAPS, ids=lambda series: f"{type(series).__module__} {series.dtype}")
def test_missing_numbers_of_an_effect_pass(series):
    frame = plain() if isinstance(series, pd.Series) else pl.from_pandas(plain())
    frame = frame.assign(m=series) if isinstance(series, pd.Series) else frame.with_columns(m=series)
    data = bind(CHAIN, frame)
    column = data.numbers("m")
    np.testing.assert_array_equal(column.values, [np.nan, np.nan, *range(10)])
    np.testing.assert_array_equal(column.missing, [True] * 2 + [False] * 10)
    np.testing.assert_array_equal(column.observed, ~column.missing)
    assert (column.mean, column.sd, column.lowest, column.highest) == (
        4.5,
        pytest.approx(np.std(range(10), ddof=1)),
        0,
        9,
    )
    assert data.incomplete == ("m",)
    assert "2 of 12 missing (17%)" in repr(data)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([None, "yes", "no", "yes"] * 3, ("no", "yes")),
        (pd.Series([None, True, False, True] * 3, dtype="boolean"), ("false", "true")),
        (pd.Series([None, True, False, True] * 3, dtype=object), ("false", "true")),
        (pd.Categorical([None, "yes", "no", "yes"] * 3), ("no", "yes")),
        ([np.nan, 1, 0, 1] * 3, None),
    ],
)
def test_missing_words_of_an_effect_pass(values, labels):
    column = bind(CHAIN, plain(m=values)).numbers("m")
    np.testing.assert_array_equal(column.values, [np.nan, 1, 0, 1] * 3)
    assert (column.labels, column.binary, column.mean) == (labels, True, pytest.approx(2 / 3))


@pytest.mark.parametrize("gap", [None, np.nan])
def test_missing_categories(gap):
    column = bind(KINDS, kinds(g=["a", gap, "b", "c"] * 3))["g"]
    np.testing.assert_array_equal(column.codes, [0, -1, 1, 2] * 3)
    np.testing.assert_array_equal(column.indicator("b"), [0, np.nan, 1, 0] * 3)
    assert (column.share("a"), column.missing.sum()) == (pytest.approx(1 / 3), 3)


def test_a_word_among_numbers_is_found_in_its_row():
    assert "holds 'n/a' in row 10 of the data" in refusal(
        CHAIN, plain(m=[None, 2, 3, 4, 5, 6, 7, 8, 9, "n/a", 1, None])
    )


def test_nan_and_null_are_both_missing():
    frame = pl.DataFrame({"x": [1.0, float("nan"), None, 2.0], "m": [1, 2, 3, 4], "y": [4, 3, 1, 2]})
    assert "missing values in x (2): 2 of 4 rows" in refusal(CHAIN, frame)
    frame = pd.DataFrame({"x": pd.Series([1, None, 3], dtype="Int64"), "m": [1, 2, 3], "y": [3, 1, 2]})
    assert "missing values in x (1): 1 of 3 rows" in refusal(CHAIN, frame)
    for name in ("x", "m"):
        frame = pl.DataFrame({"x": [1, 2, 3], "m": [1, 2, 3], "y": [3, 1, 2]} | {name: [None] * 3})
        assert f"'{name}' has no value in any row" in refusal(CHAIN, frame)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (kinds(g=["a", "b", "d"] * 4), ["'g' has the value 'd' in 4 rows", "values: a, b and c"]),
        (kinds(g=["A", "b", "c"] * 4), ["'g' has the value 'A' in 4 rows", "Did you mean 'a'?"]),
        (kinds(g=["a", "b"] * 6), ["'g': nobody in the data has the value 'c'", "take it out of the theory"]),
        (kinds(g=["a"] * 12), ["'g' is constant ('a' in every row)"]),
        (kinds(g=range(12)), ["'g' has the value '0'"]),
        (kinds(y=[0, 1, 2] * 4), ["'y' is declared bernoulli but holds 0, 1 and 2"]),
        (kinds(y=[1, 2] * 6), ["'y' is declared bernoulli but holds 1 and 2", "values: [first, second]"]),
        (kinds(y=np.linspace(0, 1, 12)), ["'y' is declared bernoulli but holds", "and 8 more"]),
        (kinds(y=["sick", "well"] * 6), ["y: {family: bernoulli, values: [sick, well]}"]),
        (kinds(y=["sick", "well", "dead"] * 4), ["'y' holds text", "bernoulli, which has two values, but there are 3"]),
        (kinds(y=[1] * 12), ["'y' is constant"]),
        (kinds(y=["0", "1"] * 6), ["numbers written as text"]),
    ],
)
def test_values_that_were_not_declared(frame, words):
    message = refusal(KINDS, frame)
    for word in words:
        assert word in message


@pytest.mark.parametrize(("values", "found"), [([1, 2, 9], "9"), ([1, 2, -0.5], "-0.5")])
def test_a_value_outside_the_declared_range(values, found):
    theory = mx.parse("variables:\n  x: {range: [0, 5]}\n  y:\narrows:\n  x -> y:\n")
    frame = pd.DataFrame({"x": values, "y": [1, 3, 2]})
    assert f"'x' holds {found}, outside its declared range [0, 5]" in refusal(theory, frame)
    assert bind(theory, frame.assign(x=[0, 5, 2])).n == 3


def test_an_outcome_with_undeclared_words_is_named():
    theory = mx.parse("variables:\n  x:\n  y: {family: bernoulli, values: [no, yes]}\narrows:\n  x -> y:\n")
    message = refusal(theory, pd.DataFrame({"x": range(3), "y": ["no", "yess", "yes"]}))
    assert "'y' has the value 'yess' in 1 rows" in message
    assert "Did you mean 'yes'?" in message


@pytest.mark.parametrize("family", ["poisson", "negative_binomial", "binomial"])
def test_counts_are_whole_and_not_below_0(family):
    theory = Theory(variables=(Variable(name="k", family=family),))
    assert bind(theory, pd.DataFrame({"k": [0, 3, 7]})).numbers("k").mean == pytest.approx(10 / 3)
    for values, found in (([-1, 2, 3], "-1"), ([0.5, 2, 3], "0.5")):
        message = refusal(theory, pd.DataFrame({"k": values}))
        assert f"'k' is a count ({family}) but holds {found}: counts are whole" in message


def test_categories_without_values_are_listed():
    theory = Theory(variables=(Variable(name="g", family="categorical"),))
    assert "values: [u, v, 'w: x']" in refusal(theory, pd.DataFrame({"g": ["u", "v", "w: x"]}))


# --- memory and time ---


def test_the_frames_memory_is_left_alone():
    values = np.arange(12.0)
    frame = pd.DataFrame({"x": values, "m": values[::-1].copy(), "y": values**2}, copy=False)
    before = frame.copy()
    data = bind(CHAIN, frame)
    pd.testing.assert_frame_equal(frame, before)
    assert values.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        data["x"].values[0] = 99.0
    frame.loc[0, "x"] = 99.0
    values[1] = 77.0
    assert data["x"].values[0] == 0.0
    assert data["x"].values[1] == 1.0


def test_a_large_polars_frame_is_bound_without_copies(taken):
    theory = mx.parse("arrows:\n  a, b, c, d, e -> y:\n")
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({name: rng.normal(size=2_000_000) for name in "abcdey"})
    assert taken(lambda: bind(theory, frame)) < 1.5
    data = bind(theory, frame)
    for name in "abcdey":
        assert np.shares_memory(data[name].values, frame[name].to_numpy())
