"""`only_when` at the door: absent is not missing, and a value where there can be none is refused."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.errors import DataError

GRID = "levels: {session: {in: client, occasions: [0, 2, 5]}, client: }\ntime: session\n"
NAN = np.nan


def sessions(**columns):
    frame = pd.DataFrame({"client": np.repeat(list("abc"), 3), "session": [0, 2, 5] * 3, "y": np.arange(9.0) ** 2})
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("condition", "values", "absent"),
    [
        ("{session: [2, 5]}", [NAN, 1, 2] * 3, [1, 0, 0] * 3),
        ("{session: 2..}", [NAN, 1, 2] * 3, [1, 0, 0] * 3),
        ("{session: ..2}", [1, 2, NAN] * 3, [0, 0, 1] * 3),
        ("{session: 2}", [NAN, 1, NAN] * 2 + [NAN, 3, NAN], [1, 0, 1] * 3),
        ("{arm: cbt}", [NAN] * 3 + [1, 2, NAN] * 2, [1] * 3 + [0] * 6),
        ("{rupture: 1}", [NAN, 1, 2] * 3, [1, 0, 0] * 3),
        ("{rupture: 1, arm: [cbt]}", [NAN] * 4 + [1, 2, NAN, 4, NAN], [1] * 3 + [1, 0, 0] * 2),
        ("{y: 10..}", [NAN] * 4 + [1, 2, 3, NAN, 5], [1] * 4 + [0] * 5),
        ("{grade: 2..}", [NAN, 1, 2] * 3, [1, 0, 0] * 3),
        ("{client: [a, c]}", [1, 2, 3, NAN, NAN, NAN, 1, 2, 3], [0, 0, 0, 1, 1, 1, 0, 0, 0]),
    ],
)
def test_absence_is_marked(condition, values, absent):
    theory = mx.parse(
        f"{GRID}variables:\n  arm: {{level: client, family: categorical, values: [wait, cbt]}}\n"
        "  rupture: {family: bernoulli}\n  grade: {family: ordinal, values: [1, 2, 3]}\n  y:\n"
        f"  x: {{only_when: {condition}}}\narrows:\n  arm, rupture, grade -> y:\n  x -> y:\n"
        if "y:" not in condition
        else f"{GRID}variables:\n  y:\n  x: {{only_when: {condition}}}\narrows: {{x(t-1) -> y: }}\n"
    )
    frame = sessions(
        x=values, arm=np.repeat(["wait", "cbt", "cbt"], 3), rupture=["no", "yes", "yes"] * 3, grade=[1, 2, 3] * 3
    )
    column = mx.bind(theory, frame).numbers("x")
    np.testing.assert_array_equal(column.absent, np.array(absent, dtype=bool))
    np.testing.assert_array_equal(column.missing, np.isnan(values) & ~np.array(absent, dtype=bool))
    assert column.mean == pytest.approx(np.nanmean(values))


def test_without_levels_too():
    theory = mx.parse(
        "variables: {x: {only_when: {g: [b]}}, g: {family: categorical, values: [a, b]}, y: }\narrows: {x -> y: }\n"
    )
    frame = pd.DataFrame({"g": list("abab"), "x": [NAN, 1, NAN, 2], "y": range(4)})
    data = mx.bind(theory, frame)
    np.testing.assert_array_equal(data["x"].absent, [True, False, True, False])
    assert data.incomplete == ()
    assert "does not exist in 2 of 4" in repr(data)
    with pytest.raises(
        DataError, match="'x' exists only when g is b, but has a value in row 1 of the data: make it missing"
    ):
        mx.bind(theory, frame.assign(x=[3, 1, NAN, 2]))
    with pytest.raises(DataError, match=r"missing values in x \(1\): 1 of 4 rows"):
        mx.bind(theory, frame.assign(x=[NAN, 1, NAN, NAN], g=list("abbb")).assign(x=[NAN, 1, 2, NAN]))


def test_categories_are_absent_too():
    theory = mx.parse(
        f"{GRID}variables: {{y: , kind: {{family: categorical, values: [p, q], only_when: {{session: 2..}}}}}}\narrows: {{kind -> y: }}\n"
    )
    column = mx.bind(theory, sessions(kind=[None, "p", "q"] * 2 + [None, "p", None]))["kind"]
    np.testing.assert_array_equal(column.absent, [True, False, False] * 3)
    np.testing.assert_array_equal(column.missing, [False] * 8 + [True])
    assert column.share("p") == pytest.approx(3 / 5)


def test_indicators_are_absent_with_their_latent():
    theory = mx.parse(
        f"{GRID}variables: {{bond: {{measured_by: [b1, b2], only_when: {{session: 2..}}}}, y: }}\narrows: {{bond -> y: }}\n"
    )
    rng = np.random.default_rng(0)
    items = {name: np.where(np.tile([True, False, False], 3), NAN, rng.normal(size=9)) for name in ("b1", "b2")}
    data = mx.bind(theory, sessions(**items))
    assert data.numbers("bond").latent
    assert (data.level("bond"), data.level("b1"), data.incomplete) == ("session", "session", ("bond",))
    for name in ("b2", "bond"):
        np.testing.assert_array_equal(data[name].absent, [True, False, False] * 3)


@pytest.mark.parametrize(
    ("condition", "columns", "words"),
    [
        (
            "{session: 2..}",
            {"x": range(9)},
            "'x' exists only when session from 2, but has a value at session 0 of client 'a' (3 in all)",
        ),
        ("{w: 1}", {"x": [NAN] * 9, "w": [0, 1, 0] * 3}, "'x' has no value where it exists"),
        (
            "{w: 1}",
            {"x": [NAN, 1, NAN] * 3, "w": [0, 1, NAN] * 3},
            "nobody knows whether 'x' exists at session 5 of client 'a'",
        ),
        ("{w: high}", {"x": range(9), "w": [0, 1, 0] * 3}, "only_when: 'w' has no value 'high'"),
    ],
)
def test_values_where_there_can_be_none(condition, columns, words):
    theory = mx.parse(f"{GRID}variables: {{y: , w: , x: {{only_when: {condition}}}}}\narrows: {{x -> y: , w -> y: }}\n")
    with pytest.raises(DataError) as refused:
        mx.bind(theory, sessions(**{"w": range(9), **columns}))
    assert words in str(refused.value)


NESTED = mx.parse(
    "levels: {client: {in: therapist}, therapist: {only_when: {arm: therapy}}}\n"
    "variables:\n  arm: {level: client, family: categorical, values: [wait, therapy]}\n  y: {level: client}\n"
    "  skill: {level: therapist}\narrows:\n  arm, skill -> y:\n"
)


def arms(**columns):
    frame = pd.DataFrame({"client": list("abcdef"), "arm": ["wait"] * 2 + ["therapy"] * 4, "y": range(6)})
    return frame.assign(**{"therapist": [None, None, *"PPQQ"], "skill": [NAN, NAN, 1, 1, 2, 2]} | columns)


def test_a_level_in_one_arm():
    data = mx.bind(NESTED, arms())
    np.testing.assert_array_equal(data.units("client").above["therapist"].index, [-1, -1, 0, 0, 1, 1])
    np.testing.assert_array_equal(data["skill"].values, [1, 2])
    assert data.incomplete == ()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"therapist": ["P", None, *"PPQQ"]},
            "therapist exists only when arm is therapy, but for client 'a' a therapist is named",
        ),
        (
            {"therapist": [None, None, None, *"PQQ"], "skill": [NAN] * 3 + [1, 2, 2]},
            "but for client 'c' no therapist is named",
        ),
        (
            {"skill": [7, NAN, 1, 1, 2, 2]},
            "'skill' has one value per therapist, but row 1 of the data has a value and no therapist",
        ),
    ],
)
def test_ids_where_a_level_does_not_exist(columns, words):
    with pytest.raises(DataError) as refused:
        mx.bind(NESTED, arms(**columns))
    assert words in str(refused.value)


def test_sessions_that_exist_in_one_arm():
    theory = mx.parse(
        "levels: {session: {in: client, only_when: {arm: therapy}}, client: }\ntime: session\n"
        "variables: {arm: {level: client, family: categorical, values: [wait, therapy]}, y: {level: client}, x: {level: session}}\n"
        "arrows: {x -> y: , arm -> y: }\n"
    )
    clients = pd.DataFrame({"client": [1, 2, 3], "arm": ["wait", "therapy", "therapy"], "y": [1, 3, 2]})
    rows = pd.DataFrame({"client": [2, 2, 3], "session": [1, 2, 1], "x": [1.0, 3, 2]})
    np.testing.assert_array_equal(
        mx.bind(theory, {"session": rows, "client": clients}).units("session").at(0, "client"), [-1, 0, 2]
    )
    with pytest.raises(
        DataError, match=r"session exists only when arm is therapy, but session \(1, 1\) does not lie there"
    ):
        mx.bind(theory, {"session": rows.assign(client=[1, 2, 2], session=[1, 1, 2]), "client": clients})


TRIAL = "variables: {{arm: {{level: client, family: bernoulli, assigned: randomised}}, y: {y}}}\narrows: {{arm -> y: {arrow}}}\n"


@pytest.mark.parametrize(
    ("y", "arrow", "warned"),
    [("", "", True), ("", "{only_when: {session: 2..}}", False), ("{only_when: {session: 2..}}", "", False)],
)
def test_a_treatment_that_meets_the_baseline_is_mentioned(y, arrow, warned):
    frame = sessions(arm=np.repeat([0, 1, 1], 3))
    frame.loc[frame.session == 0, "y"] = NAN if y else frame.y
    data = mx.bind(mx.parse(GRID + TRIAL.format(y=y, arrow=arrow)), frame)
    assert bool(data.warnings) is warned
    assert ("warning: arm -> y: acts on y at session 0 too" in repr(data)) is warned
    assert ("arm -> y: {only_when: {session: 2..}}" in "".join(data.warnings)) is warned


GRADED = "variables: {w: , x: , y: }\narrows:\n  x -> y: {only_when: %s}\n  w -> x:\n"


@pytest.mark.parametrize("start", ["", "levels: [session, client]\ntime: session\n"])
def test_words_in_an_arrows_condition_are_values(start):
    """Of a variable that the theory says nothing else of: the data alone know what it holds."""
    frame = sessions(w=np.tile([1.0, 2.0, 4.0], 3), x=np.sin(np.arange(9)))
    for condition in ("{w: high}", "{w: [2, high]}"):
        with pytest.raises(DataError, match=r"x -> y.*: only_when: w has no value 'high': it holds numbers"):
            mx.bind(mx.parse(start + GRADED % condition), frame)
    for condition in ("{w: 2}", "{w: 2..}", "{w: [1, 4]}"):
        mx.bind(mx.parse(start + GRADED % condition), frame)


RATED = "levels: {session: {in: client}, client: }\ntime: session\n"


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("w: {level: client}, y: , arm: {level: client, family: bernoulli}}\narrows: {w -> y: {only_when: {arm: 1}}}", True),
        ("w: {level: client}, y: , arm: {level: client, family: bernoulli}}\narrows: {w -> y: {only_when: {arm: 1}}, arm -> y: }", False),
        ("w: {level: client}, y: }\narrows: {w -> y: {only_when: {session: 2..}}}", False),
        ("w: {level: client}, y: }\narrows: {w -> y: {only_when: {session: 2..}}, session -> y: }", False),
        ("r: , y: }\narrows: {r(client) -> y: {only_when: {session: 2..}}}", False),
        ("r: , y: }\narrows: {r(t-1) -> y: {only_when: {session: 3..}}}", False),
        ("r: , y: }\narrows: {r(session) -> y: {only_when: {session: 2..}}}", False),
        ("z: {level: client}, y: }\narrows: {z -> y: {only_when: {session: 2..}}}", False),
    ],
)  # fmt: skip
def test_an_arrow_that_does_not_hold_puts_its_cause_at_zero(text, warned):
    """Which is said where nobody is at zero, the condition is none on time, and its groups have no arrow of their own."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"client": np.repeat(np.arange(8), 3), "session": np.tile([1, 2, 3], 8)})
    per_client = {"w": rng.normal(50, 5, 8), "z": rng.normal(0, 1, 8), "arm": np.arange(8) % 2}
    frame = frame.assign(
        r=rng.normal(5, 1, 24), y=rng.normal(size=24), **{k: np.repeat(v, 3) for k, v in per_client.items()}
    )
    found = mx.bind(mx.parse(f"{RATED}variables: {{{text}"), frame).warnings
    assert [("= 0, which nobody has" in each) for each in found] == [True] * warned


def test_what_exists_only_somewhere_is_zero_elsewhere():
    start = "variables: {arm: {family: bernoulli}, w: {only_when: {arm: 1}}, y: }\narrows: {w -> y: "
    arm = np.tile([0, 1], 10)
    frame = pd.DataFrame({"arm": arm, "w": np.where(arm, np.linspace(40, 60, 20), NAN), "y": np.sin(np.arange(20))})
    assert "w -> y: elsewhere than arm" in mx.bind(mx.parse(start + "}"), frame).warnings[0]
    assert not mx.bind(mx.parse(start + ", arm -> y: }"), frame).warnings


@pytest.mark.parametrize(("middle", "warned"), [(50, True), (0, False)])
def test_a_slope_that_varies_is_best_at_a_zero_that_somebody_has(middle, warned):
    """Intercepts of therapists are those of clients at z = 0."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"therapist": np.repeat(np.arange(6), 5), "client": np.arange(30), "y": rng.normal(size=30)})
    theory = mx.parse("levels: [client, therapist]\nvariables: {z: , y: }\narrows: {z -> y: {varies_by: therapist}}\n")
    data = mx.bind(theory, frame.assign(z=rng.normal(middle, 5, 30)))
    assert [("centre z" in each) for each in data.warnings] == [True] * warned


@pytest.mark.parametrize("said", ["10..", "[7, 9]", "7"])
@pytest.mark.parametrize("where", ["arrow", "variable"])
def test_occasions_that_the_data_do_not_have(said, where):
    condition = f"{{only_when: {{session: {said}}}}}"
    own, drawn = ("", condition) if where == "arrow" else (condition, "")
    text = f"levels: [session, client]\ntime: session\nvariables:\n  x: {own}\n  y:\narrows:\n  x(t-1) -> y: {drawn}\n"
    frame = pd.DataFrame({"client": np.repeat(np.arange(8), 3), "session": np.tile([1, 2, 3], 8)})
    frame = frame.assign(x=np.arange(24.0) % 5, y=np.arange(24.0) % 7)
    if where == "variable":
        frame["x"] = np.nan
    with pytest.raises(
        DataError, match="data have session 1 to 3" if where == "arrow" else "'x' has no value in any row"
    ):
        mx.bind(mx.parse(text), frame)
    inside = text.replace(said, "2..")
    if where == "arrow":
        assert mx.bind(mx.parse(inside), frame).n == 24


def test_a_level_of_time_without_time():
    theory = mx.parse("levels: [session, client]\nvariables: {x: , y: }\narrows: [x -> y]\n")
    frame = pd.DataFrame({"client": [1, 1, 2, 2], "session": [1, 2, 1, 2], "x": [1.0, 2, 3, 5], "y": [2.0, 1, 5, 3]})
    with pytest.raises(DataError, match="begin anew in every client, it is a level of time: say time: session"):
        mx.bind(theory, frame)
