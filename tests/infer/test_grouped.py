"""Mixed models of any family by quadrature: the density against brute force and against PyMC's, slopes, draws of units.

No PyMC model is compiled outside the long suite: densities run through PyTensor's Python linker. All tolerances are
Monte Carlo errors, or rounding.
"""

import arviz_stats
import numpy as np
import pandas as pd
import pytensor
import pytest
import xarray as xr
from pytensor.compile.mode import Mode
from scipy import integrate, special, stats

import mechanisms as mx
from mechanisms.infer.diagnostics import assess, count_divergences
from mechanisms.infer.engines import laplace
from mechanisms.infer.engines.contract import Settings, UnreliableError
from mechanisms.infer.marginal.whitened import sample_whitened
from mechanisms.infer.smooth import densities, grouped, importance
from mechanisms.infer.smooth.parts import GroupedPart
from mechanisms.infer.smooth.predictors import NotLinearError, find_groups, write_predictors
from mechanisms.infer.smooth.target import make_target
from mechanisms.model.families import inverse_link
from mechanisms.model.laws import Given, find_law
from mechanisms.model.symbolic import to_pymc

CHEAP = Mode(linker="py", optimizer="fast_compile")
Z = 5.0

HEAD = "levels: {session: {in: client}, client: }\ntime: session\n"
STUDY = HEAD + "variables:\n  x:\n  trials:\n  treat: {level: client}\n  y: {%s}\narrows:\n  x(whole), treat -> y:\n"
SLOPES = HEAD + "variables:\n  x: {centre: observed}\n  y: {%s}\narrows:\n  x -> y: {varies_by: client}\n"
MEDIATED = HEAD + (
    "variables:\n  treat: {level: client}\n  m: {level: client}\n  y: {family: bernoulli}\n"
    "arrows:\n  treat -> m -> y:\n  treat -> y:\n"
)
PAIR = HEAD + (
    "variables:\n  treat: {level: client}\n  x:\n  y: {family: bernoulli}\n  k: {family: poisson}\n"
    "arrows:\n  treat -> y:\n  x(whole) -> k:\n"
)
FAMILIES = {
    "logit": "family: bernoulli", "probit": "family: bernoulli, link: probit", "cloglog": "family: bernoulli, link: cloglog",
    "binomial": "family: binomial, out_of: trials", "binomial probit": "family: binomial, out_of: trials, link: probit",
    "poisson": "family: poisson, out_of: trials", "negative binomial": "family: negative_binomial", "gamma": "family: gamma",
    "weibull": "family: weibull", "lognormal": "family: lognormal", "student": "family: student", "beta": "family: beta",
    "normal": "family: normal",
}  # fmt: skip
TEXTS = {name: STUDY % said for name, said in FAMILIES.items()}
TEXTS |= {
    "slopes": SLOPES % "family: bernoulli",
    "slopes of counts": SLOPES % "family: poisson",
    "mediated": MEDIATED,
    "pair": PAIR,
    "no correlation": SLOPES % "family: bernoulli" + "priors:\n  cor(client): {fixed: 0}\n",
    "stated": STUDY % "family: bernoulli" + "priors:\n  sd(1 -> y | client): {half_normal: 0.5}\n  x(whole) -> y: {fixed: 0.3}\n",
    "lkj": SLOPES % "family: bernoulli" + "priors:\n  cor(client): {lkj: 3}\n  sd(1 -> y | client): {fixed: 0.7}\n",
}  # fmt: skip


def panel(seed, clients=4, sessions=3, sd=1.0, text="", ragged=True):
    """Sessions of clients, made here and not by the product; ragged: one client has a session more and one two fewer."""
    rng = np.random.default_rng(seed)
    sizes = np.full(clients, sessions)
    sizes[:2] += [1, -min(2, sessions - 1)] if ragged else [0, 0]
    client = np.repeat(np.arange(clients), sizes)
    n = len(client)
    frame = pd.DataFrame({"client": client, "session": np.concatenate([np.arange(k) for k in sizes])})
    frame["x"], frame["treat"] = rng.normal(0.5, 1, n), (np.arange(clients) % 2)[client]
    frame["m"] = (rng.normal(size=clients) + 0.4 * (np.arange(clients) % 2))[client]
    frame["trials"] = rng.integers(2, 6, n)
    eta = -0.3 + 0.4 * frame.x + 0.3 * frame.treat + rng.normal(0, sd, clients)[client]
    frame["k"] = rng.poisson(np.exp(0.3 * eta))
    if "bernoulli" in text:
        frame["y"] = rng.binomial(1, special.expit(eta))
    elif "binomial, " in text:
        frame["y"] = rng.binomial(frame.trials, special.expit(eta))
    elif "poisson" in text or "negative" in text:
        frame["y"] = rng.poisson(np.exp(0.5 * eta))
    elif "beta" in text:
        frame["y"] = np.clip(rng.beta(4 * special.expit(eta), 4 * special.expit(-eta)), 0.01, 0.99)
    elif any(name in text for name in ("gamma", "weibull", "lognormal")):
        frame["y"] = np.exp(0.5 * eta) * rng.gamma(3, 1 / 3, n)
    else:
        frame["y"] = eta + rng.standard_t(4, n)
    return frame


def prepared(text, frame):
    """Plan, data and density, with so many nodes that quadrature is exact but for rounding."""
    plan = mx.compile(mx.parse(text))
    data = mx.bind(plan.theory, frame)
    assert laplace.applies(plan, data, plan.equations) is None
    target = make_target(plan, data, plan.equations)
    two = max(len(part.group.quantities) for part in target.grouped) == 2
    parts = [replaced(part, 41 if two else 101) for part in target.parts]
    return plan, data, laplace.replace(target, parts=tuple(parts))


def replaced(part, order):
    return (
        laplace.replace(part, likelihood=laplace.replace(part.likelihood, order=order))
        if isinstance(part, GroupedPart)
        else part
    )


# --- one row ---

LINKS = [(family, link) for family, link in densities.FAMILIES if family != "lognormal"]


@pytest.mark.parametrize(("family", "link"), LINKS)
def test_a_row_says_what_its_distribution_says(family, link):
    """Up to a number that the data alone decide; slopes by five-point differences, whose error is of the fourth order."""
    rng = np.random.default_rng(4)
    code = densities.FAMILIES[family, link]
    values = {"bernoulli": [0.0, 1.0], "binomial": [0.0, 2.0, 5.0], "beta": [0.1, 0.5, 0.97], "gamma": [0.1, 2.0, 9.0],
              "weibull": [0.2, 1.0, 3.0], "normal": [-2.0, 0.3, 4.0], "student": [-2.0, 0.3, 9.0]}  # fmt: skip
    for y in values.get(family, [0.0, 1.0, 12.0]):
        trials = 5.0 if family == "binomial" else 1.0
        found, expected = [], []
        for eta, spread in zip(rng.uniform(-2.5, 2.0, 12), rng.uniform(0.4, 3.0, 12), strict=True):

            def total(eta, spread, y=y, trials=trials):
                return densities.constant(code, y, spread)[0] + densities.value(code, y, trials, eta, spread)

            law = find_law(Given(family, inverse_link(link, np.array(eta)), spread, out_of=trials))
            found.append(total(eta, spread))
            expected.append(float((law.logpmf if hasattr(law.dist, "logpmf") else law.logpdf)(y)))
            h, weights = 1e-3, {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
            own, by_eta, by_spread, _ = densities.slopes(code, y, trials, eta, spread)
            by_spread += densities.constant(code, y, spread)[1]
            assert own == pytest.approx(densities.value(code, y, trials, eta, spread), rel=1e-12, abs=1e-12)
            assert by_eta == pytest.approx(
                sum(w * total(eta + k * h, spread) for k, w in weights.items()) / h, abs=1e-7
            )
            assert by_spread == pytest.approx(
                sum(w * total(eta, spread + k * h) for k, w in weights.items()) / h, abs=1e-6
            )
        assert np.ptp(np.array(found) - expected) < 1e-9


@pytest.mark.parametrize("x", [-40.0, -12.0, -6.0001, -5.9999, -1.0, 0.0, 3.0, 5.0001, 9.0])
def test_special_functions_are_scipys(x):
    assert densities.log_ndtr(x) == pytest.approx(special.log_ndtr(x), rel=1e-12)
    assert densities.softplus(x) == pytest.approx(np.logaddexp(0, x), rel=1e-12)
    assert densities.digamma(abs(x) + 0.01) == pytest.approx(special.digamma(abs(x) + 0.01), rel=1e-12)
    assert densities.trigamma(abs(x) + 0.01) == pytest.approx(special.polygamma(1, abs(x) + 0.01), rel=1e-10)


# --- the likelihood with deviations integrated out ---


def test_a_random_intercept_against_adaptive_integration():
    frame = panel(1, 6, 4, text="bernoulli")
    _, _, target = prepared(TEXTS["logit"], frame)
    (part,) = target.parts
    rng = np.random.default_rng(2)
    for _ in range(4):
        point = target.start + rng.normal(0, 0.7, target.size)
        named = dict(zip(target.addresses, target.report(point[None])[0], strict=True))
        eta = named["1 -> y"] + named["x(whole) -> y"] * frame.x + named["treat -> y"] * frame.treat
        sd, expected = named["sd(1 -> y | client)"], 0.0
        for _, rows in frame.assign(eta=eta).groupby("client"):
            sign, here = np.where(rows.y == 1, 1.0, -1.0), rows.eta.to_numpy()

            def both(z, sign=sign, here=here, sd=sd):
                return np.exp(special.log_expit(sign * (here + sd * z)).sum()) * stats.norm.pdf(z)

            expected += np.log(integrate.quad(both, -12, 12, epsabs=0, epsrel=1e-11, limit=400)[0])
        found = part.likelihood.evaluate(target.points_of(part, point[None]))[0]
        assert found == pytest.approx(expected, abs=1e-8)


class Integrated:
    """PyMC's log density with the deviations of one level integrated out by the trapezoidal rule, all units at once."""

    def __init__(self, plan, data, reach=8.0, step=0.25):
        model = to_pymc(plan, data)
        (self.varying,) = plan.varying
        self.n, size = data.units("client").n, len(self.varying.quantities)
        above = data.units("session").above["client"].index
        self.owners = {
            each.response: above if each.level == "session" else np.arange(self.n) for each in plan.equations
        }
        self.start = model.initial_point()
        self.values = [each.name for each in model.value_vars]
        self.names = [each.name for each in [*model.basic_RVs, *model.potentials]]
        self.run = pytensor.function(model.value_vars, model.logp(sum=False), mode=CHEAP, on_unused_input="ignore")
        axis = np.arange(-reach, reach + step / 2, step)
        self.grid = np.stack(np.meshgrid(*[axis] * size, indexing="ij"), axis=-1).reshape(-1, size)
        self.volume = self.n * size * np.log(step)

    def fill(self, point, place):
        """A point with every unit's deviations at one place, and the logarithm of how much these are stretched."""
        filled, loose, stretched = dict(point), [], 0.0
        for address, sd, z in zip(self.varying.quantities, self.varying.spreads, place, strict=True):
            name = f"own({address} | client)"
            if name in self.values:
                filled[name] = np.full(self.n, np.exp(point[f"{sd}_log__"]) * z)
                stretched += self.n * point[f"{sd}_log__"]
            else:
                loose.append(np.full(self.n, z))
        return filled | ({"z(client)": np.array(loose)} if loose else {}), stretched

    def __call__(self, point):
        heights = []
        for place in self.grid:
            filled, stretched = self.fill(point, place)
            parts = dict(zip(self.names, self.run(*(filled[name] for name in self.values)), strict=True))
            own, rest = np.zeros(self.n), stretched
            for name, each in parts.items():
                if name in self.owners:
                    own += np.bincount(self.owners[name], weights=each, minlength=self.n)
                elif name.startswith(("z(client)", "own(")):
                    own += np.reshape(each, (-1, self.n)).sum(axis=0)
                else:
                    rest += float(np.sum(each))
            heights.append(own)
        return rest + special.logsumexp(heights, axis=0).sum() + self.volume


def translate(plan, target, t):
    """A point in PyMC's coordinates, and the log of how much ours are stretched against them."""
    values = dict(zip(target.addresses, target.report(t[None])[0], strict=True))
    stretched = sum(np.log(abs(line.slopes(t[index])[0])) for index, line in target.lines.items())
    point, start = {}, 0
    for equation in plan.equations:
        count = len(equation.addresses) - sum(
            plan.prior(a) is not None and plan.prior(a).fixed is not None for a in equation.addresses
        )
        point[f"z({equation.response})"], start = t[start : start + count], start + count
        if equation.spread:
            point[f"{equation.spread}_log__"] = np.log(values[equation.spread])
            stretched -= np.log(values[equation.spread])
    for each in plan.varying:
        for name in each.spreads:
            point[f"{name}_log__"] = np.log(values[name])
            stretched -= np.log(values[name]) if plan.prior(name) is None or plan.prior(name).fixed is None else 0.0
    for part in target.grouped:
        if len(part.group.quantities) == 2:
            r = target.points_of(part, t[None])[0, -1]
            point["v(client)"] = np.array([r / np.sqrt(1 - r**2)])
            stretched -= 1.5 * np.log(1 - r**2)
    return point, stretched


@pytest.mark.parametrize("name", TEXTS)
def test_density_is_pymcs_with_the_deviations_integrated_out(name):
    text = TEXTS[name]
    two = "varies_by" in text or name == "pair"
    plan, data, target = prepared(text, panel(3, 3, 3, text=text))
    theirs = Integrated(plan, data, *((6.0, 0.5) if two else (9.0, 0.1)))
    rng, found = np.random.default_rng(5), []
    for _ in range(2):
        t = target.start + rng.normal(0, 0.3, target.size)
        point, stretched = translate(plan, target, t)
        point = {key: point.get(key, value) for key, value in theirs.start.items()}
        if "no correlation" in name:
            assert "v(client)" not in theirs.start
        found.append(target.evaluate(t[None])[0] - stretched - theirs(point))
    assert abs(found[1] - found[0]) < (1e-6 if two else 1e-7)


@pytest.mark.parametrize("name", TEXTS)
def test_slopes_are_those_of_the_density(name):
    text = TEXTS[name]
    _, _, target = prepared(text, panel(6, 5, 4, text=text))
    t = target.start + np.random.default_rng(1).normal(0, 0.3, target.size)
    height, slope = target.slope(t)
    assert height == pytest.approx(target.evaluate(t[None])[0], abs=1e-9)
    h = 1e-4
    sides = np.array(
        [target.evaluate(np.stack([t + k * h * step for k in (-2, -1, 1, 2)])) for step in np.eye(target.size)]
    )
    np.testing.assert_allclose(slope, sides @ [1 / 12, -8 / 12, 8 / 12, -1 / 12] / h, rtol=1e-6, atol=1e-6)
    gradient, hessian = target.differentiate(t)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-9)
    bends = [(target.slope(t + h * step)[1] - target.slope(t - h * step)[1]) / (2 * h) for step in np.eye(target.size)]
    np.testing.assert_allclose(hessian, bends, rtol=1e-3, atol=1e-4 * np.abs(hessian).max())


@pytest.mark.parametrize("name", ["logit", "slopes", "student"])
def test_as_many_nodes_are_taken_as_the_data_need(name):
    """The density that is sampled against one of many more nodes, where the proposals are."""
    text = TEXTS[name]
    plan = mx.compile(mx.parse(text))
    data = mx.bind(plan.theory, panel(8, 30, 4, sd=1.5, text=text))
    target = make_target(plan, data, plan.equations)
    target = target.focus(*laplace.find_mode(target))
    mode, covariance = laplace.find_mode(target)
    target = laplace._refine(target, mode, covariance, np.random.default_rng(1))
    finer = laplace.replace(target, parts=tuple(replaced(part, 31) for part in target.parts))
    points = importance.propose(mode, covariance, 40, np.random.default_rng(2))[0]
    apart = target.evaluate(points) - finer.evaluate(points)
    assert np.abs(apart - apart[0]).max() < 10 * grouped.CLOSE


# --- deviations, drawn afterwards ---


def conditional(target, t, unit, reach=9.0, size=4001):
    """A grid over z of one unit, and its distribution function there, at one point; one deviation."""
    (part,) = target.grouped
    likelihood = part.likelihood
    point = target.points_of(part, t[None])[0]
    eta, sd = likelihood.design @ point[: likelihood.design.shape[1]] + likelihood.offset, point[-1]
    units, grid = likelihood.units, np.linspace(-reach, reach, size)
    height = -0.5 * grid**2
    for r in range(units.starts[unit], units.starts[unit + 1]):
        spread = point[likelihood.design.shape[1]] if units.slots[r] else 1.0
        height += [
            densities.value(units.families[r], units.y[r], units.trials[r], eta[r] + sd * z, spread) for z in grid
        ]
    below = integrate.cumulative_trapezoid(np.exp(height - height.max()), grid, initial=0.0)
    return sd * grid, below / below[-1]


@pytest.mark.parametrize("name", ["logit", "probit", "poisson", "student", "beta"])
def test_deviations_are_drawn_from_their_conditional(name):
    """0/1 values of one, three and four rows are far from normal; Kolmogorov's distance of 20 000 draws."""
    frame = panel(11, 4, 3, sd=2.0, text=TEXTS[name])
    _, _, target = prepared(TEXTS[name], frame)
    t = target.start + np.random.default_rng(3).normal(0, 0.3, target.size)
    place = list(target.addresses).index("sd(1 -> y | client)")
    index = int(np.flatnonzero(target.parts[0].matrix[-1, :-1])[0])
    t[index] = target.lines[index].place(2.0)
    assert target.report(t[None])[0, place] == pytest.approx(2.0)
    count = 20_000
    points = target.points_of(target.parts[0], np.repeat(t[None], count, axis=0))
    drawn = target.parts[0].likelihood.draw_deviations(points, np.random.SeedSequence(7))
    assert drawn.shape == (count, 1, 4)
    for unit in range(4):
        grid, below = conditional(target, t, unit)
        apart = stats.kstest(drawn[:, 0, unit], lambda u, grid=grid, below=below: np.interp(u, grid, below))
        assert apart.statistic < 2.2 / np.sqrt(count), (name, unit)  # exceeded once in 8000 times
    assert abs(np.corrcoef(drawn[1:, 0, 0], drawn[:-1, 0, 0])[0, 1]) < Z / np.sqrt(count)


def test_two_deviations_are_drawn_from_their_joint_conditional():
    """Means, variances and the covariance of intercept and slope of each client against sums over a grid."""
    frame = panel(12, 3, 4, text=TEXTS["slopes"])
    _, _, target = prepared(TEXTS["slopes"], frame)
    (part,) = target.parts
    point = target.points_of(part, target.start[None])[0]
    point[-3:] = 1.5, 1.2, -0.6  # the sds and the correlation
    count = 20_000
    drawn = part.likelihood.draw_deviations(np.repeat(point[None], count, axis=0), np.random.SeedSequence(3))
    units = part.likelihood.units
    eta = part.likelihood.design @ point[:-3] + part.likelihood.offset
    axis = np.linspace(-8, 8, 161)
    u = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    covariance = np.array([[1.5**2, -0.6 * 1.5 * 1.2], [-0.6 * 1.5 * 1.2, 1.2**2]])
    for unit in range(3):
        height = stats.multivariate_normal([0, 0], covariance).logpdf(u)
        for r in range(units.starts[unit], units.starts[unit + 1]):
            height += special.log_expit((2 * units.y[r] - 1) * (eta[r] + u @ units.loads[r]))
        weights = special.softmax(height)
        for function in (lambda v: v[..., 0], lambda v: v[..., 1], lambda v: v[..., 0] ** 2,
                         lambda v: v[..., 1] ** 2, lambda v: v[..., 0] * v[..., 1]):  # fmt: skip
            here, there = function(drawn[:, :, unit]), function(u)
            mean = (weights * there).sum()
            sd = np.sqrt((weights * (there - mean) ** 2).sum())
            assert abs(here.mean() - mean) < Z * sd / np.sqrt(count)


def test_a_client_without_rows_keeps_the_prior():
    frame = panel(13, 5, 3, text=TEXTS["logit"]).astype({"y": float})
    frame.loc[frame.client == 4, "y"] = np.nan
    plan = mx.compile(mx.parse(TEXTS["logit"]))
    fit = mx.sample(plan, mx.bind(plan.theory, frame), seed=1, engine="laplace")
    sd, own = fit.parameters["sd(1 -> y | client)"], fit.deviations["1 -> y", "client"][:, 4]
    apart = stats.kstest(own / sd, stats.norm.cdf)
    assert apart.statistic < 2.2 / np.sqrt(len(own))


# --- the engine ---


def test_an_sd_near_zero_is_sampled_as_nuts_samples_it():
    """Ten sessions of 60 clients with an sd of .15 among them, of which 0 is as likely: also its logarithm."""
    text = STUDY % "family: bernoulli"
    frame = panel(14, 60, 10, sd=0.15, text=text)
    plan = mx.compile(mx.parse(text))
    data = mx.bind(plan.theory, frame)
    fit = mx.sample(plan, data, seed=1, engine="laplace")
    assert "NUTS" not in fit.blocks[0].reason
    target = make_target(plan, data, plan.equations)
    target = target.focus(*laplace.find_mode(target))
    settings = Settings(1000, 4, 500, np.random.SeedSequence(1))
    mode, covariance = laplace.find_mode(target)
    root = np.linalg.cholesky(covariance)
    walked = sample_whitened(target.slope, mode, root, settings, np.random.SeedSequence(2), speaks_of=target.report)[0]
    theirs = target.report(walked.reshape(-1, target.size)).reshape(*walked.shape[:2], -1)
    for place, name in enumerate(target.addresses):
        for function in (np.array, np.log) if name.startswith("sd(") else (np.array,):
            one, other = function(fit.parameters[name]), function(theirs[..., place])
            table = xr.Dataset({"v": (("chain", "draw"), other)})
            mean_error, sd_error = (float(arviz_stats.mcse(table, method=each)["v"]) for each in ("mean", "sd"))
            kurtosis = stats.kurtosis(one, fisher=False)
            assert abs(one.mean() - other.mean()) < Z * np.hypot(mean_error, one.std() / np.sqrt(3000)), name
            spread = one.std() * np.sqrt((kurtosis - 1) / 4 / 3000)
            assert abs(one.std() - other.std()) < Z * np.hypot(sd_error, spread), name


def test_what_importance_sampling_cannot_do_nuts_does_on_what_remains(monkeypatch):
    plan = mx.compile(mx.parse(TEXTS["logit"]))
    data = mx.bind(plan.theory, panel(15, 20, 4, text=TEXTS["logit"]))
    one = mx.sample(plan, data, seed=1, engine="laplace")
    assert "effective size" in one.blocks[0].reason
    monkeypatch.setattr(importance, "K_HAT", -np.inf)
    other = mx.sample(plan, data, seed=1, tune=500, engine="laplace")
    assert "NUTS on what remains, since k̂" in other.blocks[0].reason
    assert count_divergences(other.idata) == 0
    for quality in assess(other.draws[list(other.plan.parameters)]):
        assert quality.r_hat < 1.02, quality
        draws, theirs = one.parameters[quality.name], other.parameters[quality.name]
        error = np.sqrt(1 / 3000 + 1 / quality.ess_bulk)
        assert abs(draws.mean() - theirs.mean()) < Z * draws.std() * error, quality.name
    own, theirs = (fit.deviations["1 -> y", "client"] for fit in (one, other))
    assert own.shape == theirs.shape == (4000, 20)
    assert np.abs((own.mean(0) - theirs.mean(0)) / own.std(0)).max() < Z * np.sqrt(1 / 3000 + 1 / 1000)


def test_where_nuts_on_what_remains_would_take_long_it_is_left_to_pymc(monkeypatch):
    plan = mx.compile(mx.parse(TEXTS["logit"]))
    data = mx.bind(plan.theory, panel(15, 20, 4, text=TEXTS["logit"]))
    monkeypatch.setattr(importance, "K_HAT", -np.inf)
    monkeypatch.setattr(laplace, "WALK", 10.0)
    settings = Settings(100, 2, 100, np.random.SeedSequence(1))
    with pytest.raises(UnreliableError, match=r"k̂ is .*; NUTS on what remains would take long"):
        laplace.draw(plan, data, plan.equations, settings)
    monkeypatch.setattr(laplace, "WORK", 10.0)
    assert "79 rows are too many for quadrature" in laplace.applies(plan, data, plan.equations)


def test_draws_depend_on_the_seed_alone():
    plan = mx.compile(mx.parse(PAIR))
    data = mx.bind(plan.theory, panel(16, 40, 6, text=PAIR))
    one, again, other = (mx.sample(plan, data, seed=s, draws=100, chains=2, engine="laplace").draws for s in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)
    assert one["deviations(client)"].shape == (2, 100, 2, 40)
    assert one["cor(client)"].shape == (2, 100, 2, 2)


REFUSED = {
    "a course nobody observed": (
        HEAD + "variables:\n  x:\n  y: {family: bernoulli}\narrows:\n  x -> y:\n", r"multiplies 1 -> x and x\(client\) -> y"
    ),
    "three that vary": (
        HEAD + "variables:\n  x: {centre: observed}\n  trials: {centre: observed}\n  y: {family: bernoulli}\n"
        "arrows:\n  x, trials -> y: {varies_by: client}\n", "3 quantities that vary by client"
    ),
    "two levels": (
        "levels: [session, client, therapist]\ntime: session\nvariables:\n  treat: {level: client}\n  y: {family: bernoulli}\n"
        "arrows:\n  treat -> y:\n", "deviations of client and therapist hang together"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_quadrature_does_not_take_is_named(text, words):
    frame = panel(17, 6, 4, text="bernoulli").assign(therapist=lambda f: f.client % 2)
    frame["treat"] = frame.client % 3
    plan = mx.compile(mx.parse(text))
    data = mx.bind(plan.theory, frame)
    with pytest.raises(NotLinearError, match=words):
        find_groups(plan, write_predictors(plan, data, plan.equations))
    assert laplace.applies(plan, data, plan.equations)


def test_effects_of_clients_follow():
    """The mean of a 0/1 outcome over clients with intercepts of their own is that of the fitted chances."""
    frame = panel(18, 30, 6, text="bernoulli", ragged=False)
    plan = mx.compile(mx.parse(STUDY % "family: bernoulli"))
    fit = mx.sample(plan, mx.bind(plan.theory, frame), draws=250, seed=1)
    assert [block.engine for block in fit.blocks] == ["laplace"]
    found = mx.estimate(fit, mx.Question(of="treat", on="y", kind="total", contrast=(0, 1)))
    draws = fit.parameters
    own = fit.deviations["1 -> y", "client"][:, frame.client]
    rest = draws["1 -> y"][:, None] + np.outer(draws["x(whole) -> y"], frame.x) + own
    expected = (special.expit(rest + draws["treat -> y"][:, None]) - special.expit(rest)).mean(axis=1)
    np.testing.assert_allclose(found.draws["total"].to_numpy().reshape(-1), expected, atol=1e-6)
