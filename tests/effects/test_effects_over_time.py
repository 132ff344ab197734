"""Effects in theories with levels: at stated parameters they equal closed forms, or a simulation written without the product."""

import numpy as np
import pandas as pd
import pytest

import mechanisms as mx
from mechanisms.effects.over_time.steps import horizon

CLIENTS, OCCASIONS = 6, 6


def frame(*names: str, clients: int = CLIENTS, occasions: int = OCCASIONS, **coarse: np.ndarray) -> pd.DataFrame:
    """Session rows with columns of standard normals and, by name, values of the clients."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {"client": np.repeat(np.arange(clients), occasions), "session": np.tile(np.arange(occasions), clients)}
    )
    for name in names:
        rows[name] = rng.normal(size=len(rows))
    return rows.assign(**{name: np.repeat(values, occasions) for name, values in coarse.items()})


def pinned(text: str, rows: pd.DataFrame, parameters: dict, deviations: dict | None = None):
    """A one-draw fit; sds that are not said are 1, all else 0."""
    plan = mx.compile(mx.parse(text))
    data = mx.bind(plan.theory, rows)
    given = {name: float(name.startswith(("sd(", "sigma("))) for name in plan.parameters}
    given |= {each.correlation: 0 for each in plan.varying if each.correlated}
    return mx.pin(plan, data, given | parameters, deviations)


def values(effects) -> dict[str, float]:
    return {row.label: float(row.draws.item()) for row in effects.rows}


def ask(fit, **question) -> float:
    """The first row of an answer."""
    return float(mx.estimate(fit, mx.Question(**question)).rows[0].draws.item())


ONE = """
levels: [session, client]
time: session
arrows:
  x -> m: {varies_by: client}
  m -> y: {varies_by: client}
  x -> y: {varies_by: client}
"""
A, B, C = np.random.default_rng(3).normal(size=(3, CLIENTS))
SLOPES = ("x(session) -> m", "m(session) -> y", "x(session) -> y")


@pytest.fixture(scope="module")
def mediation():
    return pinned(
        ONE,
        frame("x", "m", "y"),
        {
            "x(session) -> m": 0.4, "m(session) -> y": 0.5, "x(session) -> y": 0.2, "x(client) -> m": 0.7,
            "m(client) -> y": 0.9, "x(client) -> y": -0.3, "1 -> x": 2.0, "1 -> m": -1.0,
            **{f"sd({slope} | client)": sd for slope, sd in zip(SLOPES, (0.3, 0.6, 0.5), strict=True)},
            "cor(client)": {"x(session) -> m <-> m(session) -> y": 0.5},
        },
        {(slope, "client"): own for slope, own in zip(SLOPES, (A, B, C), strict=True)},
    )  # fmt: skip


def test_mediation_of_one_session_averages_the_products_of_each_clients_slopes(mediation) -> None:
    found = values(mx.decompose(mediation, "x(t)", "y(t)"))
    indirect, direct = np.mean((0.4 + A) * (0.5 + B)), np.mean(0.2 + C)
    assert found["indirect"] == pytest.approx(indirect, abs=1e-10)
    assert found["x -> m -> y"] == pytest.approx(indirect, abs=1e-10)
    assert found["direct"] == pytest.approx(direct, abs=1e-10)
    assert found["total"] == pytest.approx(indirect + direct, abs=1e-10)
    assert "total direct" not in found


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        ({"new": "client"}, 0.4 * 0.5 + 0.5 * 0.3 * 0.6),
        ("typical", 0.4 * 0.5),
        ("these", np.mean((0.4 + A) * (0.5 + B))),
    ],
)
def test_new_clients_bring_the_covariance_of_their_slopes(mediation, population, expected) -> None:
    """E[ab] = E[a] E[b] + cov(a, b), by running the system and not by that formula."""
    found = ask(mediation, of="x(t)", on="y(t)", kind="indirect", population=population)
    assert found == pytest.approx(expected, abs=1e-10)


def test_each_client_has_a_row_and_says_whether_it_shows_the_mechanism(mediation) -> None:
    question = mx.Question(of="x(t)", on="y(t)", kind="indirect", population={"each": "client"})
    effects = mx.estimate(mediation, question)
    own = (0.4 + A) * (0.5 + B)
    assert [float(row.draws.item()) for row in effects.rows] == pytest.approx(list(own), abs=1e-10)
    assert effects.labels[2] == "indirect [client=2]"
    assert list(effects.summary()["p_positive"]) == list((own > 0).astype(float))


def test_the_course_travels_by_between_coefficients(mediation) -> None:
    found = values(mx.decompose(mediation, "x(client)", "y"))
    assert found["indirect"] == pytest.approx(0.7 * 0.9, abs=1e-10)
    assert found["direct"] == pytest.approx(-0.3, abs=1e-10)
    assert found["total"] == pytest.approx(0.63 - 0.3, abs=1e-10)


def test_a_treatment_of_therapists_moves_courses_of_clients() -> None:
    """2-1-1: the product of two course coefficients, whatever the within ones are."""
    rng = np.random.default_rng(4)
    rows = frame("repair", "outcome")
    rows["therapist"] = rows["client"] // 2
    rows["trained"] = (rows["therapist"] > 0).astype(int)
    fit = pinned(
        """
        levels: [session, client, therapist]
        time: session
        variables: {trained: {level: therapist, family: bernoulli}, repair: , outcome: }
        arrows: [trained -> repair -> outcome]
        """,
        rows,
        {"trained -> repair": 0.8, "repair(session) -> outcome": 5.0, "repair(client) -> outcome": 0.35},
        {("1 -> repair", "therapist"): rng.normal(size=3), ("1 -> outcome", "client"): rng.normal(size=CLIENTS)},
    )
    found = values(mx.decompose(fit, "trained", "outcome"))
    assert found["indirect"] == found["total"] == pytest.approx(0.8 * 0.35, abs=1e-10)


PHI = np.array([[0.5, 0.2], [-0.3, 0.4]])
CROSS = """
levels: [session, client]
time: session
arrows:
  x(t-1) -> x:
  y(t-1) -> x:
  x(t-1) -> y:
  y(t-1) -> y:
"""


LATE = """
levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }
time: session
variables: {x: {level: client}, m: , y: }
arrows:
  x -> m: {only_when: {session: 2..}}
  m(whole) -> y: {only_when: {session: 2..}}
  x -> y: {only_when: {session: 1..}}
  1 -> m, y: {varies_by: []}
"""


def test_a_mean_of_occasions_counts_those_that_nothing_reaches_in_the_way_that_is_asked() -> None:
    fit = pinned(
        LATE,
        frame("m", "y", occasions=4, x=np.arange(CLIENTS) % 2.0),
        {"x -> m": 0.4, "m(whole) -> y": 0.5, "x -> y": 0.2},
    )
    wanted = {"direct": 3 * 0.2 / 4, "indirect": 2 * 0.2 / 4, "total": (3 * 0.2 + 2 * 0.2) / 4}
    for kind, value in wanted.items():
        assert ask(fit, of="x", on="y", contrast=(0, 1), kind=kind) == pytest.approx(value), kind
    assert ask(fit, of="x", on="y", contrast=(0, 1), kind="indirect", through=("m",)) == pytest.approx(0.1)
    assert values(mx.decompose(fit, of="x", on="y", contrast=(0, 1)))["indirect"] == pytest.approx(0.1)


@pytest.fixture(scope="module")
def crossed():
    return pinned(
        CROSS, frame("x", "y"),
        {"x(t-1) -> x": PHI[0, 0], "y(t-1) -> x": PHI[0, 1], "x(t-1) -> y": PHI[1, 0], "y(t-1) -> y": PHI[1, 1]},
    )  # fmt: skip


@pytest.mark.parametrize("later", [1, 2, 3, 4])
def test_one_session_moved_follows_the_powers_of_phi(crossed, later: int) -> None:
    found = ask(crossed, of="x(t)", on=f"y(t+{later})")
    assert found == pytest.approx(np.linalg.matrix_power(PHI, later)[1, 0], abs=1e-10)


def test_a_path_over_time_is_the_product_of_its_steps() -> None:
    fit = pinned(
        """
        levels: [session, client]
        time: session
        arrows: [x(t-1) -> m, m(t-1) -> y, x(t-1) -> y, m(t-1) -> m, y(t-1) -> y]
        """,
        frame("x", "m", "y"),
        {"x(t-1) -> m": 0.4, "m(t-1) -> y": 0.7, "x(t-1) -> y": 0.25, "m(t-1) -> m": 0.3, "y(t-1) -> y": 0.6},
    )
    found = ask(fit, of="x(t)", on="y(t+2)", kind="indirect", through="x -> m -> y")
    assert found == pytest.approx(0.4 * 0.7, abs=1e-10)
    parts = values(mx.decompose(fit, "x(t)", "y(t+2)"))
    assert parts["x -> m -> y"] == pytest.approx(0.28, abs=1e-10)
    assert parts["x -> y, carried over"] == pytest.approx(0.25 * 0.6, abs=1e-10)
    assert parts["total"] == pytest.approx(0.28 + 0.15, abs=1e-10)


def test_what_is_cut_counts_as_nothing_and_the_way_that_needs_it_is_refused() -> None:
    """R13: therapy moves a course; only departures of self-efficacy reach symptoms."""
    fit = pinned(
        """
        levels: [session, client]
        time: session
        variables: {therapy: {level: client, family: bernoulli}, efficacy: , symptoms: }
        arrows: [therapy -> efficacy, efficacy(session) -> symptoms, therapy -> symptoms]
        """,
        frame("efficacy", "symptoms", therapy=np.arange(CLIENTS) % 2),
        {"therapy -> efficacy": 2.0, "efficacy(session) -> symptoms": -1.0, "therapy -> symptoms": -0.3},
    )
    effects = mx.decompose(fit, "therapy", "symptoms")
    assert values(effects) == pytest.approx({"total": -0.3, "direct": -0.3}, abs=1e-10)
    assert any("counts as nothing" in sentence for sentence in effects.assumptions)
    with pytest.raises(mx.SpecError, match=r"draw efficacy\(client\) -> symptoms"):
        mx.estimate(fit, mx.Question(of="therapy", on="symptoms", kind="indirect"))


BARBER = """
levels: {session: {in: client, occasions: [0, 2, 5, 10, 16]}, client: }
time: session
variables:
  alliance: {only_when: {session: [2, 5, 10]}, assessed: end}
  bdi: {assessed: start}
  change: {is: bdi - bdi(0)}
arrows:
  alliance(t-1) -> bdi: {varies_by: client}
  bdi(t-1) -> bdi:
  change(t-1) -> bdi:
  change -> alliance:
"""


def run_barber(own: np.ndarray, moved: tuple[str, int], value: float, at: int) -> float:
    """The mean of bdi at a place of the grid with one value set, client by client and occasion by occasion."""
    found = []
    for beta in -0.4 + own:
        course = {"bdi": 20.0, "alliance": 4.0}
        bdi: list[float] = []
        alliance: list[float | None] = []
        for place in range(at + 1):
            departs = 0.0
            if place:
                departs += 0.5 * (bdi[-1] - course["bdi"]) + 0.15 * (bdi[-1] - bdi[0])
                departs += beta * (alliance[-1] - course["alliance"]) if alliance[-1] is not None else 0.0
            bdi.append(value if moved == ("bdi", place) else course["bdi"] + departs)
            rated = course["alliance"] - 0.06 * (bdi[-1] - bdi[0])
            rated = value if moved == ("alliance", place) else rated
            alliance.append(rated if place in (1, 2, 3) else None)
        found.append(bdi[at])
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("of", "on", "moved", "at"),
    [
        ("alliance(2)", "bdi(5)", ("alliance", 1), 2),
        ("alliance(2)", "bdi(16)", ("alliance", 1), 4),
        ("alliance(5)", "bdi(10)", ("alliance", 2), 3),
        ("bdi(0)", "bdi(10)", ("bdi", 0), 3),
        ("bdi(2)", "bdi(16)", ("bdi", 1), 4),
    ],
)
def test_change_so_far_feeds_back(of: str, on: str, moved: tuple[str, int], at: int) -> None:
    rows = frame("alliance", "bdi", occasions=5)
    rows["session"] = rows["session"].map(dict(enumerate([0, 2, 5, 10, 16])))
    rows.loc[rows["session"].isin([0, 16]), "alliance"] = np.nan
    fit = pinned(
        BARBER,
        rows,
        {
            "1 -> bdi": 20.0, "1 -> alliance": 4.0, "alliance(t-1) -> bdi": -0.4, "bdi(t-1) -> bdi": 0.5,
            "change(t-1) -> bdi": 0.15, "change -> alliance": -0.06,
        },
        {("alliance(t-1) -> bdi", "client"): A},
    )  # fmt: skip
    expected = run_barber(A, moved, 6.0, at) - run_barber(A, moved, 3.5, at)
    assert ask(fit, of=of, on=on, contrast=(3.5, 6.0)) == pytest.approx(expected, abs=1e-10)


CURVE = """
levels: [session, client]
time: session
variables: {severity: {level: client}, alliance: , y: }
arrows:
  alliance -> y: {shape: quadratic, moderated_by: severity}
  y(t-1) -> y:
"""


@pytest.fixture(scope="module")
def curved():
    severity = np.linspace(-1, 2, CLIENTS)
    fit = pinned(
        CURVE,
        frame("alliance", "y", severity=severity),
        {
            "1 -> alliance": 3.0, "1 -> y": 1.0, "alliance(whole) -> y": 0.8, "alliance(whole)^2 -> y": -0.1,
            "alliance(client) -> y": 0.3, "severity -> y": 0.4, "y(t-1) -> y": 0.5, "sigma(alliance)": 0.7,
            **SEVERE,
        },
        {("1 -> alliance", "client"): A},
    )  # fmt: skip
    return fit, severity


SEVERE = {
    "alliance(whole) * severity -> y": 0.2,
    "alliance(whole)^2 * severity -> y": 0.05,
    "alliance(client) * severity -> y": -0.15,
}


def test_a_curve_runs_on_the_value_that_is_set(curved) -> None:
    fit, severity = curved

    def mean(value: float) -> np.ndarray:
        return 0.8 * value - 0.1 * value**2 + severity * (0.2 * value + 0.05 * value**2)

    gap = mean(4.5) - mean(2.0)
    question = {"of": "alliance(t)", "contrast": (2.0, 4.5)}
    assert ask(fit, on="y(t)", **question) == pytest.approx(gap.mean(), abs=1e-10)
    assert ask(fit, on="y(t+2)", **question) == pytest.approx(0.25 * gap.mean(), abs=1e-10)
    at = ask(fit, on="y(t)", at={"severity": 2.0}, **question)
    assert at > ask(fit, on="y(t)", at={"severity": -1.0}, **question)


def test_a_curve_met_by_a_moved_course_needs_the_noise(curved) -> None:
    """Brute force: 200 000 sessions of every client, course and departure apart."""
    fit, severity = curved
    noise = 0.7 * np.random.default_rng(7).standard_normal(200_000)

    def mean(level: float) -> float:
        found = []
        for s in severity:
            whole = level + np.concatenate([noise, -noise])
            curve = (0.8 + 0.2 * s) * whole + (-0.1 + 0.05 * s) * whole**2
            found.append(np.mean(curve) + (0.3 - 0.15 * s) * level)
        return float(np.mean(found))

    # The departure of y carries what the curve adds beyond its value at the course, which both levels share.
    expected = mean(4.0) - mean(3.0)
    assert ask(fit, of="alliance(client)", on="y(0)", contrast=(3.0, 4.0)) == pytest.approx(expected, abs=1e-8)


LOGIT = """
levels: [session, client]
time: session
variables: {arm: {level: client, family: bernoulli}, m: , better: {family: bernoulli}}
arrows:
  arm -> m -> better:
  arm -> better:
"""


def run_logit(arm: float, carried: float, draws: np.ndarray, own: np.ndarray) -> float:
    """The share that is better: the arm itself, the arm that m responds to, noise of m, intercepts of clients."""
    found = []
    for u in own:
        course = 0.5 + 0.8 * carried
        eta = -0.4 + u + 0.6 * arm + 0.7 * course + 0.9 * draws
        found.append(np.mean(1 / (1 + np.exp(-eta))))
    return float(np.mean(found))


def test_a_binary_outcome_averages_over_sessions_and_clients() -> None:
    fit = pinned(
        LOGIT,
        frame("m", arm=np.arange(CLIENTS) % 2).assign(better=np.arange(CLIENTS * OCCASIONS) % 2),
        {
            "arm -> m": 0.8, "m(session) -> better": 0.9, "m(client) -> better": 0.7, "arm -> better": 0.6,
            "1 -> m": 0.5, "1 -> better": -0.4, "sigma(m)": 1.0,
        },
        {("1 -> better", "client"): A},
    )  # fmt: skip
    half = np.random.default_rng(8).standard_normal(400_000)
    draws = np.concatenate([half, -half])
    found = mx.decompose(fit, "arm", "better(2)")
    table = values(found)
    parts = {(a, b): run_logit(a, b, draws, A) for a in (0.0, 1.0) for b in (0.0, 1.0)}
    tolerance = 6e-4  # of the effect 0.5 %, what is asked of averages without a posterior sd; twice as much here
    assert table["total"] == pytest.approx(parts[1, 1] - parts[0, 0], abs=tolerance)
    assert table["direct"] == pytest.approx(parts[1, 0] - parts[0, 0], abs=tolerance)
    assert table["indirect"] == pytest.approx(parts[1, 1] - parts[1, 0], abs=tolerance)
    assert table["direct"] + table["indirect"] == pytest.approx(table["total"], abs=1e-12)
    assert any("random draws of noise" in note for note in found.notes)


def test_effects_by_horizon_of_one_session_and_of_a_lasting_change(crossed) -> None:
    once = values(horizon(crossed, "x", "y", most=4))
    powers = [np.linalg.matrix_power(PHI, later)[1, 0] for later in range(5)]
    assert list(once) == ["t+0", "t+1", "t+2", "t+3", "t+4"]
    assert list(once.values()) == pytest.approx(powers, abs=1e-10)
    lasting = values(horizon(crossed, "x", "y", most=3, lasting=True))
    sums = [0.0]
    for _ in range(3):  # x is held where it was moved to, so that y feeds on itself only
        sums.append(PHI[1, 1] * sums[-1] + PHI[1, 0])
    assert list(lasting.values())[:4] == pytest.approx(sums, abs=1e-10)
    assert lasting["long run"] == pytest.approx(PHI[1, 0] / (1 - PHI[1, 1]), abs=1e-10)
    own = values(horizon(crossed, "x", "x", most=3))
    assert own["t+3"] == pytest.approx(np.linalg.matrix_power(PHI, 3)[0, 0], abs=1e-10)


def test_the_long_run_solves_the_whole_system() -> None:
    """z drives x and y, which drive each other: (I − Φ)^-1 c."""
    steps = {"z(t-1) -> x": 0.6, "z(t-1) -> y": -0.2}
    known = {"x(t-1) -> x": PHI[0, 0], "y(t-1) -> x": PHI[0, 1], "x(t-1) -> y": PHI[1, 0], "y(t-1) -> y": PHI[1, 1]}
    text = CROSS + "".join(f"  {address}:\n" for address in steps)
    fit = pinned(text, frame("x", "y", "z"), steps | known)
    found = values(horizon(fit, "z", "y", most=2, lasting=True))
    assert found["long run"] == pytest.approx(np.linalg.solve(np.eye(2) - PHI, [0.6, -0.2])[1], abs=1e-10)


def test_no_long_run_where_a_change_grows() -> None:
    fit = pinned(CROSS, frame("x", "y"), {"x(t-1) -> y": 0.3, "y(t-1) -> y": 1.05})
    effects = horizon(fit, "x", "y", most=2, lasting=True)
    assert "long run" not in effects.labels
    assert any("100 % of the draws" in note for note in effects.notes)
