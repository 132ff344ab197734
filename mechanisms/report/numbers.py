"""Numbers as a reader wants them: as many decimals as their uncertainty carries."""

import math

MINUS = "\N{MINUS SIGN}"


def decimals_for(width: float, figures: int = 2) -> int:
    """How many decimals leave `figures` significant digits of a width, between 0 and 8."""
    if not (math.isfinite(width) and width > 0):
        return 3
    return max(0, min(8, figures - 1 - math.floor(math.log10(width))))


def show(value: float, decimals: int) -> str:
    """A number with so many decimals; what rounds to zero has no sign."""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def show_interval(point: float, lower: float, upper: float) -> str:
    """`0.07 [−0.04, 0.17]`, for figures; a number without uncertainty stands alone."""
    if upper <= lower:
        return f"{point:.4g}".replace("-", MINUS)
    decimals = decimals_for(upper - lower)
    shown = f"{show(point, decimals)} [{show(lower, decimals)}, {show(upper, decimals)}]"
    return shown.replace("-", MINUS)


def count(number: int, noun: str) -> str:
    """`1 chain`, `4 chains`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
