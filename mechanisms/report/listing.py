"""A theory as lines of text: what it claims and why."""

from collections.abc import Sequence

from mechanisms.spec.theory import LINEAR, Arrow, Level, Theory, Variable


def describe(theory: Theory) -> str:
    """Title, source, reason; levels; variables with what they mean; arrows with their options and reasons; priors."""
    lines = [theory.title or theory.name or "A theory"]
    lines += [theory.source.text] if theory.source else []
    lines += [theory.because] if theory.because else []
    variables = [
        (each.name, "; ".join(filter(None, [each.family or "", *describe_variable(each)])), each.means or "")
        for each in theory.variables
    ]
    arrows = [(str(each), describe_arrow(each), each.because or "") for each in theory.arrows]
    arrows += [(str(each), "", each.because or "") for each in theory.hidden]
    arrows += [(f"without {cause} -> {effect}", "", "") for cause, effect in theory.without]
    levels = [(each.name, _describe_level(each), each.means or "") for each in theory.levels]
    if theory.time:
        levels.append(("time", ", ".join(theory.time), ""))
    if levels:
        lines += ["", "Levels", *align(levels)]
    return "\n".join([*lines, "", "Variables", *align(variables), "", "Arrows", *align(arrows)])


def align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of cells as indented lines with straight columns; an empty column takes no room."""
    kept = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in kept]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*kept, strict=True)
    ]


def describe_variable(variable: Variable) -> list[str]:
    """The design facts about a variable besides its family: `not measured`, `values a, b`, `from 0 to 4`, `in points`."""
    low, high = variable.range or (None, None)
    span = f"from {low:g} to {high:g}" if low is not None else ""
    unit, zeros, measured = variable.unit or "", variable.zeros or "", variable.measured_by
    said = [
        "not measured" if measured == () else "",
        f"measured by {', '.join(measured)}" if measured else "",
        f"is {variable.computed}" if variable.computed else "",
        f"of each {variable.level}" if variable.level else "",
        f"values {', '.join(variable.values)}" if variable.values else "",
        "" if span and span in unit else span,
        f"in {unit}" if unit else "",
        f"out of {variable.out_of:g}" if isinstance(variable.out_of, float) else "",
        f"out of {variable.out_of}" if isinstance(variable.out_of, str) else "",
        f"{zeros} zeros" if zeros else "",
        f"link {variable.link}" if variable.link else "",
        f"the event is {variable.event}" if variable.event else "",
        f"centred by {variable.centre} means" if variable.centre else "",
        f"only when {variable.only_when}" if variable.only_when else "",
        variable.assigned or "",
        f"assessed at the {variable.assessed}" if variable.assessed else "",
    ]
    return [each for each in said if each]


def describe_arrow(arrow: Arrow) -> str:
    """What an arrow looks like where it is not plain: `quadratic; moderated by diagnosis`."""
    moderators = ", ".join(" * ".join(map(str, product)) for product in arrow.moderated_by)
    said = [
        str(arrow.shape) if arrow.shape != LINEAR else "",
        f"moderated by {moderators}" if moderators else "",
        f"varies by {', '.join(arrow.varies_by) or 'nothing'}" if arrow.varies_by is not None else "",
        f"only when {arrow.only_when}" if arrow.only_when is not None else "",
    ]
    return "; ".join(filter(None, said))


def _describe_level(level: Level) -> str:
    said = [
        f"in {', '.join(level.within)}" if level.within else "",
        f"shared by {', '.join(level.shared_by)}" if level.shared_by else "",
        f"only when {level.only_when}" if level.only_when else "",
        f"occasions {', '.join(map(str, level.occasions))}" if level.occasions else "",
    ]
    return "; ".join(filter(None, said))
