"""Every theory of the catalogue loads, is drawn and answers what it asks; those that can be simulated are recovered."""

import numpy as np
import pytest
from scipy import stats

from mechanisms.data.door import bind
from mechanisms.effects.decomposition import decompose
from mechanisms.effects.estimation import estimate
from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.expansion import check_expansion
from mechanisms.graph.graph import causal_order, draw
from mechanisms.graph.identification import identify
from mechanisms.graph.unrolling import unroll
from mechanisms.infer.diagnostics import assess
from mechanisms.infer.sampling import fit as fit_theory
from mechanisms.infer.sampling import pin, sample
from mechanisms.infer.simulation import simulate_theory
from mechanisms.infer.stated import complete
from mechanisms.model.plan import compile
from mechanisms.spec.library import load, names, yaml_files
from mechanisms.spec.parameters import read_parameters
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Question
from mechanisms.spec.writer import write

NAMES = names()
ROWS = [
    "baron_kenny_1986", "mathieu_taylor_2006", "kazdin_figure_1", "kazdin_timeline", "barber_2000", "klein_2003",
    "joyce_2003", "ryum_2009", "hartzler_2011", "ilgen_2006", "bandura_1977", "bordin_1979", "alliance_instruments",
    "safran_muran_2000", "moltu_2011", "control_mastery", "corrective_experience", "necessary_condition",
    "specific_vs_common_medical", "specific_vs_common_contextual", "rupture_training", "relational_self_efficacy",
    "david_montgomery_2011", "schnell_herpertz_2007", "tryon_2009",
]  # fmt: skip
BESIDE = [  # rivals and twins of the rows, and what has data
    "jobs", "implement", "implement_items", "barber_2000_without_prior_change", "klein_2003_without_prior_change", "bordin_1979_facets",
    "hartzler_2011_cbt_only", "relational_self_efficacy_reversed",
]  # fmt: skip


# Theories with parameters; those of one level without latent variables are recovered here, since that takes no time.
SIMULATED = tuple(sorted(entry.name.removesuffix(".yaml") for entry in yaml_files("parameters")))
WALKED = tuple(name for name in SIMULATED if not (load(name).levels or compile(load(name)).unseen))


def compiles(name):
    try:
        compile(load(name))
    except SpecError:
        return False
    return True


def _drinking(people, bond):
    """The mean share at a bond: 1, or between 0 and 1 its mean there (Kubinec 2023)."""
    slopes = -0.3 * bond - 0.4 * people.self_efficacy + 0.2 * bond * people.self_efficacy + 1.2 * people.drinking_before
    inside, some, every = (1 / (1 + np.exp(-(intercept + slopes))) for intercept in (-1, 0.9, -2.6))
    return (every + (some - every) * inside).mean()


# What each question must come to at the file's parameters: sums of products of coefficients, done by hand. Several rows in
# their order, values before differences. By the people in the data, where they say what the values are.
EFFECTS = {
    "jobs": {"total": 0.0656 * -0.24 - 0.0403, "through confidence": 0.0656 * -0.24, "direct": -0.0403},
    "baron_kenny_1986": {"total": 0.3 * 0.3 + 0.2, "indirect": 0.3 * 0.3, "direct": 0.2},
    "mathieu_taylor_2006": {"total": 0.0, "direct": -0.12, "indirect": 0.4 * 0.3},
    "kazdin_figure_1": {"total": 0.5 * 0.5 * 0.4 + 0.2, "through the mechanism": 0.5 * 0.5 * 0.4, "by other ways": 0.2},
    "bandura_1977": {
        "total": (0.4 * 0.15 + -0.3 * -0.25) * 0.5, "by persuasion": 0.4 * 0.15 * 0.5, "by calm": -0.3 * -0.25 * 0.5,
    },
    "corrective_experience": {"total": 0.45**4 + 0.15, "through all steps": 0.45**4, "in itself": 0.15},
    "specific_vs_common_medical": {"total": 1.0 * 0.26, "by technique": 1.0 * 0.26},
    "specific_vs_common_contextual": {"total": 0.5 * 0.26, "by alliance": 0.5 * 0.26},
    "bordin_1979_facets": {"goals": 0.05, "tasks": 0.15, "bond": 0.13},
    "ryum_2009": {
        "in each diagnosis": [0.04, 0.04 + 0.36, 0.36],
        "on average": lambda people: 0.04 + 0.36 * (people.diagnosis == "depression").mean(),
    },
    "david_montgomery_2011": {
        "the theory": 0.4, "the treatment": 0.5 * 0.4, "by other ways": 0.2, "the package": 0.5 * 0.4 + 0.2,
    },
    "necessary_condition": {
        "by strength of alliance": lambda people: [
            *(0.15 + 0.15 * (people.alliance.mean() + sds * people.alliance.std()) for sds in (-1, 0, 1)),
            *(0.15 * sds * people.alliance.std() for sds in (1, 2, 1)),
        ],
        "on average": lambda people: 0.15 + 0.15 * people.alliance.mean(),
    },
    "hartzler_2011": {  # of counts: tests/effects/test_sums_without_levels
        "drinking days by self-efficacy": None, "consequences by self-efficacy": None, "drinking days in all": None,
        "any drinking": None, "symptoms by self-efficacy": [-0.01, -0.03, -0.1225, -0.02, -0.1125, -0.0925],
    },
    "hartzler_2011_cbt_only": {
        "drinking days by self-efficacy": None, "consequences by self-efficacy": None, "drinking days in all": None,
        "any drinking": None, "symptoms by self-efficacy": [0.0, 0.0, -0.1225, 0.0, -0.1225, -0.1225],
    },
    "ilgen_2006": {
        "at low and high self-efficacy": None,  # people weighted by their nearness: tests/effects
        "on average": lambda people: _drinking(people, people.bond.mean() + 1) - _drinking(people, people.bond.mean()),
    },
}  # fmt: skip

# Questions that a theory inherits from the one that it denies: no path is left, and identify says so.
DENIED = {
    "relational_self_efficacy_reversed": [
        "from a weak to a middling alliance", "from a strong to a perfect alliance", "therapy",
    ],
}  # fmt: skip
# Questions that have an answer, but not by adjustment: the templates are there to show the drawing.
LATER = {"front_door": ["total"], "instrument": ["of the alliance"]}


LONG = ("hartzler_2011", "hartzler_2011_cbt_only")  # three counts, integrated over a mediator's noise in every draw


@pytest.fixture(
    scope="module", params=[pytest.param(each, marks=pytest.mark.slow if each in LONG else ()) for each in WALKED]
)
def studied(request):
    """A theory's parameters, one simulated study of the size that their file names, and the theory's fit to it."""
    theory, parameters = load(request.param), read_parameters(request.param)
    frame = simulate_theory(request.param, seed=2011)
    assert len(frame) == parameters.n
    draws = 500 if request.param in LONG else 1000
    return parameters, frame, sample(compile(theory), bind(theory, frame), draws=draws, seed=2011)


@pytest.mark.parametrize("name", [*ROWS, *BESIDE])
def test_every_row_of_the_field_has_a_file(name):
    assert name in NAMES


def test_effects_are_known_by_hand():
    """The templates' are in test_templates.py."""
    assert set(EFFECTS) == {name for name in WALKED if not name.startswith("process_")}


def test_what_compiles_has_parameters():
    assert set(SIMULATED) <= set(NAMES)
    assert set(filter(compiles, NAMES)) == set(SIMULATED)


@pytest.mark.parametrize("name", SIMULATED)
def test_a_simulated_study_can_be_bound(name):
    assert bind(load(name), simulate_theory(name, seed=2011)).columns


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_means_and_where_it_comes_from(name):
    theory = load(name)
    assert theory.name == name
    assert theory.title
    assert theory.source is not None
    assert [each.name for each in theory.variables if not each.means] == []
    assert [str(each) for each in (*theory.arrows, *theory.hidden) if not each.because] == []
    labels = [question.name for question in theory.questions]
    assert None not in labels
    assert len(set(labels)) == len(labels) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_is_written_back_and_stands_for_something(name):
    """The canonical text is read as the same theory, and is its own canonical text."""
    theory = load(name)
    text = write(theory)
    assert parse(text) == theory
    assert write(parse(text)) == text
    expansion = check_expansion(theory)
    drawn = {(each.cause.name, each.effect.name) for each in expansion.coefficients if each.written}
    causes = [arrow for arrow in theory.arrows if arrow.cause.name != "1"]  # 1 -> y stands for y's intercept
    assert drawn == {(arrow.cause.name, arrow.effect.name) for arrow in causes}


@pytest.mark.parametrize("name", NAMES)
def test_is_drawn(name):
    theory = load(name)
    if theory.levels or theory.time:
        graph = unroll(theory)
        assert causal_order(graph)  # no circle at an occasion, none between courses
        return
    order = causal_order(draw(theory))
    assert all(order.index(arrow.cause.name) < order.index(arrow.effect.name) for arrow in theory.arrows)


@pytest.mark.parametrize("name", NAMES)
def test_identifies_its_questions(name):
    """An exact path that splits is answered where the equations are linear, which the verdict says."""
    theory, denied, later = load(name), DENIED.get(name, []), LATER.get(name, [])
    asked = {question.name: question for question in theory.questions}
    verdicts = {label: identify(theory, each) for label, each in asked.items() if label not in denied}
    unanswered = [label for label, each in verdicts.items() if not each.identified and not each.needs_linear]
    assert unanswered == later
    assert len(verdicts) > len(later)
    for label in denied:
        with pytest.raises(IdentificationError, match="the effect is zero by the theory"):
            identify(theory, asked[label])


@pytest.mark.parametrize("name", SIMULATED)
def test_parameter_file_speaks_of_the_plan(name):
    plan, parameters = compile(load(name)), read_parameters(name)
    firsts = [each.initial for each in plan.equations if each.initial]
    assert complete(plan, parameters.values, optional=firsts)
    for address, prior in plan.priors:
        assert prior.fixed is None or parameters.values[address] == prior.fixed
    assert set(parameters.exogenous) == set(plan.exogenous)


def test_draws_mix(studied):
    *_, fit = studied
    assert {block.engine for block in fit.blocks} <= {"exact", "laplace"}
    for quality in assess(fit.draws):
        assert quality.r_hat < 1.01
        assert min(quality.ess_bulk, quality.ess_tail) > 0.7 * fit.shape[0] * fit.shape[1]  # independent draws


def test_parameters_are_recovered(studied):
    """Over repeated studies the squared Mahalanobis distance of the truth from the posterior of k parameters is about
    chi-square(k), residual sds on the log scale; a posterior that is off or too narrow lies above, too wide below."""
    parameters, _, fit = studied
    draws = fit.parameters
    distance, count = 0.0, 0
    for equation in fit.plan.equations:  # complete data, nothing shared: equations are independent
        posterior = np.column_stack([*(draws[each] for each in equation.addresses), np.log(draws[equation.spread])])
        truth = [*(parameters.values[each] for each in equation.addresses), np.log(parameters.values[equation.spread])]
        gap = posterior.mean(axis=0) - truth
        distance += gap @ np.linalg.solve(np.cov(posterior.T), gap)
        count += len(gap)
    assert count == len(fit.plan.parameters)
    assert stats.chi2.ppf(0.0005, count) < distance < stats.chi2.ppf(0.9995, count)


def test_questions_are_answered(studied):
    """The truth is what the same question says of the stated parameters; it must be what the hand says, too."""
    parameters, people, fit = studied
    truth = pin(fit.plan, fit.data, parameters.values)
    by_hand = EFFECTS.get(fit.plan.theory.name, {})
    assert not by_hand or set(by_hand) == {question.name for question in fit.plan.theory.questions}
    for question in fit.plan.theory.questions:
        exact, found = estimate(truth, question).rows, estimate(fit, question).rows
        assert [row.label for row in exact] == [row.label for row in found]
        values = [row.draws.item() for row in exact]
        for value, row in zip(values, found, strict=True):
            lower, upper = np.quantile(row.draws, [0.0005, 0.9995])
            assert lower < value < upper or (value == 0.0 and not row.draws.any())  # zero by the theory
        if by_hand and by_hand[question.name] is not None:
            hand = by_hand[question.name]
            hand = hand(people) if callable(hand) else hand
            np.testing.assert_allclose(values, np.atleast_1d(hand), rtol=0, atol=1e-12)


def test_parts_make_the_whole(studied):
    *_, fit = studied
    first = fit.plan.theory.questions[0]
    parts = decompose(fit, str(first.of), str(first.on))
    direct, indirect = (parts[label].draws if label in parts.labels else 0 for label in ("direct", "indirect"))
    paths = sum(row.draws for row in parts.rows if " -> " in row.label)
    np.testing.assert_allclose(direct + indirect, parts["total"].draws, atol=1e-12)
    np.testing.assert_allclose(paths, indirect, atol=1e-12)
    (total,) = estimate(fit, Question(of=first.of, on=first.on)).rows
    np.testing.assert_allclose(total.draws, parts["total"].draws, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["baron_kenny_1986", "bandura_1977"])
def test_intervals_cover_as_often_as_they_say(name):
    """95 % intervals of every parameter and effect over 400 studies; bounds hold each binomial count but one in 10 000."""
    plan, parameters = compile(load(name)), read_parameters(name)
    hits: dict[str, int] = {}
    for study in range(400):
        data = bind(plan.theory, simulate_theory(name, seed=study))
        fit = sample(plan, data, draws=1000, chains=1, seed=study)
        found = fit.parameters | {q.name: estimate(fit, q).rows[0].draws.reshape(-1) for q in plan.theory.questions}
        for address, truth in (dict(parameters.values) | EFFECTS[name]).items():
            lower, upper = np.quantile(found[address], [0.025, 0.975])
            hits[address] = hits.get(address, 0) + bool(lower < truth < upper)
    low, high = stats.binom.ppf([0.00005, 0.99995], 400, 0.95)
    assert {address: count for address, count in hits.items() if not low <= count <= high} == {}


QUICK = ("growth_mediation", "klein_2003", "bordin_1979")
INTEGRATED = (
    *QUICK, "barber_2000", "barber_2000_without_prior_change", "schnell_herpertz_2007", "political_democracy", "joyce_2003",
)  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in INTEGRATED]
)
def test_parameters_of_theories_with_levels_and_latents_are_recovered(name):
    """One simulated study each, fitted with what nobody observed integrated out."""
    parameters = read_parameters(name)
    fit = fit_theory(load(name), simulate_theory(name, seed=3), seed=1)
    assert [block.engine for block in fit.blocks] == ["collapsed"]
    draws = {name: values for name, values in fit.parameters.items() if np.ptp(values) > 0}  # a marker's loading is 1
    for each in assess(fit.draws[[name for name in fit.plan.parameters if name in draws]]):
        assert each.r_hat < 1.01 and min(each.ess_bulk, each.ess_tail) > 400, each
    far = {a: (draws[a].mean() - value) / draws[a].std() for a, value in parameters.values.items() if a in draws}
    assert max(map(abs, far.values())) < 4, far
    assert np.mean(np.square(list(far.values()))) < 2.5, far
    for question in fit.plan.theory.questions:
        if question.mediators == "natural":
            assert np.isfinite(estimate(fit, question).rows[0].draws).all()
