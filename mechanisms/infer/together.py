"""Whether data belong to a plan: bound to its theory, or to one that speaks of the same columns in the same way."""

from mechanisms.data.dataset import Categories, Dataset
from mechanisms.data.making import list_made
from mechanisms.data.shapes import is_condition
from mechanisms.data.support import check_support
from mechanisms.errors import DataError, listed
from mechanisms.model.carrying import refuse_still
from mechanisms.model.equations import Reading
from mechanisms.model.families import FAMILIES
from mechanisms.model.missing import refuse_incomplete
from mechanisms.model.plan import Plan


def check_together(plan: Plan, data: Dataset) -> None:
    """Refuse data that were bound to another theory."""
    measured = [name for name in plan.theory.names if not plan.theory.variable(name).computed]
    absent = [name for name in measured if name not in data]
    if absent:
        raise DataError(f"the data were bound to another theory: they have no {listed(absent)}. Bind them to this one")
    if bool(plan.theory.levels) != bool(data.tables):
        raise DataError("the data were bound to a theory with other levels: bind them to this one")
    made = list_made(plan.theory)
    if others := [name for name in {**made, **data.made} if made.get(name) != data.made.get(name)]:
        raise DataError(
            f"the data were bound to another theory: {listed(others)} {'is' if len(others) == 1 else 'are'} computed otherwise "
            "there. Bind them to this one"
        )
    refuse_incomplete(plan, data)
    refuse_still(plan, data)
    for equation in (each for each in plan.equations if not each.latent):
        response = data[equation.response]
        variable = plan.theory.variable(equation.response)
        if isinstance(response, Categories) != (FAMILIES[equation.family].kind == "category"):
            held = "categories" if isinstance(response, Categories) else "numbers"
            raise DataError(f"'{equation.response}' holds {held}, but its equation is {equation.family}: bind anew")
        if isinstance(response, Categories):
            if response.values != variable.values:
                raise DataError(
                    f"'{equation.response}' was bound with the values {listed(response.values)}, not "
                    f"{listed(variable.values)}: bind anew"
                )
        elif data.sums is None:
            check_support(variable, response.values[response.observed])
        if equation.family == "bernoulli" and not isinstance(response, Categories) and not response.binary:
            raise DataError(
                f"'{equation.response}' is bernoulli here, but was bound to a theory where it is not: bind anew"
            )
        for reading in equation.readings:
            if reading.variable in data and not is_condition(reading.column):
                _check_column(reading, data)
            if reading.basis and reading.basis not in data.bases:
                raise DataError(
                    f"the data were bound to a theory without the curve {reading.basis}: bind them to this one"
                )


def _check_column(reading: Reading, data: Dataset) -> None:
    """A category must be one of the data's, a number must be numbers."""
    name, value, column = reading.variable, reading.category, data[reading.variable]
    held = column.values if isinstance(column, Categories) else ()
    if bool(value or "~monotonic" in reading.column) != isinstance(column, Categories) or (value and value not in held):
        kind = f"the categories {listed(held)}" if held else "numbers"
        raise DataError(
            f"'{name}' was bound as {kind}, but this theory needs {reading.column}: bind the data to this one"
        )
