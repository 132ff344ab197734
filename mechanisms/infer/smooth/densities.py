"""Compiled: the log density of one row as a function of its linear predictor and its family's further parameters.

The same distributions as `model.log_densities`, with derivatives by hand. `FAMILIES` numbers them; (family, link) names
one. What does not depend on the predictor stands apart (`constant`), since it is worked out once where the predictor is
tried at many places.
"""

from math import erfc, exp, expm1, lgamma, log, log1p, pi, sqrt

from mechanisms.infer.compiling import compiled
from mechanisms.model.laws import FREEDOM

FAMILIES = {
    ("bernoulli", "logit"): 0, ("binomial", "logit"): 0, ("bernoulli", "probit"): 1, ("binomial", "probit"): 1,
    ("bernoulli", "cloglog"): 2, ("binomial", "cloglog"): 2, ("poisson", "log"): 3, ("negative_binomial", "log"): 4,
    ("normal", "identity"): 5, ("lognormal", "log"): 5, ("student", "identity"): 6, ("gamma", "log"): 7,
    ("weibull", "log"): 8, ("beta", "logit"): 9,
}  # fmt: skip
"""A lognormal response is normal in its logarithm, a bernoulli one a binomial of one trial; `prepare` makes them so."""
LOGIT, PROBIT, CLOGLOG, POISSON, NEGATIVE, NORMAL, STUDENT, GAMMA, WEIBULL, BETA = range(10)
SUREST = 1.0 / sqrt(2 * pi)
HALF_LOG_TWO_PI = 0.5 * log(2 * pi)


@compiled(error_model="numpy")
def softplus(x):  # type: ignore[no-untyped-def]
    """log(1 + exp x)."""
    return x + log1p(exp(-x)) if x > 0 else log1p(exp(x))


@compiled(error_model="numpy")
def logistic(x):  # type: ignore[no-untyped-def]
    """1 / (1 + exp −x)."""
    if x >= 0:
        return 1.0 / (1.0 + exp(-x))
    grown = exp(x)
    return grown / (1.0 + grown)


@compiled(error_model="numpy")
def log_ndtr(x):  # type: ignore[no-untyped-def]
    """The log of the standard normal distribution function; far below 0 by Laplace's continued fraction."""
    if x > -6.0:
        return log(0.5 * erfc(-x / sqrt(2.0))) if x < 5.0 else log1p(-0.5 * erfc(x / sqrt(2.0)))
    tail = -x
    for k in range(40, 0, -1):
        tail = -x + k / tail
    return -0.5 * x * x - HALF_LOG_TWO_PI - log(tail)


@compiled(error_model="numpy")
def digamma(x):  # type: ignore[no-untyped-def]
    """The derivative of log Γ, for x > 0: by recurrence to 10, then Stirling's series."""
    total = 0.0
    while x < 10.0:
        total -= 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * 691 / 32760)))))
    return total + log(x) - 0.5 / x - series


@compiled(error_model="numpy")
def trigamma(x):  # type: ignore[no-untyped-def]
    """The second derivative of log Γ, for x > 0."""
    total = 0.0
    while x < 10.0:
        total += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / (x * x)
    return total + 1.0 / x + 0.5 * y + y / x * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y / 30)))


@compiled(error_model="numpy")
def constant(family, y, spread):  # type: ignore[no-untyped-def]
    """What a row's log density has whatever its predictor, and its derivative by the spread.

    What the data alone decide (binomial coefficients, factorials) is left out.
    """
    if family in (NORMAL, STUDENT):
        return -log(spread), -1.0 / spread
    if family == NEGATIVE:
        return lgamma(y + spread) - lgamma(spread), digamma(y + spread) - digamma(spread)
    if family == GAMMA:
        return (
            spread * log(spread) - lgamma(spread) + (spread - 1.0) * log(y),
            log(spread) + 1.0 - digamma(spread) + log(y),
        )
    if family == WEIBULL:
        return log(spread), 1.0 / spread
    if family == BETA:
        return lgamma(spread), digamma(spread)
    return 0.0, 0.0


@compiled(error_model="numpy")
def value(family, y, trials, eta, spread):  # type: ignore[no-untyped-def]
    """The rest of the log density."""
    if family == LOGIT:
        return y * eta - trials * softplus(eta)
    if family == POISSON:
        return y * eta - exp(eta)
    if family == NORMAL:
        return -0.5 * ((y - eta) / spread) ** 2
    if family == PROBIT:
        total = 0.0
        if y > 0:
            total += y * log_ndtr(eta)
        if y < trials:
            total += (trials - y) * log_ndtr(-eta)
        return total
    return _value(family, y, trials, eta, spread)


@compiled(error_model="numpy")
def _value(family, y, trials, eta, spread):  # type: ignore[no-untyped-def]
    if family == CLOGLOG:
        rate = exp(eta)
        total = (y - trials) * rate
        if y > 0:
            total += y * (log(-expm1(-rate)) if rate > 1e-300 else eta)
        return total
    if family == NEGATIVE:
        apart = eta - log(spread)
        return y * apart - (spread + y) * softplus(apart)
    if family == STUDENT:
        return -0.5 * (FREEDOM + 1.0) * log1p(((y - eta) / spread) ** 2 / FREEDOM)
    if family == GAMMA:
        return -spread * eta - spread * y * exp(-eta)
    if family == WEIBULL:
        power = spread * (log(y) - eta + lgamma(1.0 + 1.0 / spread))
        return power - exp(power)
    one, other = spread * logistic(eta), spread * logistic(-eta)
    return (one - 1.0) * log(y) + (other - 1.0) * log1p(-y) - lgamma(one) - lgamma(other)


@compiled(error_model="numpy")
def slopes(family, y, trials, eta, spread):  # type: ignore[no-untyped-def]
    """`value`, its derivatives by η and the spread, and how much it is bent: minus the second derivative by η, or what
    is expected of that where it may be below 0 (student, beta)."""
    if family == LOGIT:
        mean = logistic(eta)
        return y * eta - trials * softplus(eta), y - trials * mean, 0.0, trials * mean * (1.0 - mean)
    if family == POISSON:
        mean = exp(eta)
        return y * eta - mean, y - mean, 0.0, mean
    if family == NORMAL:
        z = (y - eta) / spread
        return -0.5 * z * z, z / spread, z * z / spread, 1.0 / (spread * spread)
    if family == PROBIT:
        return _slopes_probit(y, trials, eta)
    if family == CLOGLOG:
        return _slopes_cloglog(y, trials, eta)
    return _slopes(family, y, eta, spread)


@compiled(error_model="numpy")
def _slopes_probit(y, trials, eta):  # type: ignore[no-untyped-def]
    total, slope, bend = 0.0, 0.0, 0.0
    for side in range(2):
        count = y if side == 0 else trials - y
        if count > 0:
            sign = 1.0 if side == 0 else -1.0
            known = log_ndtr(sign * eta)
            mills = SUREST * exp(-0.5 * eta * eta - known)
            total += count * known
            slope += count * sign * mills
            bend += count * mills * (mills + sign * eta)
    return total, slope, 0.0, bend


@compiled(error_model="numpy")
def _slopes_cloglog(y, trials, eta):  # type: ignore[no-untyped-def]
    rate = exp(eta)
    odds = rate / expm1(rate) if 1e-300 < rate < 700.0 else (1.0 if rate < 1.0 else 0.0)
    slope = y * odds - (trials - y) * rate
    bend = y * odds * (odds + rate - 1.0) + (trials - y) * rate
    return _value(CLOGLOG, y, trials, eta, 1.0), slope, 0.0, bend


@compiled(error_model="numpy")
def _slopes(family, y, eta, spread):  # type: ignore[no-untyped-def]
    if family == NEGATIVE:
        apart = eta - log(spread)
        share, more = logistic(apart), softplus(apart)
        total = y * apart - (spread + y) * more
        by_spread = -y / spread - more + (spread + y) * share / spread
        return total, y - (spread + y) * share, by_spread, (spread + y) * share * (1.0 - share)
    if family == STUDENT:
        z = (y - eta) / spread
        heavy = (FREEDOM + 1.0) / (FREEDOM + z * z)
        expected = (FREEDOM + 1.0) / (FREEDOM + 3.0) / (spread * spread)
        return _value(family, y, 1.0, eta, spread), heavy * z / spread, heavy * z * z / spread, expected
    if family == GAMMA:
        ratio = y * exp(-eta)
        return -spread * (eta + ratio), spread * (ratio - 1.0), -eta - ratio, spread * ratio
    if family == WEIBULL:
        raw = log(y) - eta + lgamma(1.0 + 1.0 / spread)
        power = spread * raw
        grown = exp(power)
        by_spread = (1.0 - grown) * (raw - digamma(1.0 + 1.0 / spread) / spread)
        return power - grown, -spread * (1.0 - grown), by_spread, spread * spread * grown
    mean = logistic(eta)
    one, other = spread * mean, spread * logistic(-eta)
    up, down = log(y) - digamma(one), log1p(-y) - digamma(other)
    scale = spread * mean * (1.0 - mean)
    bend = scale * scale * (trigamma(one) + trigamma(other))
    return _value(family, y, 1.0, eta, spread), scale * (up - down), mean * up + (1.0 - mean) * down, bend
