"""How a theory reads as equations, in plain text and in LaTeX (the display at the end of language 1.7).

`link(E[y]) = course(y) + own-level terms` and `course(y) = intercept + coarser causes + courses + trends + u`, where
each coefficient is `β + Σ γ·moderators + Σ u(level)`. The text is for reading; the compiler takes the coefficients.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mechanisms.graph.expansion.coefficients import Coefficient, Equation, Expansion, show_condition
from mechanisms.graph.expansion.courses import moves_course
from mechanisms.graph.levels import Design
from mechanisms.spec.terms import Term, parse_term
from mechanisms.spec.theory import Variable

_LINKS = {
    "lognormal": "log", "gamma": "log", "weibull": "log", "poisson": "log", "negative_binomial": "log",
    "bernoulli": "logit", "binomial": "logit", "ordinal": "logit", "sequential": "logit", "categorical": "logit",
    "beta": "logit", "ordered_beta": "logit", "hazard": "cloglog",
}  # fmt: skip
_GREEK = {"λ": r"\lambda", "α": r"\alpha", "β": r"\beta", "γ": r"\gamma"}


@dataclass(frozen=True)
class _Script:
    """One way to write: plain text, or LaTeX."""

    latex: bool

    def name(self, text: str) -> str:
        return rf"\text{{{text.replace('_', r'\_')}}}" if self.latex else text

    def symbol(self, letter: str, index: object = "") -> str:
        if not self.latex:
            return f"{letter}{index}"
        return f"{_GREEK.get(letter, letter)}_{{{index}}}" if index != "" else _GREEK.get(letter, letter)

    def named(self, letter: str, name: str) -> str:
        """A symbol that bears a name: the equations of several variables have one each."""
        return rf"{_GREEK.get(letter, letter)}_{{{self.name(name)}}}" if self.latex else f"{letter}_{name}"

    def varying(self, index: int, level: str) -> str:
        return rf"u_{{{index},\,{self.name(level)}}}" if self.latex else f"u{index}({level})"

    def shifting(self, effect: Term, level: str) -> str:
        return rf"u_{{{self.name(str(effect))},\,{self.name(level)}}}" if self.latex else f"u_{effect}({level})"

    def term(self, term: Term) -> str:
        if not self.latex:
            return str(term)
        text = self.name(term.name)
        text += f"^{{{self.name(term.part)}}}" if term.part else ""
        text += f"_{{{term.when}}}" if term.when else ""
        text = rf"\{term.spread}({text})" if term.spread == "sigma" else text
        text = rf"\operatorname{{{term.spread}}}({text})" if term.spread not in (None, "sigma") else text
        return f"[{text}={self.name(term.value)}]" if term.value else text

    def product(self, factors: Iterable[str]) -> str:
        return (r" \cdot " if self.latex else "·").join(factors)

    def power(self, base: str, exponent: int) -> str:
        if exponent == 1:
            return base
        return f"({base})^{{{exponent}}}" if self.latex else f"{base}^{exponent}"

    def call(self, function: str, inside: str) -> str:
        return rf"\operatorname{{{function}}}\left({inside}\right)" if self.latex else f"{function}({inside})"

    def condition(self, coefficient: Coefficient) -> list[str]:
        if coefficient.only_when is None:
            return []
        said = " and ".join(
            f"{name} = {', '.join(map(str, values)) if isinstance(values, list) else values}"
            for name, values in show_condition(coefficient.only_when).items()
        )
        return [f"1[{self.name(said) if self.latex else said}]"]


def write_equations(expansion: Expansion, design: Design, owned: Mapping[str, Variable]) -> tuple[Equation, ...]:
    """One equation for each effect, and for each variable with a course, an indicator's loading or an own spread.

    An equation of one step (`stage=attended`) repeats what moves every step. `owned` are the coefficient variables.
    Numbers run on from one equation to the next, so that a symbol means one coefficient throughout.
    """
    spreads = [parse_term(text) for text in owned if "->" not in text]
    ends = [Term(each.indicator) for each in expansion.loadings]
    courses = [course.effect for course in expansion.courses if course.own]
    drawn = dict.fromkeys(each.effect for each in expansion.coefficients)
    courses = [effect for effect in courses if effect in drawn or not _said_by_steps(effect, drawn, design)]
    found = []
    effects = dict.fromkeys([*drawn, *courses, *ends, *spreads])
    ordered = dict.fromkeys((each.cause, each.effect) for effect in effects for each in _ours(effect, expansion))
    numbers = {key: number for number, key in enumerate(ordered, start=1)}
    for effect in effects:
        text, latex = (_lines(effect, expansion, design, owned, _Script(kind), numbers) for kind in (False, True))
        found.append(Equation(effect, "\n".join(text), " \\\\\n".join(latex)))
    return tuple(found)


def _ours(effect: Term, expansion: Expansion) -> list[Coefficient]:
    """The coefficients of an equation; those that move every step are in the equation of each."""
    return [each for each in expansion.coefficients if each.effect in (effect, replace(effect, value=None))]


def _said_by_steps(effect: Term, drawn: Iterable[Term], design: Design) -> bool:
    """Whether every step of a variable has an equation of its own, so that none is left for the variable itself."""
    variable = design.variables.get(effect.name)
    steps = variable.values[1:] if variable else ()
    return bool(steps) and {term.value for term in drawn if term.name == effect.name} >= set(steps)


def _lines(
    effect: Term,
    expansion: Expansion,
    design: Design,
    owned: Mapping[str, Variable],
    script: _Script,
    numbers: Mapping[tuple[Term, Term], int],
) -> list[str]:
    """The equation of the mean and, where the variable has levels above its own, that of its course."""
    every = replace(effect, value=None)
    courses = [course for course in expansion.courses if course.effect == every]
    left, intercept = _mean(effect, design, script), script.named("α", str(effect))
    if str(effect) in owned:
        return [f"{left} = {script.name(owned[str(effect)].name)}"]
    own, coarse = _loaded(effect, expansion, script, numbers), []
    for each in (each for each in _ours(effect, expansion) if each.carries != "loading"):
        terms = _added(numbers[each.cause, each.effect], each, owned.get(each.address), script)
        if courses and _in_course(each, design):
            coarse += terms
        else:
            own += terms
    varying = [script.shifting(every, course.level) for course in courses if course.own]
    if not courses:
        return [f"{left} = {' + '.join([intercept, *own])}"]
    course = script.call("course", script.term(effect))
    return [f"{left} = {' + '.join([course, *own])}", f"{course} = {' + '.join([intercept, *coarse, *varying])}"]


def _loaded(effect: Term, expansion: Expansion, script: _Script, numbers: Mapping[tuple[Term, Term], int]) -> list[str]:
    """What the latents of an indicator add to it."""
    own = {
        each.cause.name: each for each in expansion.coefficients if each.effect == effect and each.carries == "loading"
    }
    found = []
    ours = [one for one in expansion.loadings if one.indicator == effect.name]
    for each in ours:
        symbol = script.named("λ", each.indicator if len(ours) == 1 else f"{each.indicator}.{each.latent}")
        if each.latent in own:
            arrow = own[each.latent]
            found += _added(numbers[arrow.cause, arrow.effect], arrow, None, script, "1" if each.marker else symbol)
        else:
            found.append(script.product([*([] if each.marker else [symbol]), script.name(each.latent)]))
    return found


def _in_course(each: Coefficient, design: Design) -> bool:
    """Whether a coefficient is a term of the course: coarser causes, courses and trends that nothing finer moderates."""
    level = design.level(each.effect.name)
    finer = any(design.units(term) == level for product in each.moderators for term in product)
    return (moves_course(each, design) or each.carries == "trend") and not finer


def _added(number: int, each: Coefficient, owner: Variable | None, script: _Script, symbol: str = "") -> list[str]:
    """What one coefficient adds: its term with β and everything that modifies β; curves by their powers or as f."""
    cause, kind = script.term(each.cause), each.shape.kind
    top = {"quadratic": 2, "polynomial": each.shape.argument}.get(kind, 1)
    powers = range(1, (top if isinstance(top, int) else 1) + 1)
    shown = []
    for power in powers:
        index = f"{number}" if len(powers) == 1 else f"{number}{'abcdefghij'[power - 1]}"
        value = script.power(cause, power)
        if kind == "log":
            value = script.call("log", cause)
        elif kind not in ("linear", "quadratic", "polynomial"):
            value = script.call("f", cause)
        slope = [script.name(owner.name) if owner else symbol or script.symbol("β", index)]
        for place, product in enumerate(each.moderators, start=1):
            gamma = script.symbol("γ", f"{index}.{place}")
            slope.append(script.product([gamma, *map(script.term, product)]))
        slope += [script.varying(number, level) for level in each.varies_by if owner is None or level != owner.level]
        factor = slope[0] if len(slope) == 1 else f"({' + '.join(slope)})"
        shown.append(script.product([factor, value, *script.condition(each)]))
    return shown


def _mean(effect: Term, design: Design, script: _Script) -> str:
    """The left side: the link of the mean, of a part of it, or the log of a spread."""
    variable = design.variables.get(effect.name)
    family = (variable.family if variable else None) or "normal"
    link = (variable.link if variable else None) or _LINKS.get(family, "identity")
    if effect.spread in ("sigma", "precision"):
        return script.call("log", script.term(effect))
    link = "logit" if effect.spread == "any" else link
    chance = effect.spread == "any" or effect.value is not None or family in ("bernoulli", "hazard")
    mean = f"{'P' if chance else 'E'}[{script.term(effect)}]"
    return mean if link == "identity" else script.call(link, mean)
