"""An equation in one line of text, or one for each of its linear predictors where they have different causes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechanisms.model.equations import Coefficient, Equation, Factor


def describe(equation: "Equation") -> str:
    """`y = b0 + b·x,  residual sd sigma(y)`."""
    first = equation.predictors[0]
    if first.role == "step":
        return _describe_steps(equation)
    word = "residual sd" if equation.family == "normal" else f"{equation.family} with"
    extras = [each for each in (equation.spread, equation.shape) if each]
    noise = f",  {word} {' and '.join(extras)}" if extras else ""
    if not extras and equation.family != "bernoulli":
        noise = f",  {equation.family}"
    if equation.zeros:
        noise += f", zeros {'a hurdle' if equation.zeros == 'hurdle' else 'inflated'}"
    if equation.event:
        noise += f", censored where {equation.event} is 0"
    lines = [f"{_left(first)} = {_right(first)}{_own(equation)}{noise}"]
    lines += [f"{_left(each)} = {_right(each)}" for each in equation.parts]
    return "\n      ".join(lines)


def _describe_steps(equation: "Equation") -> str:
    """One line for all values where they have the same causes."""
    values = [each.target.partition("=")[2] for each in equation.predictors]
    noise = f"{_own(equation)},  {equation.family}"
    causes = {tuple(each.factors for each in one.coefficients) for one in equation.predictors}
    if len(causes) > 1:
        lines = [
            f"{_left_of_step(equation, value)} = {_right(each)}"
            for value, each in zip(values, equation.predictors, strict=True)
        ]
        return "\n      ".join([lines[0] + noise, *lines[1:]])
    b = _letter(equation)
    right = _right(equation.predictors[0]).replace(f"{b}0", f"{b}0[v]", 1)
    if equation.family == "categorical":
        right = right.replace(f"{b}·", f"{b}[v]·")
    return f"{_left_of_step(equation, 'v')} = {right} for v in {', '.join(values)}{noise}"


def _left_of_step(equation: "Equation", value: str) -> str:
    name = equation.response
    if equation.family == "categorical":
        return f"log P({name} = {value}) / P({name} = the first)"
    given = " | the value before was reached" if equation.family == "sequential" else ""
    return f"{equation.link} P({name} ≥ {value}{given})"


def _right(equation: "Equation") -> str:
    """Intercept and coefficients of one predictor."""
    b = _letter(equation)
    own = dict.fromkeys(_term(each, b) for each in equation.coefficients)
    terms = " + ".join([f"{b}0", *own])
    return terms + "".join(f" + {each.owner}·{_product(each)}" for each in equation.owned)


def _term(coefficient: "Coefficient", b: str) -> str:
    """A coefficient and its columns; all waves of a gp are one curve."""
    first, *others = coefficient.factors
    if "~gp[" not in first.column:
        return f"{b}·{_product(coefficient)}"
    return " · ".join([f"gp({str(first).partition('[')[0]})", *map(str, others)])


def _product(coefficient: "Coefficient") -> str:
    """Its columns multiplied; of a logarithm and an S-curve, whose addresses do not say so, with the word."""
    return " · ".join(_factor(each) for each in coefficient.factors)


def _factor(factor: "Factor") -> str:
    if "~logistic" in factor.column:
        return f"S-curve({factor})"
    return f"log {factor}" if "~log[" in factor.column else str(factor)


def _letter(equation: "Equation") -> str:
    return "β" if {"b", "b0"} & {*equation.parents, *(each.owner for each in equation.owned)} else "b"


def _own(equation: "Equation") -> str:
    return (
        f",  {_letter(equation)}0 of its own for each {' and '.join(equation.intercepts)}"
        if equation.intercepts
        else ""
    )


def _left(equation: "Equation") -> str:
    """What the linear predictor is of the response."""
    name, out_of = equation.response, equation.out_of
    shown = out_of if isinstance(out_of, str) else f"{out_of:g}"
    if equation.role == "spread":
        return f"log {equation.target}"
    if equation.role == "any":
        return f"logit P({name} > 0)" if equation.zeros != "inflated" else f"logit P({name} is no excess zero)"
    if equation.role == "top":
        return f"logit P({name} = 1)"
    if equation.link == "identity":
        return name
    if equation.link == "log":
        counts = equation.family in ("poisson", "negative_binomial")
        before = {"hurdle": " before the hurdle" if counts else f" | {name} > 0", "inflated": " before excess zeros"}
        mean = f"E[{name}{before.get(equation.zeros, '')}]"
        what = f"median of {name}{' above 0' if equation.zeros else ''}" if equation.family == "lognormal" else mean
        return f"log {what}" if out_of == 1 else f"log {what} / {shown}"
    if equation.family == "binomial":
        return f"{equation.link} E[{name}] / {shown}"
    if equation.family == "ordered_beta":
        return f"logit E[{name} | 0 < {name} < 1]"
    return f"{equation.link} " + (f"E[{name}]" if equation.family == "beta" else f"P({name} = 1)")
