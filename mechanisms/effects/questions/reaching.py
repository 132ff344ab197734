"""Where a question takes a variable: refused where its curve has no height."""

from mechanisms.data.shapes import refuse_value
from mechanisms.effects.questions.population import choose
from mechanisms.graph.graph import variable_of
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question, Scalar


def refuse_unreachable(fit: Fit, question: Question) -> None:
    """Refuse a contrast, condition or intervention at 0 and below of what acts by its logarithm.

    Raises
    ------
    DataError
        The variable and the value.
    """
    said: list[tuple[str, tuple[Scalar, ...]]] = [(question.of.name, question.contrast or ()), *question.at]
    said += [(name, value if isinstance(value, tuple) else (value,)) for name, value in question.set]
    for name, values in said:
        for value in values:
            if (variable := variable_of(name)) in fit.data and value != "each":
                refuse_value(fit.data.bases, variable, choose(fit.data[variable], value))
