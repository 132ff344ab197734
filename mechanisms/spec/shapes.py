"""What a shape is in numbers: the powers of its cause, or columns of its own."""

from mechanisms.spec.theory import Shape

WAVES = 20  # columns of a gp; docs/decisions/0026
TRAITS = {"gp": ("amplitude", "lengthscale"), "logistic": ("midpoint", "width")}
"""The parameters that a whole curve has beside the coefficients of its columns: `lengthscale(x -> y)`."""


def list_powers(shape: Shape) -> tuple[int, ...]:
    """The powers of the cause that have a coefficient; one where a shape is no polynomial."""
    top = 2 if shape.kind == "quadratic" else shape.argument if shape.kind == "polynomial" else 1
    return tuple(range(1, top + 1)) if isinstance(top, int) else (1,)


def count_columns(shape: Shape) -> int:
    """How many columns of its own a bent shape has; 0 for polynomials."""
    if shape.kind in ("spline", "bspline") and isinstance(shape.argument, int):
        return shape.argument
    if shape.kind == "piecewise" and isinstance(shape.argument, tuple):
        return len(shape.argument) + 1
    if shape.kind == "gp":
        return WAVES
    return int(shape.kind in ("log", "logistic"))


def count_pieces(shape: Shape) -> int:
    """How many columns have a number in their address, `x[2] -> y`: none where there is one column alone."""
    return 0 if shape.kind in ("log", "logistic") else count_columns(shape)


def spell(shape: Shape) -> str:
    """A shape as columns spell it: `spline:4`, `piecewise:20,30`, `log`."""
    return str(shape).replace(" ", "").replace("[", "").replace("]", "")
