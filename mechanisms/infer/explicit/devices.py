"""JAX: whether it is there, what it computes on, and its numbers of double precision.

JAX computes in single precision unless told otherwise, by a switch for the whole process that belongs to its user. Ours is
turned for as long as our own work takes, and only in the thread that does it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

PACKAGES = ("jax", "numpyro")


@dataclass(frozen=True)
class Device:
    """What JAX computes on: its kind of device, and what the maker calls it."""

    platform: str
    name: str

    @property
    def is_cpu(self) -> bool:
        """Whether it is no more than the processor."""
        return self.platform == "cpu"

    def __str__(self) -> str:
        return "the CPU" if self.is_cpu else f"the {self.platform.upper()} ({self.name})"


CPU = Device("cpu", "cpu")


def is_installed() -> bool:
    """Whether numpyro and JAX can be imported."""
    return all(find_spec(each) is not None for each in PACKAGES)


def find_device() -> Device:
    """What JAX computes on unless told otherwise; asking takes a second, since JAX is loaded for it."""
    import jax  # noqa: PLC0415  (an extra)

    first = jax.devices()[0]
    return Device(str(first.platform), str(first.device_kind))


def use_doubles() -> AbstractContextManager[Any]:
    """Double precision in this thread, until the end of the block."""
    import jax  # noqa: PLC0415

    found: AbstractContextManager[Any] = jax.enable_x64(True)
    return found
