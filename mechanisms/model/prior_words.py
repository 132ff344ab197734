"""The priors of a plan in words: every parameter with its prior in data units, and where that comes from."""

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.shapes import split_column
from mechanisms.errors import listed
from mechanisms.model.beliefs import WIDTH, Belief, Spread, rescale_prior
from mechanisms.model.deviations import state_deviations
from mechanisms.model.equations import Equation, Residual
from mechanisms.model.families import FAMILIES
from mechanisms.model.functionals import place_zero
from mechanisms.model.plan import Plan, shown_prior
from mechanisms.model.priors import Beliefs, find_multiplier, find_width, first_spread, state_beliefs
from mechanisms.model.standardising import find_cause_scale
from mechanisms.spec.measuring import list_gauge_priors
from mechanisms.spec.theory import Prior

Line = tuple[str, str, str]
_TRAITS = {
    "amplitude": "the sd of the curve about its mean; its mean is 1 standardised",
    "lengthscale": "between what the waves can follow, a seventh and half of the range of the data",
    "midpoint": "where half of the climb is done: about the mean of the data, an sd wide",
    "width": "half of the climb takes 2.2 of it, which is about an sd of the data",
}
_PRODUCT = "not what this one is believed to be by itself"


def print_priors(plan: Plan, data: Dataset) -> tuple[Line, ...]:
    """(address, prior in data units, where it comes from) for every parameter of the plan."""
    lines: list[Line] = []
    for equation in plan.equations:
        beliefs = state_beliefs(plan, equation, data)
        for address in equation.addresses:
            prior = plan.prior(address)
            if prior is None:
                lines.append(_default_line(equation, data, beliefs, address))
            else:
                lines.append(_own_line(plan, prior, equation, data, beliefs, address))
        for trait, believed in beliefs.traits.items():
            prior = plan.prior(trait)
            where = f"the theory: {shown_prior(prior)}" if prior else f"default: {_TRAITS[trait.partition('(')[0]]}"
            lines.append((trait, _shown_spread(believed), where))
        if equation.spread:
            prior = plan.prior(equation.spread)
            where = f"the theory: {shown_prior(prior)}" if prior else f"default: {_where_spread(equation)}"
            lines.append((equation.spread, _shown_spread(beliefs.spread), where))
        if equation.initial:
            where = (
                f"default: about the sd of {equation.response} within units; where a lag reaches back before the grid"
            )
            lines.append((equation.initial, str(first_spread(equation, data)), where))
        if equation.shape:
            prior = plan.prior(equation.shape)
            where = f"the theory: {shown_prior(prior)}" if prior else "default: 0 is no skew"
            lines.append((equation.shape, _shown_spread(beliefs.shape), where))
    lines += [_residual_line(plan, each) for each in plan.residuals]
    return (*lines, *_varying_lines(plan, data))


def _varying_lines(plan: Plan, data: Dataset) -> list[Line]:
    """The priors of what varies among units: sds, then correlations, level by level."""
    lines: list[Line] = []
    for each in state_deviations(plan, data):
        for address, belief in dict(zip(each.varying.spreads, each.spreads, strict=True)).items():
            prior = plan.prior(address)
            where = f"the theory: {shown_prior(prior)}" if prior else "default: its mean is 1 standardised"
            lines.append((address, _shown_spread(belief), where))
        if each.varying.correlated:
            prior = plan.prior(each.varying.correlation)
            shown = "fixed at 0" if each.shape is None else f"lkj({_find_eta(prior):g})"
            joined = "; 0 where an arrow joins the two" if each.varying.drawn else ""
            times = f"; times the prior{'s' * (len(each.entries) > 1)} on single ones" if each.entries else ""
            lines.append((each.varying.correlation, shown, ("the theory" if prior else "default") + joined + times))
        for entry in each.entries:
            flat = len(each.varying.standing) == 2 and shown == "lkj(1)"
            times = "" if flat else f"; times the {shown} of {each.varying.correlation}: a product, {_PRODUCT}"
            lines.append((entry.address, str(entry.belief), f"the theory: {entry.belief}{times}"))
    return lines


def _find_eta(prior: Prior | None) -> float:
    """The η of an LKJ density: the theory's or the default."""
    return 1.0 if prior is None or prior.distribution is None else prior.distribution.arguments[0]


def _residual_line(plan: Plan, residual: Residual) -> Line:
    """The prior of one residual correlation: what the theory says of it multiplies what is believed of all."""
    prior = plan.prior(residual.address)
    if prior is None:
        return residual.address, "lkj(1)", "default, jointly with the other residuals"
    linked = [each for each in plan.residuals if {each.one, each.other} & {residual.one, residual.other}]
    times = "" if linked == [residual] else f"; times the lkj(1) of residuals that hang together: a product, {_PRODUCT}"
    return residual.address, str(rescale_prior(prior, 1.0)), f"the theory: {shown_prior(prior)}{times}"


def _default_line(equation: Equation, data: Dataset, beliefs: Beliefs, address: str) -> Line:
    predictor, position = equation.locate(address)
    working = beliefs.bases[equation.predictors.index(predictor)].working
    found = beliefs.beliefs[beliefs.names.index(address)]
    if found.average is not None:
        return (
            address,
            str(found),
            f"default: the whole climb {WIDTH} standardised, {_where_on_curve(predictor, data, position)}",
        )
    if found.traits:
        return address, str(found), f"default: {_where_on_curve(predictor, data, position)}"
    mean, sd = found.arguments
    belief = Belief("normal", (mean, sd / find_cause_scale(working, position)))  # per unit of the cause
    where = _where_slope(predictor, data, position) if position else _where_level(predictor, data)
    return address, str(belief), f"default: {where}"


def _own_line(plan: Plan, prior: Prior, equation: Equation, data: Dataset, beliefs: Beliefs, address: str) -> Line:
    predictor, position = equation.locate(address)
    working = beliefs.bases[equation.predictors.index(predictor)].working
    gauged = prior in list_gauge_priors(plan.theory)
    where = str(prior.because) if gauged else f"the theory: {shown_prior(prior)}"
    if position == 0 and not gauged:
        where += f", {_where_zero(predictor, data)}"
    elif position == 0 and place_zero(plan.theory, predictor, working, prior) is not None:
        where += ", at the means of what else acts on it"
    if prior.same_as is not None:
        return address, shown_prior(prior), where if position == 0 else "the theory"
    if prior.fixed is not None:
        value = prior.fixed * find_multiplier(plan, prior, predictor, data, working, position)
        return address, f"fixed at {value:.4g}", where
    return address, str(beliefs.beliefs[beliefs.names.index(address)]), where


def _where_slope(equation: Equation, data: Dataset, position: int) -> str:
    """Where a default slope holds: at its own cause's mean if that bends, at the means of what it is multiplied with."""
    coefficient = equation.coefficients[position - 1]
    causes = {factor.variable for factor in coefficient.causes}
    others = equation.companions(coefficient)
    bends = [f", at {name}'s own mean" for name in others if name in causes]
    at = [_middle(name, data) for name in sorted(others) if name not in causes]
    where = _where_on_curve(equation, data, position)
    bends += [f", {where}"] if where else []
    return f"{find_width(equation, position)} standardised" + "".join(bends) + (f", with {listed(at)}" if at else "")


def _where_on_curve(equation: Equation, data: Dataset, position: int) -> str:
    """What the coefficient of a curve's column is; nothing for any other."""
    columns = [split_column(factor.column) for factor in equation.coefficients[position - 1].factors]
    return ", ".join(data.bases[split[1]].say(split[2]) for split in columns if split)


def _where_spread(equation: Equation) -> str:
    """What a default spread is measured by."""
    family = FAMILIES[equation.family]
    if family.spread == "precision":
        return "a precision has no unit"
    return f"its mean is sd({f'log {equation.response}' if family.positive else equation.response})"


def _where_level(equation: Equation, data: Dataset) -> str:
    """Where a default intercept holds."""
    groups = _categories(equation, data)
    shares = [_middle(name, data) for name in groups]
    family = FAMILIES[equation.family]
    about = ""
    if equation.role == "spread":
        name = f"sd({f'log {equation.response}' if family.positive else equation.response})"
        about = "a precision has no unit, " if family.spread == "precision" else f"about log {name}, "
    elif equation.role or equation.family == "hazard":
        about = "about the share observed, "
    if not equation.coefficients:
        return about.removesuffix(", ") or f"{WIDTH} standardised around the mean"
    if len(groups) == len(equation.parents):
        return f"{about}with {listed(shares)}"
    return f"{about}at the means of all causes" + (f", with {listed(shares)}" if shares else "")


def _where_zero(equation: Equation, data: Dataset) -> str:
    """Where a theory's prior on an intercept holds."""
    groups = _categories(equation, data)
    return "at 0 of all causes" + (f", with {listed(groups.values())}" if groups else "")


def _categories(equation: Equation, data: Dataset) -> dict[str, str]:
    """The causes that are categories, each with words for its reference."""
    columns = [data[name] for name in equation.parents if name in data]
    return {each.name: f"{each.name} = {each.reference}" for each in columns if isinstance(each, Categories)}


def _middle(name: str, data: Dataset) -> str:
    return (
        f"{name} at the sample's shares"
        if name in data and isinstance(data[name], Categories)
        else f"{name} at its mean"
    )


def _shown_spread(spread: Spread) -> str:
    if isinstance(spread, float):
        return f"fixed at {spread:.4g}"
    return f"the same as {spread}" if isinstance(spread, str) else str(spread)
