"""Which library's NUTS samples a block of the engine `nuts`, on what, and why.

nutpie on the CPU, unless the block is one for which a GPU pays and there is one: many rows, not all normal, with units
that vary, so that no other engine takes it and each step goes through all rows. By hand, numpyro took 13 s on an H100 and
98 s on 16 cores for a logistic model of 200 000 rows in groups; of fewer rows nothing was measured, and a GPU has less to
gain there, since each of some ten thousand small steps has to be handed to it.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from mechanisms.data.dataset import Dataset
from mechanisms.errors import FitError, did_you_mean, listed
from mechanisms.infer.explicit.devices import CPU, Device, find_device, is_installed
from mechanisms.model.equations import Equation
from mechanisms.model.plan import Plan

NutsSampler = Literal["auto", "nutpie", "numpyro"]
SAMPLERS = get_args(NutsSampler)
LARGE = 100_000  # rows of all equations
INSTALL = "pip install 'mechanisms[numpyro]', and with it pip install 'jax[cuda13]' where there is an NVIDIA GPU"


@dataclass(frozen=True)
class Sampler:
    """A library's NUTS: its name, what it computes on, and why it was taken."""

    name: str
    device: Device
    reason: str

    def __str__(self) -> str:
        return f"{self.name} on {self.device}: {self.reason}"


def check_sampler(asked: str) -> None:
    """Refuse a sampler that there is none of, or that is not installed."""
    if asked not in SAMPLERS:
        near = did_you_mean(str(asked), SAMPLERS)
        raise FitError(f"there is no nuts_sampler '{asked}'; there are {listed(SAMPLERS)}.{near}")
    if asked == "numpyro" and not is_installed():
        raise FitError(f"numpyro and JAX, which nuts_sampler='numpyro' needs, are not installed: {INSTALL}")


def choose_sampler(plan: Plan, data: Dataset, block: tuple[Equation, ...], asked: NutsSampler = "auto") -> Sampler:
    """The sampler of a block that NUTS samples."""
    if asked == "nutpie":
        return Sampler("nutpie", CPU, "asked for")
    if asked == "numpyro":
        return Sampler("numpyro", find_device(), "asked for")
    rows = sum(data.units(each.level).n if data.tables else data.n for each in block)
    if rows < LARGE or not _varies(plan, block) or all(each.family == "normal" for each in block):
        return Sampler("nutpie", CPU, "the default")
    if not is_installed():
        return Sampler("nutpie", CPU, "the default; numpyro, which would use a GPU, is not installed")
    device = find_device()
    if device.is_cpu:
        return Sampler("nutpie", CPU, "the default, since JAX sees no GPU")
    return Sampler("numpyro", device, f"{rows} rows that are not all normal, units that vary, and a GPU")


def _varies(plan: Plan, block: tuple[Equation, ...]) -> bool:
    """Whether units have something of their own in the block."""
    names = {name for equation in block for name in (*equation.addresses, *equation.extras, *equation.climbs)}
    return any(names.intersection(each.quantities) for each in plan.varying)
