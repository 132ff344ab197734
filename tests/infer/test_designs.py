"""Designs from parameter files: numbers of units, who lies in whom, and which occasions leave a row."""

import numpy as np
import pytest

from mechanisms.data.door import bind
from mechanisms.errors import FitError, SpecError
from mechanisms.infer.margins import draw_exogenous
from mechanisms.infer.simulation import simulate, simulate_theory
from mechanisms.model.plan import compile
from mechanisms.spec.library import load
from mechanisms.spec.parameters import parse_parameters, read_parameters
from mechanisms.spec.reader import parse

THEORY = """
levels: {session: {in: client}, client: {in: therapist}, therapist: }
time: session
variables:
  training: {level: therapist, family: bernoulli}
  arm: {level: client, family: categorical, values: [wait, treated]}
  severity: {level: client}
  y:
arrows:
  training, arm, severity -> y:
  arm <-> severity:
"""
FILE = """
n: 3000
design:
  therapist: {client: 4..8}
  session: {occasions: 0..9, dropout: 0.1, missed: 0.2}
exogenous:
  training: {bernoulli: 0.3}
  arm: {shares: {wait: 0.4, treated: 0.6}}
  severity: {normal: [5, 2]}
correlations:
  arm <-> severity: 0.5
parameters: {1 -> y: 0}
"""


def drawn(text=FILE, n=3000, theory=THEORY, seed=1):
    return draw_exogenous(parse_parameters(text, "p.yaml"), compile(parse(theory)), n, np.random.default_rng(seed))


def test_units_nest_as_said():
    found = drawn()
    assert list(found.columns[:3]) == ["therapist", "client", "session"]
    clients = found.drop_duplicates("client")
    assert len(clients) == 3000
    assert (found.groupby("client").therapist.nunique() == 1).all()
    sizes = clients.groupby("therapist").size()
    assert set(sizes[:-1]) == {4, 5, 6, 7, 8}  # the last takes what is left
    n = len(sizes) - 1
    assert abs(sizes[:-1].mean() - 6) < 5 * np.sqrt(2 / n)
    assert clients.therapist.iloc[:50].is_monotonic_increasing is False
    assert (found.groupby("therapist").training.nunique() == 1).all()
    assert (found.groupby("client").severity.nunique() == 1).all()
    trained = found.drop_duplicates("therapist").training.mean()
    assert abs(trained - 0.3) < 5 * np.sqrt(0.21 / n)
    assert abs(np.corrcoef(clients.severity, clients.training)[0, 1]) < 5 / np.sqrt(3000)


def test_occasions_are_lost_as_said():
    found = drawn(n=20_000)
    last = found.groupby("client").session.max()
    for t in (3, 9):
        share = 0.9**t
        assert abs((last >= t).mean() - share) < 5 * np.sqrt(share * (1 - share) / 20_000)
    before = found.merge(last.rename("last"), left_on="client", right_index=True)
    held = (before.session < before["last"]).sum()
    assert abs(held / last.sum() - 0.8) < 5 * np.sqrt(0.16 / last.sum())
    assert (found.groupby("client").session.apply(lambda s: s.is_monotonic_increasing and s.is_unique)).all()


def test_nothing_is_lost_unless_said():
    found = drawn(FILE.replace(", dropout: 0.1, missed: 0.2", ""), n=100)
    assert len(found) == 1000
    assert list(found.session[:10]) == list(range(10))


def test_a_number_of_units_is_filled_evenly():
    sizes = drawn(FILE.replace("{client: 4..8}", "13"), n=57).drop_duplicates("client").groupby("therapist").size()
    assert len(sizes) == 13
    assert set(sizes) == {4, 5}


def test_without_time_n_counts_the_finest_level():
    theory = "levels: [pupil, class, school]\nvariables: {x: {level: class}, y: {family: normal}}\narrows: [x -> y]"
    text = "n: 600\ndesign: {class: {pupil: 20}, school: 5}\nexogenous: {x: {normal: [0, 1]}}\nparameters: {1 -> y: 0}"
    found = drawn(text, 600, theory)
    assert list(found.columns) == ["school", "class", "pupil", "x"]
    assert found.nunique().to_dict() == {"school": 5, "class": 30, "pupil": 600, "x": 30}
    plan = compile(parse(theory))
    truth = dict.fromkeys(plan.parameters, 1.0)
    assert bind(parse(theory), simulate(plan, found, truth, seed=1)).units("class").n == 30


def test_the_grid_is_the_theorys_where_it_declares_one():
    grid = THEORY.replace("{in: client}", "{in: client, occasions: [0, 2, 5]}")
    assert set(drawn(FILE.replace("occasions: 0..9, ", ""), 50, grid).session) == {0, 2, 5}
    with pytest.raises(SpecError, match="session: the theory declares its occasions"):
        drawn(theory=grid)
    with pytest.raises(SpecError, match="design: session: say its occasions"):
        drawn(FILE.replace("occasions: 0..9, ", ""))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("therapist: {client: 4..8}", "therapst: 4", r"unknown level 'therapst'. Did you mean 'therapist'\?"),
        ("  therapist: {client: 4..8}\n", "", "nothing is said of therapist: how many are there"),
        ("therapist: {client: 4..8}", "client: 5\n  therapist: 4", "how many client there are is n"),
        ("{client: 4..8}", "{session: 4..8}", "therapist: session does not lie in it; client does"),
        ("{client: 4..8}", "{dropout: 0.1}", "therapist: a number, or how many lie in each"),
        ("{occasions: 0..9, dropout: 0.1, missed: 0.2}", "10", "session: occasions, dropout or missed is wanted"),
        ("{client: 4..8}", "4000", "4000 units for 3000 that lie in them"),
        ("  training: {bernoulli: 0.3}\n", "  training: {bernoulli: 0.3}\n  y: {normal: [0, 1]}\n", "'y' is modelled"),
    ],
)
def test_file_and_levels_must_agree(old, new, message):
    assert old in FILE
    with pytest.raises(SpecError, match=message) as caught:
        drawn(FILE.replace(old, new))
    assert "p.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("client: {in: therapist}", "client: {shared_by: therapist}", "client: shared_by: a file cannot say"),
        ("therapist: }", "therapist: {only_when: {arm: treated}}}", "therapist: only_when: a file cannot say"),
        ("session: {in: client}", "session: {in: client}, visit: {in: client}", "no level lies below all others"),
        ("arm <-> severity", "arm <-> training", "correlations: the theory draws no arm <-> severity"),
        ("severity: {level: client}", "severity: {level: client, only_when: {arm: treated}}", "severity do not exist"),
    ],
)
def test_what_a_file_cannot_say_is_refused(old, new, message):
    assert old in THEORY
    theory = THEORY.replace(old, new)
    if "visit" in theory:
        theory = theory.replace("  y:\n", "  y: {level: session}\n")
    with pytest.raises(SpecError, match=message):
        drawn(theory=theory)


def test_levels_are_not_asked_for_where_there_are_none():
    text = "n: 5\ndesign: {client: 3}\nexogenous: {x: {normal: [0, 1]}}\nparameters: {1 -> y: 0}"
    with pytest.raises(SpecError, match="design: the theory has no levels"):
        drawn(text, 5, "arrows: [x -> y]")


# --- the catalogue ---

LEVELLED = (
    "barber_2000", "barber_2000_without_prior_change", "kazdin_timeline", "klein_2003",
    "klein_2003_without_prior_change", "dsem_random_ar", "growth_mediation", "rupture_training", "schnell_herpertz_2007", "within_between",
)  # fmt: skip


@pytest.mark.parametrize("name", LEVELLED)
def test_theories_with_levels_are_simulated_and_bound(name):
    found = simulate_theory(name, seed=3)
    assert found.client.nunique() == read_parameters(name).n
    bound = bind(load(name), found)
    assert bound.units("client").n == read_parameters(name).n
    assert found.equals(simulate_theory(name, seed=3))
    assert simulate_theory(name, n=60, seed=3).client.nunique() == 60


def test_clients_are_counted():
    with pytest.raises(FitError, match="n must be a whole number of at least 1"):
        simulate_theory("barber_2000", n=0)
