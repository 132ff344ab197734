"""Dropout under shifts: closed forms, an independent multiple imputation, a truth that is not at random, refusals."""

from itertools import count

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.effects import dropouts
from mechanisms.effects.shifts import Dropout, Lost, Tipping, find_tipping
from mechanisms.infer.attrition import find_attrition
from mechanisms.infer.explanation import Block
from mechanisms.infer.imputation import Draw, impute

FLAT = "arrows: [treat -> m -> y, treat -> y]"
INDIRECT = mx.Question(of="treat", on="y", kind="indirect")
TOTAL = mx.Question(of="treat", on="y")


def trial(n: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    treat = np.repeat([0.0, 1.0], n // 2)
    m = 0.5 * treat + rng.normal(size=n)
    return pd.DataFrame({"treat": treat, "m": m, "y": 0.4 * m + 0.3 * treat + rng.normal(size=n)})


def leave(frame: pd.DataFrame, shares: tuple[float, float], *names: str, seed: int = 2) -> np.ndarray:
    """Empty some columns for a share of each arm; who left."""
    gone = np.random.default_rng(seed).random(len(frame)) < np.where(frame["treat"] == 1, shares[1], shares[0])
    frame.loc[gone, list(names)] = np.nan
    return gone


def means(found: mx.Dropout, label: str) -> dict[float, float]:
    return found.summary().loc[label]["mean"].to_dict()


def fit_flat(frame: pd.DataFrame, text: str = FLAT) -> mx.Fit:
    return mx.fit(mx.parse(text), frame, seed=1)


# --- (1) closed form: an outcome that is missing in one arm ---


@pytest.fixture(scope="module")
def one_arm():
    frame = trial()
    gone = leave(frame, (0.0, 0.3), "y")
    fit = fit_flat(frame)
    return frame, gone, fit, mx.dropout(fit, TOTAL, shifts=(-1, 1), seed=3)


def test_a_shift_moves_the_total_effect_by_its_share_of_the_arm(one_arm):
    frame, gone, _, found = one_arm
    share = gone[frame["treat"] == 1].mean()
    by_hand = frame["y"].std() * share
    got = means(found, "total")
    # The shifts share their random numbers: only the noise of the draws grows with sigma(y), by 1 / √20000 of an sd.
    for shift in (-1.0, 1.0):
        assert got[shift] - got[0.0] == pytest.approx(shift * by_hand, rel=0.01)


def test_no_shift_repeats_the_fit(one_arm):
    _, _, fit, found = one_arm
    before = mx.estimate(fit, TOTAL).summary().loc["total"]
    after = found.summary().loc["total"].loc[0.0]
    assert abs(after["mean"] - before["mean"]) < 4 * after["mcse"]
    # The variance between 20 imputations has a relative error of sqrt(2 / 19), and is a part of the whole.
    assert 1 - 2 * np.sqrt(2 / 19) < (after["sd"] / before["sd"]) ** 2 < 1 + 2 * np.sqrt(2 / 19)


def test_the_result_says_what_it_is(one_arm):
    frame, gone, _, found = one_arm
    shown = repr(found)
    there = (frame["treat"] == 1).sum()
    assert "the effect had nobody dropped out" in shown
    assert f"y: {gone.sum()} of 400 values (0 of 200 with treat = 0; {gone.sum()} of {there} with treat = 1)" in shown
    assert f"a shift of 1 is {frame['y'].std():.4g} on y" in shown
    assert "At shift 0 dropout is at random: given treat, m and what was seen of each before" in shown
    assert found.shifts == (-1.0, 0.0, 1.0)
    assert found.draws["total"].shape == (3, 20, 1000)
    assert "<table" in found._repr_html_() and "tipping point" in found._repr_html_()


def test_same_seed_same_draws_and_another_seed_others(one_arm):
    one, again, other = (mx.dropout(one_arm[2], TOTAL, shifts=(-1,), seed=seed, imputations=2) for seed in (3, 3, 4))
    assert np.array_equal(one.draws["total"], again.draws["total"])
    assert not np.array_equal(one.draws["total"], other.draws["total"])


def test_the_arm_and_the_variables_say_where_dropout_is_shifted():
    frame = trial()
    leave(frame, (0.3, 0.3), "m", "y")
    fit = fit_flat(frame)
    neither = mx.dropout(fit, TOTAL, shifts=(), seed=3, imputations=8)
    both = mx.dropout(fit, TOTAL, shifts=(1,), seed=3, imputations=8)
    treated = mx.dropout(fit, TOTAL, shifts=(1,), variables="y", arm={"treat": 1}, seed=3, imputations=8)
    control = mx.dropout(fit, TOTAL, shifts=(1,), variables="y", arm={"treat": 0}, seed=3, imputations=8)
    share = {arm: frame["y"][frame["treat"] == arm].isna().mean() for arm in (0, 1)}
    moved = {arm: share[arm] * frame["y"].std() for arm in (0, 1)}
    base, room = means(neither, "total")[0.0], 0.02 * moved[1]
    assert means(treated, "total")[1.0] == pytest.approx(base + moved[1], abs=room)
    assert means(control, "total")[1.0] == pytest.approx(base - moved[0], abs=room)
    # m is shifted too, and y follows it: y moves by more in both arms, and the difference by the shares' difference.
    carried = 1 + fit.parameters["m -> y"].mean() * frame["m"].std() / frame["y"].std()
    assert means(both, "total")[1.0] == pytest.approx(base + carried * (moved[1] - moved[0]), abs=room)
    assert "m: " in repr(treated) and "not shifted" in repr(treated) and "where treat = 1" in repr(treated)


# --- (2) an independent multiple imputation ---


def least_squares(design: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A draw of coefficients and residual sd under the usual flat prior."""
    inverse = np.linalg.inv(design.T @ design)
    best = inverse @ design.T @ y
    rest = y - design @ best
    sigma = np.sqrt(rest @ rest / rng.chisquare(len(y) - len(best)))
    return best + sigma * np.linalg.cholesky(inverse) @ rng.normal(size=len(best)), float(sigma)


def impute_by_hand(frame: pd.DataFrame, shift: float, times: int) -> np.ndarray:
    """a · b of treat -> m -> y after sequential imputation with a shift, by least squares; (times,)."""
    rng = np.random.default_rng(11)
    treat, m, y = (frame[name].to_numpy() for name in ("treat", "m", "y"))
    one = np.ones_like(treat)
    m_seen, y_seen = ~np.isnan(m), ~np.isnan(y)
    found = []
    for _ in range(times):
        whole_m, whole_y = m.copy(), y.copy()
        first = np.column_stack([one, treat])
        a, sd = least_squares(first[m_seen], m[m_seen], rng)
        whole_m[~m_seen] = (first @ a + sd * rng.normal(size=len(m)) + shift * np.nanstd(m, ddof=1))[~m_seen]
        b, sd = least_squares(np.column_stack([one, treat, m])[y_seen], y[y_seen], rng)
        second = np.column_stack([one, treat, whole_m])
        whole_y[~y_seen] = (second @ b + sd * rng.normal(size=len(m)) + shift * np.nanstd(y, ddof=1))[~y_seen]
        a, _ = least_squares(first, whole_m, rng)
        b, _ = least_squares(second, whole_y, rng)
        found.append(a[1] * b[2])
    return np.array(found)


def test_indirect_effect_equals_an_independent_imputation():
    frame = trial(600, seed=5)
    leave(frame, (0.1, 0.2), "m", "y", seed=6)
    leave(frame, (0.1, 0.2), "y", seed=7)
    found = mx.dropout(fit_flat(frame), INDIRECT, shifts=(-1, 1), imputations=30, seed=8)
    table = found.summary().loc["indirect"]
    for shift in (-1.0, 0.0, 1.0):
        by_hand = impute_by_hand(frame, shift, 2000)
        error = np.hypot(table.loc[shift, "mcse"], by_hand.std() / np.sqrt(len(by_hand)))
        assert abs(table.loc[shift, "mean"] - by_hand.mean()) < 4 * error
    assert table["mean"].max() - table["mean"].min() > 8 * table["mcse"].max()


# --- (3) a truth that is not at random ---


def test_the_right_shift_recovers_what_random_dropout_misses():
    frame = trial(2000, seed=9)
    left = frame.copy()
    gone = leave(left, (0.05, 0.4), "y", seed=10)
    truth = frame.copy()
    truth.loc[gone, "y"] -= left["y"].std()
    whole = mx.estimate(fit_flat(truth), TOTAL).summary().loc["total"]
    table = mx.dropout(fit_flat(left), TOTAL, shifts=(-1,), seed=12).summary().loc["total"]
    assert abs(table.loc[-1.0, "mean"] - whole["mean"]) < 2 * table.loc[-1.0, "sd"]
    assert table.loc[0.0, "mean"] - whole["mean"] > 4 * table.loc[0.0, "sd"]


# --- (4) occasions ---

PANEL = """
levels: [session, client]
time: session
variables: {arm: {level: client}, mood: {}}
arrows: [arm -> mood]
"""


def test_a_panel_is_lengthened_and_shifted():
    rng = np.random.default_rng(13)
    clients, occasions = 120, 4
    stay = np.where(np.arange(clients) % 2 & (rng.random(clients) < 0.4), 2, occasions)
    own = rng.normal(size=clients)
    rows = [(i, t, i % 2, own[i] + 0.8 * (i % 2) + rng.normal()) for i in range(clients) for t in range(stay[i])]
    frame = pd.DataFrame(rows, columns=["client", "session", "arm", "mood"])
    fit = mx.fit(mx.parse(PANEL), frame, seed=1)
    found = mx.dropout(fit, mx.Question(of="arm", on="mood"), shifts=(-1,), imputations=6, seed=14)
    added = int((occasions - stay).sum())
    assert f"{added} occasions that no row shows were added" in repr(found)
    assert (
        f"mood: {added} of {clients * occasions} values (0 of 240 with arm = 0; {added} of 240 with arm = 1)"
        in repr(found)
    )
    # With as many occasions for all, the effect is the difference of the arms' means: a shift moves it by its share.
    got, moved = means(found, "total"), added / 240 * frame["mood"].std()
    assert got[-1.0] - got[0.0] == pytest.approx(-moved, rel=0.1)
    before = mx.estimate(fit, mx.Question(of="arm", on="mood")).summary().loc["total"]
    assert abs(got[0.0] - before["mean"]) < 4 * found.summary().loc[("total", 0.0), "mcse"] + 0.1 * before["sd"]


LAGS = """
levels: [session, client]
time: session
variables: {arm: {level: client}, mood: {}, after: {level: client}}
arrows: [arm -> mood, mood(t-1) -> mood, mood(client) -> after]
"""


def test_who_dropped_out_of_a_panel():
    nan = np.nan
    seen = {
        "whole": ([1, 2, 3, 4], 1),
        "left": ([1, 2], nan),  # two occasions that no row shows
        "empty rows": ([1, nan, nan, nan], 2),
        "came back": ([1, nan, 3, nan], nan),  # a gap, then dropout
    }
    rows = [
        (client, at, len(client) % 2, mood, after)
        for client, (moods, after) in seen.items()
        for at, mood in enumerate(moods)
    ]
    theory = mx.parse(LAGS)
    frame = pd.DataFrame(rows, columns=["client", "session", "arm", "mood", "after"])
    found = find_attrition(mx.compile(theory), mx.bind(theory, frame))
    labels = found.data.units("session").labels
    gone = [labels[at] for at in np.flatnonzero(found.dropped["mood"])]
    assert gone == [("left", 2), ("left", 3), *(("empty rows", at) for at in (1, 2, 3)), ("came back", 3)]
    assert [labels[at] for at in np.flatnonzero(found.gaps["mood"])] == [("came back", 1)]
    assert [seen for seen, lost in zip(seen, found.dropped["after"], strict=True) if lost] == ["left", "came back"]
    assert found.added == 2 and found.data.units("session").n == 16
    assert (np.diff(found.data.units("session").place) != 0).all()
    assert found.data.numbers("session").values.tolist() == [0, 1, 2, 3] * 4


def test_a_last_occasion_that_was_seen_in_part_holds_a_gap():
    rows = [
        (i, t, i % 2, float(i + t), np.nan if (i, t) in [(3, 1), (3, 2)] else float(i * t))
        for i in range(6)
        for t in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["client", "session", "arm", "mood", "sleep"])
    frame.loc[(frame["client"] == 3) & (frame["session"] == 2), "mood"] = np.nan
    theory = mx.parse(
        PANEL.replace("mood: {}", "mood: {}, sleep: {}").replace("arm -> mood", "arm -> mood, arm -> sleep")
    )
    found = find_attrition(mx.compile(theory), mx.bind(theory, frame))
    places = {name: np.flatnonzero(gone).tolist() for name, gone in found.dropped.items()}
    assert places == {"mood": [11], "sleep": [11]}
    assert {name: np.flatnonzero(gap).tolist() for name, gap in found.gaps.items()} == {"sleep": [10]}


def test_shifted_values_carry_over_to_the_next_occasion():
    rng = np.random.default_rng(18)
    n = 3000
    own = rng.normal(size=n)
    first = own + rng.normal(size=n)
    kept = [
        (i, t, i % 2, first[i] if t == 0 else rng.normal(), 0.0) for i in range(n) for t in range(4 if i < 20 else 1)
    ]
    theory = mx.parse(LAGS)
    plan = mx.compile(theory)
    frame = pd.DataFrame(kept, columns=["client", "session", "arm", "mood", "after"])
    frame["after"] = rng.normal(size=n)[frame["client"]]
    attrition = find_attrition(plan, mx.bind(theory, frame))
    stated = dict.fromkeys(plan.parameters, 0.0) | {
        "1 -> mood": 1.0, "arm -> mood": 2.0, "mood(t-1) -> mood": 0.5, "sigma(mood)": 1.0, "sigma(mood | first)": 1.0,
        "sigma(after)": 1.0}  # fmt: skip
    shift = {"mood": np.full(attrition.data.units("session").n, -3.0)}
    drawn = Draw(stated, {("1 -> mood", "client"): own})
    data = impute(plan, attrition, drawn, [{}, shift], rng).data
    course = 1.0 + 2.0 * (np.arange(n) % 2) + own
    for version, moved in zip(data, ([0, 0, 0], [3.0, 4.5, 5.25]), strict=True):
        values = version.numbers("mood").values.reshape(-1)
        units = version.units("session")
        for steps in (1, 2, 3):
            at = units.at(steps, "client")[20:]
            expected = course[20:] + 0.5**steps * (first - course)[20:] - moved[steps - 1]
            rest = values[at] - expected
            variance = sum(0.25**k for k in range(steps))
            assert abs(rest.mean()) < 4 * np.sqrt(variance / len(rest))
            assert abs(rest.var() / variance - 1) < 4 * np.sqrt(2 / len(rest))


def test_what_nobody_knows_of_later_occasions_is_refused():
    theory = mx.parse(
        LAGS.replace("after: {level: client}", "homework: {}").replace(
            "mood(client) -> after", "homework(whole) -> mood"
        )
    )
    rows = [(i, t, i % 2, float(t), float(i + t)) for i in range(6) for t in range(4 if i else 2)]
    data = mx.bind(theory, pd.DataFrame(rows, columns=["client", "session", "arm", "mood", "homework"]))
    with pytest.raises(mx.FitError, match="homework is conditioned on and unknown for the occasions"):
        find_attrition(mx.compile(theory), data)


# --- what is imputed, at stated parameters ---


def completed(text: str, frame: pd.DataFrame, stated: dict[str, float], shift: dict[str, float] | None = None):
    """The first completed data set at stated parameters, a shift given in the units of the imputed value."""
    theory = mx.parse(text)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    attrition = find_attrition(plan, data)
    moves = {name: np.full(data.n, size) for name, size in (shift or {}).items()}
    return attrition, impute(plan, attrition, Draw(stated, {}), [moves], np.random.default_rng(1)).data[0]


def test_what_rests_on_a_gap_is_drawn_given_what_was_seen_after_it():
    rng = np.random.default_rng(15)
    n = 4000
    x, later = rng.normal(size=n), rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "m": rng.normal(size=n), "later": later, "y": rng.normal(size=n)})
    frame.loc[20:, ["m", "y"]] = np.nan
    stated = {"1 -> m": 0, "x -> m": 0.5, "sigma(m)": 1, "1 -> later": 0, "m -> later": 0.8, "sigma(later)": 0.6,
              "1 -> y": 0, "m -> y": 1, "sigma(y)": 0.5}  # fmt: skip
    attrition, data = completed("arrows: [x -> m -> later, m -> y]", frame, stated)
    assert attrition.gaps.keys() == {"m"} and attrition.dropped.keys() == {"y"}
    assert data["m"].missing.sum() == n - 20
    # m given x and later: precision 1 + 0.64 / 0.36, mean (0.5 x + 0.8 later / 0.36) / precision; y adds its noise.
    precision = 1 + 0.64 / 0.36
    expected = (0.5 * x + 0.8 * later / 0.36) / precision
    rest = (data.numbers("y").values - expected)[20:]
    variance = 1 / precision + 0.25
    assert abs(rest.mean()) < 4 * np.sqrt(variance / len(rest))
    assert abs(rest @ x[20:] / (x[20:] @ x[20:])) < 4 * np.sqrt(variance / len(rest))
    assert abs(rest @ later[20:] / (later[20:] @ later[20:])) < 4 * np.sqrt(variance / len(rest))
    assert abs(rest.var() / variance - 1) < 4 * np.sqrt(2 / len(rest))


def test_a_correlated_residual_is_drawn_given_its_partner():
    rng = np.random.default_rng(16)
    n = 4000
    x, m = rng.normal(size=n), rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "m": m, "y": rng.normal(size=n)})
    frame.loc[20:, "y"] = np.nan
    stated = {"1 -> m": 0, "x -> m": 1, "sigma(m)": 2, "1 -> y": 0, "x -> y": 1, "sigma(y)": 3, "m <-> y": 0.6}
    _, data = completed("arrows: [x -> m, x -> y, m <-> y]", frame, stated)
    rest = (data.numbers("y").values - x - 0.6 * 3 * (m - x) / 2)[20:]
    variance = 9 * (1 - 0.36)
    assert abs(rest.mean()) < 4 * np.sqrt(variance / len(rest))
    assert abs(rest.var() / variance - 1) < 4 * np.sqrt(2 / len(rest))


def test_a_curved_family_is_shifted_on_its_link():
    n = 4000
    frame = pd.DataFrame({"x": np.random.default_rng(17).normal(size=n), "y": np.tile([0.0, 1.0], n // 2)})
    frame.loc[20:, "y"] = np.nan
    text = "{variables: {x: {}, y: {family: bernoulli}}, arrows: [x -> y]}"
    _, data = completed(text, frame, {"1 -> y": 0.3, "x -> y": 0}, {"y": -1.0})
    chance = 1 / (1 + np.exp(0.7))
    assert abs(data.numbers("y").values[20:].mean() - chance) < 4 * np.sqrt(chance * (1 - chance) / (n - 20))


# --- tipping points ---


@pytest.mark.parametrize(
    ("centres", "expected"),
    [
        ((-3.0, 0.0, 3.0, 6.0, 9.0), Tipping(covers=False, below=-(1 / 3) * 0.5, above=None)),
        ((9.0, 6.0, 3.0, 0.0, -3.0), Tipping(covers=False, below=None, above=(1 / 3) * 0.5)),
        ((-4.0, -3.0, 0.0, 3.0, 4.0), Tipping(covers=True, below=-(2 / 3) * 0.5, above=(2 / 3) * 0.5)),
        ((5.0, 5.0, 5.0, 5.0, 5.0), Tipping(covers=False, below=None, above=None)),
        ((-4.0, -4.0, 4.0, 4.0, 4.0), Tipping(covers=False, below=-(2 / 8) * 0.5, above=None)),
        ((4.0, 4.0, -4.0, -1.0, -4.0), Tipping(covers=False, below=-(2 / 8) * 0.5, above=(2 / 3) * 0.5)),
    ],
)
def test_tipping_point_is_where_a_bound_crosses_zero(centres, expected):
    shifts = (-1.0, -0.5, 0.0, 0.5, 1.0)
    unit = np.linspace(-1, 1, 4001)
    spread = unit * 2 / np.quantile(unit, 0.975)  # the 95 % interval is centre ± 2
    draws = np.array(centres)[:, None, None] + spread[None, None, :]
    found = find_tipping(shifts, draws)
    assert found.covers is expected.covers
    assert found.below == pytest.approx(expected.below) and found.above == pytest.approx(expected.above)


def test_tipping_points_are_said_in_data_units(one_arm):
    _, _, fit, _ = one_arm
    found = mx.dropout(fit, TOTAL, shifts=(-3, -1.5), seed=3, imputations=5)
    tipping = found.tipping_point
    assert not tipping.covers and tipping.above is None
    unit = found.lost[0].unit
    assert f"it covers 0 from {tipping.below:+.2f} sd (y {tipping.below * unit:+.3g})" in repr(found)
    low = mx.dropout(fit, TOTAL, shifts=(tipping.below,), seed=3, imputations=5).summary()
    assert abs(low.loc[("total", tipping.below), "lower"]) < 0.1 * low.loc[("total", tipping.below), "sd"]
    none = mx.dropout(fit, TOTAL, shifts=(-0.01, 0.01), seed=3, imputations=2)
    words = "unshifted, the 95 % interval excludes 0, and so it does at every shift from -0.01 to 0.01 sd: no tipping point there"
    assert words in repr(none)


@pytest.mark.parametrize(
    ("shifts", "centres", "expected"),
    [
        ((-1.0, 0.0, 1.0), (5.0, 5.0, 5.0), "unshifted, the 95 % interval excludes 0, and so it does at every shift from -1 to 1 sd: no tipping point there"),
        ((-1.0, 0.0, 1.0), (0.0, 1.0, 0.0), "unshifted, the 95 % interval covers 0, and so it does at every shift from -1 to 1 sd: no tipping point there"),
        ((-1.0, 0.0, 1.0), (0.0, 4.0, 8.0), "unshifted, the 95 % interval excludes 0; shifted down, it covers 0 from -0.50 sd (y -1); shifted up, it still excludes 0 at +1 sd"),
        ((-1.0, 0.0, 1.0), (0.0, 0.0, 4.0), "unshifted, the 95 % interval covers 0; shifted down, it still covers 0 at -1 sd; shifted up, it excludes 0 from +0.50 sd (y +1)"),
        ((0.0, 1.0), (4.0, 0.0), "unshifted, the 95 % interval excludes 0; shifted up, it covers 0 from +0.50 sd (y +1)"),
        ((0.0,), (4.0,), "unshifted, the 95 % interval excludes 0; no other shift was asked for"),
    ],
)  # fmt: skip
def test_the_tipping_point_reads_one_way_only(shifts, centres, expected):
    unit = np.linspace(-1, 1, 4001)
    spread = unit * 2 / np.quantile(unit, 0.975)  # the 95 % interval is centre ± 2
    draws = np.array(centres)[:, None, None] + spread[None, None, :]
    lost = Lost("y", 3, 10, (), shifted=True, unit=2.0, scale="y")
    found = Dropout("", shifts, {"total": draws}, (lost,), "", "", "", "", (), ("x",))
    assert f"  total: {expected}" in found.footer()


# --- refusals ---


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"variables": "yy"}, r"no 'yy'\. Did you mean 'y'\?"),
        ({"variables": "m"}, "nothing of 'm' dropped out; of y something did"),
        ({"arm": {"tret": 1}}, r"no 'tret'\. Did you mean 'treat'\?"),
        ({"arm": {"treat": 2}}, "nobody has treat = 2"),
        ({"arm": {"y": 2}}, "'y' is not known of every unit"),
        ({"shifts": ("a",)}, "shifts are numbers of sds"),
        ({"shifts": (np.nan,)}, "shifts are numbers of sds"),
        ({"imputations": 1}, "imputations must be a whole number of at least 2"),
        ({"imputations": 10**6}, "need as many posterior draws; the fit has 4000"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"draws": 0}, "draws must be a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(one_arm, said, message):
    with pytest.raises(mx.MechanismsError, match=message):
        mx.dropout(one_arm[2], TOTAL, **said)


def test_fits_by_nuts_are_refused_unless_asked_for(one_arm, monkeypatch):
    fit = one_arm[2]
    monkeypatch.setattr(dropouts, "choose", lambda plan, data: (Block(plan.equations, "nuts", "a reason"),))
    with pytest.raises(mx.FitError, match=r"needs NUTS for m and y \(a reason\): 60 fits.*slow=True"):
        mx.dropout(fit, TOTAL, shifts=(-1, 1))
    assert mx.dropout(fit, TOTAL, shifts=(), imputations=2, slow=True).imputations == 2


def test_every_imputation_weighs_the_same_however_long_its_fit_went_on(one_arm, monkeypatch):
    often = count(1)

    def uneven(plan, data, *, draws, **others):
        return mx.sample(plan, data, draws=draws * next(often), **others)

    monkeypatch.setattr(dropouts, "sample", uneven)
    found = mx.dropout(one_arm[2], TOTAL, shifts=(), imputations=3, seed=1)
    assert found.draws["total"].shape == (1, 3, 1000)


def test_complete_data_and_gaps_are_no_dropout():
    frame = trial()
    with pytest.raises(mx.DataError, match=r"nobody dropped out: nothing modelled is missing for good$"):
        mx.dropout(fit_flat(frame), TOTAL)
    frame.loc[:30, "m"] = np.nan
    with pytest.raises(mx.DataError, match=r"nobody dropped out.*\(m has gaps, after which something was seen\)"):
        mx.dropout(fit_flat(frame), TOTAL)


def test_gaps_stay_missing_and_are_said():
    frame = trial()
    leave(frame, (0.2, 0.2), "m", "y")
    there = frame.index[frame["y"].notna()][:7]
    frame.loc[there, "m"] = np.nan
    found = mx.dropout(fit_flat(frame), TOTAL, shifts=(), imputations=2, seed=1)
    assert "7 other missing values of m, after which something was seen, stay missing" in repr(found)
