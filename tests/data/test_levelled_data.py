"""Units, memberships and occasions: against brute force on ragged panels, and one sentence for each refusal."""

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mechanisms as mx
from mechanisms.data.units import Membership, Units
from mechanisms.errors import DataError

LAGGED = mx.parse(
    "levels: [session, client, therapist]\ntime: session\n"
    "variables:\n  skill: {level: therapist}\n  age: {level: client}\n  m, y:\n"
    "arrows:\n  skill -> m:\n  age -> y:\n  m(t-1) -> y:\n"
)
PLAIN = mx.parse("levels: [session, client]\ntime: session\nvariables: {x: , y: }\narrows: {x -> y: }\n")


def panel(rng, clients=9, longest=7, gaps=0.3):
    """Ragged, gappy, unsorted rows; one client with one session, one whose series starts late."""
    rows = [(f"c{c}", t) for c in range(clients) for t in range(longest) if rng.random() > gaps]
    rows += [("single", 2), ("late", longest - 1), ("late", longest - 2)]
    frame = pd.DataFrame(rows, columns=["client", "session"]).sample(frac=1, random_state=int(rng.integers(1e6)))
    number = {name: position for position, name in enumerate(sorted(frame.client.unique()))}
    code = frame.client.map(number)
    return frame.assign(
        therapist=code // 4,
        skill=code // 4 + 0.5,
        age=code + 20.0,
        m=rng.normal(size=len(frame)),
        y=rng.normal(size=len(frame)),
    ).reset_index(drop=True)


def brute(frame, complete):
    """The sorted panel as one would write it by hand: (client, session) with m, or None where nobody was."""
    clients = list(dict.fromkeys(frame.client))
    seen = {(row.client, row.session): row.m for row in frame.itertuples()}
    grid = range(frame.session.min(), frame.session.max() + 1)
    rows = []
    for client in clients:
        last = max(t for c, t in seen if c == client)
        rows += [((client, t), seen.get((client, t))) for t in grid if t <= last and (complete or (client, t) in seen)]
    return clients, list(grid), rows


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    "make", [lambda f: f, pl.from_pandas, lambda f: pl.from_pandas(f).lazy()], ids=["pandas", "polars", "lazy"]
)
def test_ragged_panels_against_brute_force(seed, complete, make):
    frame = panel(np.random.default_rng(seed))
    theory = LAGGED if complete else mx.parse(mx.write(LAGGED).replace("m(t-1) -> y", "m -> y"))
    data = mx.bind(theory, make(frame))
    units, clients = data.units("session"), data.units("client")
    names, grid, rows = brute(frame, complete)
    assert data.grid == {"session": tuple(grid)}
    assert list(clients.labels) == names
    assert list(units.labels) == [label for label, _ in rows]
    assert data.n == len(frame) == int(units.seen.sum())
    np.testing.assert_array_equal(units.seen, [value is not None for _, value in rows])
    np.testing.assert_array_equal(data["m"].values, [np.nan if value is None else value for _, value in rows])
    np.testing.assert_array_equal(data["session"].values, [session for (_, session), _ in rows])
    np.testing.assert_array_equal(np.array(grid)[units.place], data["session"].values)
    assert [names[at] for at in units.above["client"].index] == [client for (client, _), _ in rows]
    own = frame.drop_duplicates("client").set_index("client")
    np.testing.assert_array_equal(data["age"].values, own.age[names])
    therapists = np.array(data.units("therapist").labels)
    np.testing.assert_array_equal(therapists[clients.above["therapist"].index], own.therapist[names])
    np.testing.assert_array_equal(therapists[units.above["therapist"].index], own.therapist[[c for (c, _), _ in rows]])
    np.testing.assert_array_equal(data["skill"].values, therapists + 0.5)
    assert data.incomplete == (("m", "y") if complete else ())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("complete", [True, False])
def test_before_and_at_against_brute_force(seed, complete):
    frame = panel(np.random.default_rng(seed))
    theory = LAGGED if complete else mx.parse(mx.write(LAGGED).replace("m(t-1) -> y", "m -> y"))
    units = mx.bind(theory, frame).units("session")
    names, grid, _ = brute(frame, complete)
    where = {label: row for row, label in enumerate(units.labels)}
    for steps in range(len(grid) + 1):
        expected = [where.get((client, session - steps), -1) for client, session in units.labels]
        np.testing.assert_array_equal(units.before(steps, "client"), expected)
    for place, session in enumerate(grid):
        np.testing.assert_array_equal(units.at(place, "client"), [where.get((name, session), -1) for name in names])


def test_lags_count_places_of_a_declared_grid():
    theory = mx.parse(
        "levels: {session: {in: client, occasions: [0, 2, 5, 10]}, client: }\ntime: session\nvariables: {x: }\narrows: {x(t-1) -> x: }\n"
    )
    frame = pd.DataFrame({"client": list("aabbb"), "session": [0, 5, 0, 2, 10], "x": [1.0, 2, 3, 4, 5]})
    data = mx.bind(theory, frame)
    units = data.units("session")
    assert units.labels == (("a", 0), ("a", 2), ("a", 5), ("b", 0), ("b", 2), ("b", 5), ("b", 10))
    np.testing.assert_array_equal(units.before(1, "client"), [-1, 0, 1, -1, 3, 4, 5])
    np.testing.assert_array_equal(units.seen, [True, False, True, True, True, False, True])
    np.testing.assert_array_equal(units.at(3, "client"), [-1, 6])


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("arrows: {x(t-2) -> y: }", True),
        ("arrows: {x(0) -> y: }", True),
        ("arrows: {x -> y: {moderated_by: w(t-1)}}", True),
        ("arrows: {x -> y: , d -> y: }", True),
        ("arrows: {x -> y: , w(t-1) <-> y: }", True),
        ("arrows: {x -> y: }", False),
    ],
)
def test_what_makes_series_complete(text, complete):
    sums = "  d: {is: x - x(0)}\n" if "d ->" in text else ""
    theory = mx.parse(f"levels: [session, client]\ntime: session\nvariables:\n  x, y, w:\n{sums}{text}\n")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"client": list("aaabbb"), "session": [0, 2, 3, 0, 1, 3]}).assign(
        **{name: rng.normal(size=6) for name in "xyw"}
    )
    assert mx.bind(theory, frame).units("session").n == (8 if complete else 6)


def test_one_frame_per_level_gives_the_same_as_one_frame():
    frame = panel(np.random.default_rng(1))
    client = frame[["client", "therapist", "age"]].drop_duplicates()
    frames = {
        "session": pl.from_pandas(frame[["client", "session", "m", "y"]]),
        "client": client,
        "therapist": frame[["therapist", "skill"]].drop_duplicates(),
    }
    one, many = mx.bind(LAGGED, frame), mx.bind(LAGGED, frames)
    assert repr(one) == repr(many)
    for name in ("session", "client", "therapist"):
        assert one.units(name).labels == many.units(name).labels
    for column in one.columns:
        np.testing.assert_array_equal(column.values, many[column.name].values)


def test_two_frames_that_contradict_each_other_are_refused():
    frame = panel(np.random.default_rng(1))
    client = frame[["client", "therapist", "age"]].drop_duplicates()
    skill = frame[["therapist", "skill"]].drop_duplicates()
    same = mx.bind(LAGGED, {"session": frame, "client": client, "therapist": skill})
    np.testing.assert_array_equal(same["age"].values, mx.bind(LAGGED, frame)["age"].values)
    other = client.assign(age=client["age"].where(client.index != client.index[2], 1e3))
    last = client["client"].iloc[2]
    with pytest.raises(
        DataError, match=f"'age' stands in two frames that differ, for 1 clients: of client .*{last}.*says 1000"
    ):
        mx.bind(LAGGED, {"session": frame, "client": other, "therapist": skill})
    gone = client.assign(age=client["age"].where(client.index != client.index[2]))
    with pytest.raises(DataError, match="the frame of client says no value, that of session"):
        mx.bind(LAGGED, {"session": frame, "client": gone, "therapist": skill})
    silent = frame.assign(age=frame["age"].where(frame["client"] != last))  # the frame of clients knows more
    assert repr(mx.bind(LAGGED, {"session": silent, "client": client, "therapist": skill})) == repr(same)


def test_a_column_in_too_coarse_a_frame_is_said_to_be_unread():
    frame = panel(np.random.default_rng(1))
    client = frame[["client", "therapist", "age"]].drop_duplicates()
    data = mx.bind(
        LAGGED,
        {"session": frame[["client", "session", "m", "y", "skill", "therapist"]], "client": client.assign(m=1.0)},
    )
    assert "column 'm' of the frame of client is not read: m has a value per session" in data.warnings


def test_a_client_without_sessions_is_a_client():
    theory = mx.parse(
        "levels: [session, client]\ntime: session\nvariables: {a: {level: client}, y: }\narrows: {a -> y: , y(t-1) -> y: }\n"
    )
    sessions = pd.DataFrame({"client": [1, 1, 3, 3], "session": [1, 2, 1, 2], "y": [1.0, 2, 4, 3]})
    data = mx.bind(theory, {"session": sessions, "client": pd.DataFrame({"client": [1, 2, 3, 4], "a": [5, 6, 7, 8]})})
    np.testing.assert_array_equal(data.units("session").at(0, "client"), [0, -1, 2, -1])
    assert "per client 0 to 2, median 1" in repr(data)


def test_crossed_levels_leave_unseen_sessions_without_a_therapist():
    theory = mx.parse(
        "levels: {session: {in: [client, therapist]}, client: , therapist: }\ntime: session\n"
        "variables: {x: {level: session}}\narrows: {x(t-1) -> x: }\n"
    )
    frame = pd.DataFrame(
        {"client": [1, 1, 1, 2, 2], "session": [0, 1, 3, 0, 1], "therapist": list("ABABA"), "x": range(5)}
    )
    units = mx.bind(theory, frame).units("session")
    np.testing.assert_array_equal(units.above["therapist"].index, [0, 1, -1, 0, 1, 0])
    np.testing.assert_array_equal(units.above["client"].index, [0, 0, 0, 0, 1, 1])


def test_answers_within_sessions_and_items():
    theory = mx.parse(
        "levels: {answer: {in: [session, item]}, session: {in: client}, item: , client: }\ntime: session\n"
        "variables: {score: {level: answer}, mood: {level: session}, hard: {level: item}}\narrows:\n  hard, mood -> score:\n"
    )
    rows = [(c, t, i) for c, t, i in itertools.product("ab", (1, 2, 3), "pqr")]
    frame = pd.DataFrame(rows, columns=["client", "session", "item"])
    frame["score"], frame["mood"], frame["hard"] = (
        range(18),
        frame.session * 1.0,
        frame.item.map({"p": 1, "q": 2, "r": 4}),
    )
    data = mx.bind(theory, frame)
    answers = data.units("answer")
    assert {name: m.index.shape for name, m in answers.above.items()} == {
        "session": (18,),
        "item": (18,),
        "client": (18,),
    }
    np.testing.assert_array_equal(data["mood"].values[answers.above["session"].index], frame.mood)
    np.testing.assert_array_equal(data["hard"].values[answers.above["item"].index], frame.hard)
    assert (data.level("mood"), data.level("hard"), data.n) == ("session", "item", 18)
    assert data.units("item").place is None


def test_a_series_of_one_person_needs_no_client():
    theory = mx.parse("levels: [day]\ntime: day\nvariables: {x: , y: }\narrows: {x(t-1) -> y: }\n")
    data = mx.bind(theory, pd.DataFrame({"day": [4, 1, 2], "x": [1.0, 2, 3], "y": [3.0, 1, 2]}))
    np.testing.assert_array_equal(data["x"].values, [2, 3, np.nan, 1])
    np.testing.assert_array_equal(data.units("day").before(1, "nobody"), [-1, 0, 1, 2])


def test_units_without_levels():
    data = mx.bind(mx.parse("arrows: {x -> y: }"), pd.DataFrame({"x": [1, 2, 3], "y": [2, 1, 3]}))
    assert (data.units("row").n, data.level("x"), data.tables, data.grid) == (3, "row", (), {})
    with pytest.raises(KeyError):
        data.units("client")


def test_units_by_hand():
    units = Units(
        "t",
        ((0, 0), (0, 1), (1, 1)),
        {"c": Membership(np.array([0, 0, 1]))},
        np.array([0, 1, 1]),
        np.ones(3, dtype=bool),
    )
    np.testing.assert_array_equal(units.before(1, "c"), [-1, 0, -1])
    np.testing.assert_array_equal(units.at(0, "c"), [0, -1])
    with pytest.raises(ValueError, match="no level of time"):
        Units("c", (1,), {}, None, np.ones(1, dtype=bool)).before(1, "c")


# --- shared units ---

SHARED = mx.parse(
    "levels: {client: {shared_by: therapist}, therapist: {in: clinic}, clinic: }\n"
    "variables:\n  x, y: {level: client}\narrows: {x -> y: }\n"
)


def shared_frame(**columns):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"th1": list("ABCA"), "th2": ["B", "C", None, "D"], "w1": [0.5, 0.25, 1, 0.1], "w2": [0.5, 0.75, 0, 0.9]}
    )
    return frame.assign(x=rng.normal(size=4), y=rng.normal(size=4), **columns)


CLINICS = pd.DataFrame({"therapist": list("ABCD"), "clinic": [1, 1, 2, 2]})
MEMBERS = {"therapist": ["th1", "th2"], "therapist weight": ["w1", "w2"]}


@pytest.mark.parametrize("weighted", [True, False])
def test_shared_units_carry_their_weights_upward(weighted):
    columns = MEMBERS if weighted else {"therapist": ["th1", "th2"]}
    data = mx.bind(SHARED, {"client": shared_frame(), "therapist": CLINICS}, columns)
    above = data.units("client").above
    np.testing.assert_array_equal(above["therapist"].index, [[0, 1], [1, 2], [2, -1], [0, 3]])
    shares = (
        [[0.5, 0.5], [0.25, 0.75], [1, 0], [0.1, 0.9]] if weighted else [[0.5, 0.5], [0.5, 0.5], [1, 0], [0.5, 0.5]]
    )
    np.testing.assert_allclose(above["therapist"].weights, shares)
    np.testing.assert_array_equal(above["clinic"].index, [[0, 0], [0, 1], [1, -1], [0, 1]])
    np.testing.assert_allclose(above["clinic"].weights, shares)


@pytest.mark.parametrize(
    ("columns", "changed", "words"),
    [
        (MEMBERS, {"w1": [0.5, 0.25, 1, 0.2]}, ["weights sum to 1.1 in row 4", "a client's weights sum to 1"]),
        (MEMBERS, {"w1": [0.5, 0.25, 1, np.nan]}, ["row 4 of the data has a therapist without a weight"]),
        (MEMBERS, {"w2": [0.5, 0.75, 0.5, 0.9]}, ["row 3 of the data has a weight for a therapist that is not there"]),
        (MEMBERS, {"w2": [1.5, 0.75, 0, 0.9], "w1": [-0.5, 0.25, 1, 0.1]}, ["row 1", "a weight of 0 or more"]),
        (MEMBERS, {"th1": ["A", "B", None, "A"], "w1": [0.5, 0.25, 0, 0.1]}, ["client 3 has no therapist"]),
        ({**MEMBERS, "therapist weight": ["w1"]}, {}, ["2 columns, but 'therapist weight' has 1"]),
        (None, {}, ["nothing says which therapists share each client"]),
        (MEMBERS, {"th1": list("ABCZ")}, ["therapist 'Z' of the frame of client is not in the frame of therapist"]),
    ],
)
def test_shares_that_do_not_add_up(columns, changed, words):
    frames = {"client": shared_frame(**changed), "therapist": CLINICS}
    with pytest.raises(DataError) as refused:
        mx.bind(SHARED, frames, columns)
    for word in words:
        assert word in str(refused.value)


# --- refusals ---


def good():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"client": np.repeat(list("abcdef"), 4), "session": np.tile(np.arange(4), 6)})
    frame = frame.assign(
        therapist=np.repeat([1, 2, 3], 8), age=np.repeat(np.arange(6) + 20.0, 4), skill=np.repeat([1.0, 2, 4], 8)
    )
    return frame.assign(m=rng.normal(size=24), y=rng.normal(size=24))


def cell(column, row, value):
    def change(frame):
        values = frame[column].astype(object).to_list()
        values[row] = value
        return frame.assign(**{column: values})

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cell("session", 3, 1.5), "'session' is no whole number in row 4 of the data: 1.5"),
        (cell("session", 3, -1), "'session' is negative in row 4 of the data: -1"),
        (cell("session", 3, 2), "client 'a' has session 2 twice (rows 3 and 4 of the data)"),
        (cell("session", 3, np.inf), "'session' is infinite in row 4 of the data: inf"),
        (cell("session", 3, 1e19), "'session' is too large in row 4 of the data"),
        (lambda f: f.assign(client=[[each] for each in f.client]), "'client' holds a list (['a']), which is no id"),
        (cell("session", 3, np.nan), "'session' is missing in row 4 of the data"),
        (lambda f: f.assign(session="one"), "'session' is a level of time but holds String"),
        (lambda f: f.assign(session=f.session + np.arange(24) * 10**6), "these are no numbered occasions"),
        (cell("client", 3, None), "row 4 of the data has no 'client'"),
        (cell("client", 3, "  "), "row 4 of the data has no 'client'"),
        (cell("therapist", 3, np.nan), "row 4 of the data has no 'therapist'"),
        (cell("therapist", 3, 2), "client 'a' lies under two therapists (2 and 1)"),
        (cell("therapist", 3, 2), "rename them"),
        (cell("therapist", 3, 2), "session: {in: [client, therapist]}"),
        (cell("age", 3, 99), "varies within client 'a': 20 in row 1 of the data, 99 in row 4"),
        (cell("age", 3, 99), "Declare age: {level: session}"),
        (cell("skill", 13, 9), "varies within therapist 2: 2 in row 9 of the data, 9 in row 14"),
        (lambda f: f[f.session == 0], "'m(t-1)': no series is that long"),
        (lambda f: f[f.session != 1].assign(session=f.session * 2), "nobody in the data has two sessions that lie 1 apart"),
        (lambda f: f[f.client == "a"], "there is one client ('a'): nothing varies between clients"),
        (lambda f: f[f.therapist == 1], "there is one therapist ('1')"),
        (lambda f: f.assign(therapist=f.client), "no therapist has more than one client"),
        (lambda f: f.drop(columns="client"), "The theory needs 'client'"),
        (lambda f: f.rename(columns={"therapist": "therapists"}), "Did you mean 'therapists'?"),
        (lambda f: f.drop(columns="session"), "The theory needs 'session'"),
        (lambda f: f.drop(columns="age"), "The theory needs 'age'"),
        (lambda f: {"sesion": f}, "there is no level 'sesion'. Did you mean 'session'?"),
        (lambda f: {}, "an empty mapping"),
        (lambda f: {"session": f, "client": f[["client", "age"]].drop_duplicates()[:5]}, "client 'f' of the frame of session is not"),
        (lambda f: {"session": f, "client": f[["client", "age"]]}, "client 'a' has more than one row (rows 1 and 2"),
        (lambda f: {"session": f, "client": f[["age"]].drop_duplicates()}, "the frame of client has no column 'client'"),
        (
            lambda f: {"session": f.drop(columns="m"), "client": f[["client", "m"]].drop_duplicates("client")},
            "'m' has a value per session, but stands in the frame of client",
        ),
        (lambda f: {"client": f.drop_duplicates("client")}, "The theory needs 'session'"),
    ],
)  # fmt: skip
def test_panels_that_contradict_themselves(change, words):
    with pytest.raises(DataError) as refused:
        mx.bind(LAGGED, change(good()))
    assert words in str(refused.value)


def test_the_good_panel_is_good():
    assert mx.bind(LAGGED, good()).n == 24


def test_ids_of_two_kinds_are_told_apart():
    frames = {"session": good(), "client": good().drop_duplicates("client").assign(client=range(6))}
    frames["session"] = good().assign(client=np.repeat([str(i) for i in range(6)], 4))
    with pytest.raises(DataError, match="Text in one, numbers in the other"):
        mx.bind(LAGGED, frames)


@pytest.mark.parametrize(
    ("levels", "change", "words"),
    [
        ("{session: {in: client, occasions: [0, 1, 2]}, client: }", lambda f: f, "'session' is 3 in 6 rows of the data, first in row 4"),
        ("{session: {in: client, occasions: [0, 1, 2]}, client: }", lambda f: f, "occasions: 0, 1 and 2"),
        ("{session: {in: client}, client: }", lambda f: f[f.session == 2], "no client has more than one session"),
        ("{session: {in: [client, room]}, client: {in: room}, room: }", lambda f: f.assign(room=f.session), "client 'a' lies under two rooms"),
        ("{session: {in: client}, other: {in: client}, client: }", lambda f: f, "no level lies below all others"),
    ],
)  # fmt: skip
def test_levels_that_the_data_contradict(levels, change, words):
    theory = mx.parse(
        f"levels: {levels}\ntime: session\nvariables:\n  m, y: {{level: session}}\narrows: {{m -> y: }}\n"
    )
    with pytest.raises(DataError) as refused:
        mx.bind(theory, change(good()))
    assert words in str(refused.value)


def test_an_occasion_that_no_row_has():
    theory = mx.parse("levels: [session, client]\ntime: session\nvariables: {m: , y: }\narrows: {m(9) -> y: }\n")
    with pytest.raises(DataError, match=r"'m\(9\)': no row of the data has session 9; they have 0 to 3"):
        mx.bind(theory, good())


def test_two_ways_to_one_level_agree():
    theory = mx.parse(
        "levels: {visit: {in: [client, room]}, client: {in: clinic}, room: {in: clinic}, clinic: }\n"
        "variables:\n  x, y: {level: visit}\narrows: {x -> y: }\n"
    )
    frame = pd.DataFrame({"client": list("aabbcc"), "room": list("pqpqrr"), "x": range(6), "y": range(6)})
    clients = pd.DataFrame({"client": list("abc"), "clinic": [1, 1, 2]})
    rooms = pd.DataFrame({"room": list("pqr"), "clinic": [1, 1, 2]})
    assert mx.bind(theory, {"visit": frame, "client": clients, "room": rooms}).units("visit").n == 6
    with pytest.raises(DataError, match=r"visit 1 lies in two clinics: 1 by its client and 2 by its room"):
        mx.bind(theory, {"visit": frame, "client": clients, "room": rooms.assign(clinic=[2, 1, 2])})


# --- time ---


def test_a_large_panel_is_bound_quickly(taken):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"client": np.repeat(np.arange(1000), 20), "session": np.tile(np.arange(20), 1000)})
    frame = frame.assign(**{f"x{i}": rng.normal(size=20_000) for i in range(8)}).sample(frac=0.9, random_state=1)
    theory = mx.parse(
        "levels: [session, client]\ntime: session\nvariables: {x0..x7: }\narrows: {'x0(t-1), x1, x2, x3, x4, x5, x6 -> x7': }\n"
    )
    assert taken(lambda: mx.bind(theory, frame)) < 0.5
