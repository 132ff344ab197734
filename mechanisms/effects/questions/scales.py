"""On which scale an outcome is compared, in numbers and in words; and what of it a question looks at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mechanisms.effects.looking import MEAN, TIMES, Look, find_link
from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.levels import computed_from
from mechanisms.infer.posterior import Fit
from mechanisms.model.equations import Equation
from mechanisms.model.families import FAMILIES, LINKS
from mechanisms.spec.terms import Occasions
from mechanisms.spec.theory import Question

Floats = NDArray[np.float64]
_LINKED = {
    "logit": "log odds ratio", "probit": "difference of probits", "cloglog": "difference of complementary log-logs",
    "log": "log ratio",
}  # fmt: skip
_RATIOS = {"logit": "odds ratio", "log": "ratio"}


def read_cut(restricted_to: float | None, beyond: float | None) -> Look | None:
    """The time at which an outcome is cut off, if any."""
    said = {"restricted_to": restricted_to, "beyond": beyond}
    given = {name: time for name, time in said.items() if time is not None}
    if len(given) > 1:
        raise SpecError(
            "restricted_to and beyond are two questions: the mean time up to a time, the chance to last longer"
        )
    for name, time in given.items():
        if isinstance(time, bool) or not isinstance(time, int | float | np.number) or not 0 < time < np.inf:
            raise SpecError(f"{name} is a time above 0, in the units of the outcome, not {time!r}")
        return Look("beyond" if name == "beyond" else "restricted", until=float(time))
    return None


def find_looks(fit: Fit, question: Question, cut: Look | None = None) -> tuple[Look, ...]:
    """What a question looks at: one quantity, or of a category without a value the chance of each."""
    on = question.on
    if _is_sum(fit, question):
        if cut is not None:
            raise IdentificationError(f"{_key(cut)} cuts a time off, and {on.name} is computed: it is none")
        return (MEAN,)
    equation = fit.plan.equation(on.name)
    if cut is not None:
        return (_check_cut(fit, question, equation, cut),)
    if equation.family == "hazard":
        when = on.when
        last = when.first if isinstance(when, Occasions) and when.last is None else getattr(when, "last", None)
        return (Look("risk", until=float(fit.data.grid[equation.level][-1] if last is None else last)),)
    if on.spread in ("any", "amount"):
        return (Look("any" if on.spread == "any" else "amount"),)
    if FAMILIES[equation.family].kind != "category":
        return (MEAN,)
    values = fit.plan.theory.variable(on.name).values
    if on.value is not None:
        return (Look("chance", values.index(on.value)),)
    return tuple(Look("chance", code, label=f"{on.name}={value}") for code, value in enumerate(values))


def refuse_several(fit: Fit, question: Question) -> None:
    """Refuse an outcome of which several quantities are looked at, where there is room for one."""
    name = question.on.name
    if not any(each.response == name and not each.latent for each in fit.plan.equations):
        return  # one mean; what nothing acts on has no effect, which identification says
    if len(looks := find_looks(fit, question)) > 1:
        raise IdentificationError(f"{name} has several values, and a curve follows one: ask on {looks[-1].label}")


def check_scale(fit: Fit, question: Question) -> None:
    """Refuse the standardised scale for an outcome that has no sd of its own, and the link scale of shares of different trials."""
    if _is_sum(fit, question):
        if question.scale != "raw":
            raise IdentificationError(f"scale: {question.scale}: {question.on} is computed; ask on the raw scale")
        return
    equation = fit.plan.equation(question.on.name)
    on, family = question.on, FAMILIES[equation.family]
    if question.scale == "standardised" and not (family.shifts and on.spread is None):
        raise IdentificationError(
            f"scale: standardised divides by the sd of {on}, which is not normal; ask on the raw or the link scale"
        )
    if question.scale == "standardised" and on.part is not None:
        raise IdentificationError(
            f"scale: standardised divides by the sd of all values of {on.name}, and {on} is another quantity, with an sd of its "
            f"own; ask on {on.name}, or on the raw scale"
        )
    if question.scale == "link" and equation.family == "binomial" and isinstance(equation.out_of, str):
        raise IdentificationError(
            f"scale: link: {question.on} is out of {equation.out_of}, which differs among units, so its mean is no share of "
            "one number; ask on the raw scale"
        )


def link_mean(look: Look, equation: Equation, mean: Floats) -> Floats:
    """The link of what is looked at, in the population; of a binomial's mean share."""
    trials = equation.out_of if equation.family == "binomial" and not isinstance(equation.out_of, str) else 1.0
    return np.asarray(LINKS[find_link(look, equation)].forward(mean / trials))


def describe_scale(fit: Fit, question: Question, cut: Look | None = None) -> str:
    """The scale of the effects in words."""
    on = question.on.name
    if _is_sum(fit, question):
        unit = fit.plan.theory.variable(on).unit
        return f"difference in the mean of {on}" + (f" ({unit})" if unit else "")
    quantity = _quantity(fit, question, find_looks(fit, question, cut)[0])
    if link := _link(fit, question, cut):
        return f"{_LINKED[link]} of {_averaged(quantity)}"
    if question.scale == "standardised":
        return f"sd of {on}"
    return f"difference in the {quantity.one}{quantity.besides}"


def describe_ratio(fit: Fit, question: Question, cut: Look | None = None) -> str:
    """What the exponential of an effect is, in words; nothing where it is nothing."""
    link = _link(fit, question, cut)
    if link not in _RATIOS:
        return ""
    return f"{_RATIOS[link]} of {_averaged(_quantity(fit, question, find_looks(fit, question, cut)[0]))}"


def _link(fit: Fit, question: Question, cut: Look | None) -> str:
    """The link on which an effect is given; nothing for a difference of the quantity itself."""
    if question.scale != "link" or _is_sum(fit, question):
        return ""
    link = find_link(find_looks(fit, question, cut)[0], fit.plan.equation(question.on.name))
    return "" if link == "identity" else link


def _is_sum(fit: Fit, question: Question) -> bool:
    """Whether the outcome is computed, so that it has no equation of its own."""
    return bool(computed_from(fit.plan.theory.variable(question.on.name)))


@dataclass(frozen=True)
class _Quantity:
    """What is looked at, in words: one, several, and what has to be said besides."""

    one: str
    many: str
    besides: str = ""


def _averaged(quantity: _Quantity) -> str:
    """What a link speaks of, in words."""
    return f"the population's {quantity.many} (marginal, not conditional){quantity.besides}"


def _quantity(fit: Fit, question: Question, look: Look) -> _Quantity:
    on, equation = question.on.name, fit.plan.equation(question.on.name)
    if equation.family == "hazard":
        return _event(on, f"{equation.level} {look.until:g}", look)
    if look.timed:
        return _time(fit, on, look)
    if look.what == "chance":
        which = f"that {on} = {question.on.value}" if question.on.value is not None else f"of each value of {on}"
        return _Quantity(f"probability {which}", f"probabilities {which}")
    if look.what == "any":
        which = f"that {on} is " + ("no excess zero" if equation.zeros == "inflated" else "above 0")
        return _Quantity(f"probability {which}", f"probabilities {which}")
    if look.what == "amount":
        each = "mean without the excess zeros" if equation.zeros == "inflated" else f"E[{on} | {on} > 0]"
        besides = f": each unit's {each}, averaged over all units and not over those alone who have any"
        return _Quantity(f"mean amount of {on}", f"mean amounts of {on}", besides)
    if equation.family == "bernoulli":
        labels = fit.data.numbers(on).labels
        which = f"that {on} = {labels[1] if labels else 1}"
        return _Quantity(f"probability {which}", f"probabilities {which}")
    if FAMILIES[equation.family].kind == "count":
        many = f"mean shares of {on}" if equation.family == "binomial" else f"means of {on}"
        trials = f", out of {equation.out_of}" if isinstance(equation.out_of, str) else ""
        return _Quantity(f"mean count of {on}{trials}", many)
    unit = fit.plan.theory.variable(on).unit
    return _Quantity(f"mean of {on}" + (f" ({unit})" if unit else ""), f"means of {on}")


def _event(on: str, when: str, look: Look) -> _Quantity:
    if look.what == "restricted":
        return _Quantity(
            f"mean number of occasions up to {when} without {on}",
            f"mean numbers of occasions up to {when} without {on}",
        )
    which = f"that {on} has {'not ' if look.what == 'beyond' else ''}happened by {when}"
    return _Quantity(f"probability {which}", f"probabilities {which}")


def _time(fit: Fit, on: str, look: Look) -> _Quantity:
    unit, longest = fit.plan.theory.variable(on).unit, fit.data.numbers(on).highest
    time = f"{look.until:g}" + (f" {unit}" if unit else "")
    far = f"; the longest time in the data is {longest:g}, so this is an extrapolation" if look.until > longest else ""
    if look.what == "beyond":
        return _Quantity(f"probability that {on} exceeds {time}", f"probabilities that {on} exceeds {time}", far)
    which = f"up to {time}, E[min({on}, {look.until:g})]"
    return _Quantity(f"mean time {which}", f"mean times {which}", far)


def refuse_cut(fit: Fit, question: Question, cut: Look | None) -> None:
    """Refuse to cut a time off in a theory with levels, but for the occasions of a hazard."""
    if cut is not None and fit.plan.equation(question.on.name).family != "hazard":
        raise IdentificationError(f"{_key(cut)}: times in a theory with levels are not answered yet")


def note_looks(fit: Fit, question: Question) -> tuple[str, ...]:
    """What has to be said of a part of an outcome that is looked at by itself."""
    if question.on.spread != "amount":
        return ()
    on = question.on.name
    return (
        f"who has any {on} may differ between the two values of {question.of}: {question.on} is therefore no comparison of those "
        f"who have some with those who have some, but what everybody's amount would be if there were any; ask on {on} for "
        f"both parts together",
    )


def _key(cut: Look) -> str:
    return "beyond" if cut.what == "beyond" else "restricted_to"


def _check_cut(fit: Fit, question: Question, equation: Equation, cut: Look) -> Look:
    key = _key(cut)
    if equation.family == "hazard":
        return cut
    if equation.family not in TIMES:
        raise IdentificationError(
            f"{key} cuts a time off, and {question.on.name} is {equation.family}; times are {', '.join(TIMES)}"
        )
    if not question.on.plain:
        raise IdentificationError(f"{key} belongs to the whole of {question.on.name}, not to {question.on}")
    return cut
