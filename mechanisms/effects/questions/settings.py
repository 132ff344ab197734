"""What a question sets besides the exposure: one value, or several, which are a question each."""

from itertools import product as every

from mechanisms.data.dataset import Numbers
from mechanisms.effects.questions.population import choose, every_value, shown
from mechanisms.errors import DataError, listed
from mechanisms.graph.graph import variable_of
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question, Scalar


def list_settings(fit: Fit, question: Question) -> tuple[tuple[Question, str], ...]:
    """The question for every combination of the values that it sets, each with the words that tell it from the others.

    Raises
    ------
    DataError
        A value is said twice; `each` of a variable with many values.
    """
    choices, several = [], []
    for name, said in question.set:
        column = fit.data[variable_of(name)]
        values = said if isinstance(said, tuple) else every_value(column) if said == "each" else (said,)
        chosen = [choose(column, value) for value in values]
        if len(set(chosen)) < len(chosen):
            raise DataError(f"set: {name}: {listed(shown(column, value) for value in chosen)}: a value is said twice")
        choices.append([(name, value) for value in values])
        several += [name] * (len(values) > 1)
    return tuple(
        (question.model_copy(update={"set": said}), ", ".join(_say(fit, *each) for each in said if each[0] in several))
        for said in every(*choices)
    )


def describe_held(fit: Fit, question: Question) -> str:
    """`job_seek set to 4` for every variable that a question sets to one value, resolved to data units."""
    words = []
    for name, value in question.set:
        if isinstance(value, tuple) or value == "each":
            continue  # a row for each says which
        words.append(_say(fit, name, value))
    return listed(words)


def _say(fit: Fit, name: str, value: Scalar) -> str:
    """The value in data units, with a warning where nobody has it."""
    column = fit.data[variable_of(name)]
    chosen = choose(column, value)
    outside = isinstance(column, Numbers) and not column.lowest <= float(chosen) <= column.highest
    half = isinstance(column, Numbers) and column.binary and chosen not in (0.0, 1.0)
    note = " (outside the data: an extrapolation)" if outside else " (no unit has that value)" if half else ""
    return f"{name} set to {shown(column, chosen)}{note}"
