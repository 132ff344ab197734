"""Every theory of the catalogue loads, is drawn, compiles, simulates, recovers its parameters, answers its questions."""

import numpy as np
import pytest
from scipy import stats

from mechanisms.data.door import bind
from mechanisms.effects.decomposition import decompose
from mechanisms.effects.estimation import estimate
from mechanisms.graph.graph import causal_order, draw
from mechanisms.graph.identification import identify
from mechanisms.infer.diagnostics import assess
from mechanisms.infer.sampling import complete, pin, sample
from mechanisms.infer.simulation import simulate_theory
from mechanisms.model.plan import compile
from mechanisms.spec.catalogue import load, names, yaml_files
from mechanisms.spec.parameters import read_parameters
from mechanisms.spec.reader import parse
from mechanisms.spec.writer import write

NAMES = names()
ROWS = [
    "jobs", "baron_kenny_1986", "mathieu_taylor_2006", "kazdin_figure_1", "bandura_1977", "corrective_experience",
    "specific_vs_common_medical", "specific_vs_common_contextual",
]  # fmt: skip

# What each question must come to at the file's parameters: sums of products of coefficients, done by hand.
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
}  # fmt: skip


@pytest.fixture(scope="module", params=NAMES)
def studied(request):
    """A theory, its parameters, and its fit to one simulated study of the size that its file names."""
    theory, parameters = load(request.param), read_parameters(request.param)
    frame = simulate_theory(request.param, seed=2011)
    assert len(frame) == parameters.n
    return parameters, sample(compile(theory), bind(theory, frame), seed=2011)


def test_rows_of_the_field_are_there():
    assert set(ROWS) <= set(NAMES)
    assert set(EFFECTS) == set(NAMES)


def test_each_theory_has_parameters_and_the_reverse():
    assert {entry.name for entry in yaml_files("parameters")} == {f"{name}.yaml" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_means_and_where_it_comes_from(name):
    theory = load(name)
    assert theory.name == name
    assert theory.title
    assert theory.source is not None
    assert [each.name for each in theory.variables if not each.means] == []
    assert [str(each) for each in (*theory.arrows, *theory.hidden) if not each.because] == []
    assert len({question.name for question in theory.questions}) == len(theory.questions) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_is_written_back_and_drawn(name):
    theory = load(name)
    assert parse(write(theory)) == theory
    order = causal_order(draw(theory))
    assert all(order.index(arrow.cause.name) < order.index(arrow.effect.name) for arrow in theory.arrows)


@pytest.mark.parametrize("name", NAMES)
def test_identifies_its_questions(name):
    theory = load(name)
    assert all(identify(theory, question).identified for question in theory.questions)


@pytest.mark.parametrize("name", NAMES)
def test_parameter_file_speaks_of_the_plan(name):
    plan, parameters = compile(load(name)), read_parameters(name)
    assert complete(plan, parameters.values)
    assert set(parameters.exogenous) == set(plan.exogenous)


def test_draws_mix(studied):
    _, fit = studied
    assert {block.engine for block in fit.blocks} == {"exact"}
    for quality in assess(fit.draws):
        assert quality.r_hat < 1.01
        assert min(quality.ess_bulk, quality.ess_tail) > 0.7 * fit.shape[0] * fit.shape[1]  # independent draws


def test_parameters_are_recovered(studied):
    """Over repeated studies the squared Mahalanobis distance of the truth from the posterior of k parameters is about
    chi-square(k), residual sds on the log scale; a posterior that is off or too narrow lies above, too wide below."""
    parameters, fit = studied
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
    parameters, fit = studied
    truth = pin(fit.plan, fit.data, parameters.values)
    for question in fit.plan.theory.questions:
        (exact,) = estimate(truth, question).rows
        assert float(exact.draws.item()) == pytest.approx(EFFECTS[fit.plan.theory.name][question.name], abs=1e-12)
        (row,) = estimate(fit, question).rows
        lower, upper = np.quantile(row.draws, [0.0005, 0.9995])
        assert lower < exact.draws.item() < upper


def test_parts_make_the_whole(studied):
    _, fit = studied
    first = fit.plan.theory.questions[0]
    parts = decompose(fit, str(first.of), str(first.on))
    direct = parts["direct"].draws if "direct" in parts.labels else 0
    paths = sum(row.draws for row in parts.rows if " -> " in row.label)
    np.testing.assert_allclose(direct + parts["indirect"].draws, parts["total"].draws, atol=1e-12)
    np.testing.assert_allclose(paths, parts["indirect"].draws, atol=1e-12)
    np.testing.assert_allclose(estimate(fit, first).rows[0].draws, parts["total"].draws, atol=1e-12)


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
