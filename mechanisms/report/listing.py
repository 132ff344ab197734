"""A theory as lines of text: what it claims and why."""

from collections.abc import Sequence

from mechanisms.spec.theory import LINEAR, Arrow, Theory


def describe(theory: Theory) -> str:
    """Title, source, reason; variables with what they mean; arrows with their options and reasons."""
    lines = [theory.title or theory.name or "A theory"]
    lines += [theory.source.text] if theory.source else []
    lines += [theory.because] if theory.because else []
    variables = [
        (each.name, ", ".join(filter(None, [each.family, each.assigned])), each.means or "")
        for each in theory.variables
    ]
    arrows = [(str(each), describe_arrow(each), each.because or "") for each in theory.arrows]
    arrows += [(str(each), "", each.because or "") for each in theory.hidden]
    return "\n".join([*lines, "", "Variables", *align(variables), "", "Arrows", *align(arrows)])


def align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of cells as indented lines with straight columns; an empty column takes no room."""
    kept = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in kept]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*kept, strict=True)
    ]


def describe_arrow(arrow: Arrow) -> str:
    """What an arrow looks like where it is not plain: `quadratic; moderated by diagnosis`."""
    moderators = ", ".join(" * ".join(map(str, product)) for product in arrow.moderated_by)
    said = [str(arrow.shape) if arrow.shape != LINEAR else "", f"moderated by {moderators}" if moderators else ""]
    return "; ".join(filter(None, said))
