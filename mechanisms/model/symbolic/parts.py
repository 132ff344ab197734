"""Responses with several linear predictors, or censored times, as PyMC variables: the log densities on tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mechanisms.model.laws import draw, give
from mechanisms.model.log_densities import Row, log_density

ops: Any = pt  # untyped in PyTensor's stubs
_EXTRAS = ("spread", "shape", "out_of", "ended")


class Tensors:
    """The functions of `log_densities` for tensors."""

    exp, log, log1p, log1mexp, softplus = ops.exp, ops.log, ops.log1p, ops.log1mexp, ops.softplus
    gammaln, gammaincc, switch, minimum, maximum = ops.gammaln, ops.gammaincc, ops.switch, ops.minimum, ops.maximum
    logaddexp = staticmethod(ops.logaddexp)

    @staticmethod
    def log_ndtr(x: Any) -> Any:
        """The log of the standard normal distribution function; PyMC's own takes the root of 2 in single precision."""
        z = x / np.sqrt(2.0)
        low = ops.log(0.5 * ops.erfcx(ops.maximum(-z, 0.0))) - z**2
        return ops.switch(x < 0, low, ops.log1p(-0.5 * ops.erfc(ops.maximum(z, 0.0))))


@dataclass(frozen=True, eq=False)
class Parts:
    """A response given its rows; `counts` where its values are whole numbers."""

    row: Row
    counts: bool

    def observe(self, name: str, values: Any, dims: str | None = None) -> Any:
        """The observed variable, within the model of the context."""
        seen = values.astype(np.int64) if self.counts else values
        given = [ops.as_tensor(each) for each in (*self.row.etas, *(getattr(self.row, each) for each in self._extras))]
        made: Any = pm.CustomDist
        return made(
            name,
            *given,
            logp=lambda value, *inside: log_density(self._take(inside), value),
            random=self._draw,
            observed=seen,
            dims=dims,
            signature=f"{','.join(['()'] * len(given))}->()",
            dtype=str(seen.dtype),
        )

    def log_density(self, values: Any) -> Any:
        """The log density of values that may be unknown themselves."""
        return log_density(self.row, values)

    @property
    def _extras(self) -> list[str]:
        return [name for name in _EXTRAS if getattr(self.row, name) is not None]

    def _take(self, given: Sequence[Any]) -> Row:
        """The same with other arguments, in the order in which they were handed over."""
        count = len(self.row.etas)
        return replace(self.row, etas=given[:count], **dict(zip(self._extras, given[count:], strict=True)))

    def _draw(self, *given: Any, rng: Any = None, size: Any = None) -> Any:
        """Draws as NumPy makes them; of a censored time the time itself."""
        here = self._take(given)
        law = give(here.equation, here.etas, here.spread, here.shape, here.out_of)
        shape = np.broadcast_shapes(*(np.shape(each) for each in given), tuple(size or ()))
        return draw(law, shape, rng).astype(np.int64 if self.counts else np.float64)
