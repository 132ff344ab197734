"""What gives each latent variable its unit and its zero (language 1.4).

The first indicator is the marker: its loading is 1 and its intercept 0, so that the latent variable is counted as the
marker is. `alliance -> tasks: {fixed: 1}` moves the marker. `sigma(alliance): {fixed: 1}` gives unit variance instead, and
the zero at the intercept of the latent; `1 -> alliance: {fixed: 0}` says that of the zero alone. A marker that gives
another latent variable its zero already gives no second one.
"""

from dataclasses import dataclass

from mechanisms.spec.addresses import parse_address
from mechanisms.spec.theory import Distribution, Prior, Theory

WIDTH = 2.5  # standardised, of the first loading where the variance is 1: half of a default prior


@dataclass(frozen=True)
class Gauge:
    """Of one latent variable: its `marker`, None with unit variance, and the address of the intercept that gives it its zero.

    `first` is its first indicator. `middle` is where the latent's own intercept is fixed, None where the marker's is, at
    `height`. `slope` is the marker's loading, `width` the fixed residual sd.
    """

    latent: str
    first: str
    marker: str | None
    zero: str
    middle: float | None
    slope: float = 1.0
    height: float = 0.0
    width: float = 1.0


def find_gauges(theory: Theory) -> tuple[Gauge, ...]:
    """The gauge of every latent variable with indicators, in the order of the theory."""
    fixed = {
        parse_address(each.address, each.place).key: each.fixed for each in theory.priors if each.fixed is not None
    }
    found: list[Gauge] = []
    for variable in theory.variables:
        if not variable.measured_by:
            continue
        name = variable.name
        moved = [each for each in variable.measured_by if parse_address(f"{name} -> {each}").key in fixed]
        width = fixed.get(parse_address(f"sigma({name})").key)
        marker = (moved or variable.measured_by)[0] if width is None else None
        said = fixed.get(parse_address(f"1 -> {name}").key)
        given = marker and said is None and f"1 -> {marker}" not in [each.zero for each in found]
        zero, middle = (f"1 -> {marker}", None) if given else (f"1 -> {name}", said or 0.0)
        slope = fixed.get(parse_address(f"{name} -> {marker}").key, 1.0) if marker else 1.0
        height = fixed.get(parse_address(zero).key, 0.0) if given else 0.0
        found.append(Gauge(name, variable.measured_by[0], marker, zero, middle, slope, height, width or 1.0))
    return tuple(found)


def list_gauge_priors(theory: Theory) -> tuple[Prior, ...]:
    """What the gauges say of parameters: a loading of 1 and an intercept of 0 each; with unit variance a first loading above 0.

    What the theory says itself is left to it.
    """
    said = {parse_address(prior.address, prior.place).key for prior in theory.priors}
    found = []
    for each in find_gauges(theory):
        loading = f"{each.latent} -> {each.marker or each.first}"
        if each.marker:
            why = f"{each.marker} is the marker: {each.latent} has its unit"
            found.append(Prior(address=loading, fixed=1.0, because=why))
        else:
            half = Distribution(name="half_normal", arguments=(WIDTH,))
            why = f"{each.latent} grows with its first indicator"
            found.append(Prior(address=loading, distribution=half, scale="standardised", because=why))
        own = each.middle is not None
        why = f"the zero of {each.latent}" if own else f"{each.marker} is the marker: {each.latent} has its zero"
        found.append(Prior(address=each.zero, fixed=0.0, because=why))
    return tuple(each for each in found if parse_address(each.address).key not in said)
