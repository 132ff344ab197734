"""Whether an average over random draws has settled for good: a long tail through a logarithmic link has no mean.

A count that follows yesterday's count by exp(b · y) has a mean only by luck. The greatest of what is averaged are held
against a generalised Pareto distribution; where its shape k̂ is 0.7 or more, an average of draws says nothing (Vehtari et
al. 2024). A mean that is infinite by a part that no draw ever meets passes.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mechanisms.errors import IdentificationError
from mechanisms.infer.smooth.importance import smooth

Floats = NDArray[np.float64]
TRIED, LONG, LEAST = 12, 0.7, 200


@dataclass(eq=False)
class Tails:
    """What was averaged in a dozen posterior draws, draw by draw of the noise. What is `bounded` has a mean."""

    on: str
    bounded: bool = False
    seen: list[Floats] = field(default_factory=list)

    def keep(self, found: Floats, count: int) -> None:
        """Keep what `count` posterior draws, each repeated, were averaged from; shape (draws · repeats, units)."""
        by_draw = np.reshape(found, (count, -1))
        self.seen.append(by_draw[:: max(1, count // TRIED)][:TRIED])

    def judge(self) -> None:
        """Raise an `IdentificationError` where the tail is too long for a mean."""
        every = np.concatenate(self.seen, axis=1) if self.seen else np.zeros((0, 0))
        if not np.isfinite(every).all():
            raise IdentificationError(_endless(self.on))
        if self.bounded or every.shape[1] < LEAST:
            return
        far = np.abs(every - np.median(every, axis=1, keepdims=True))
        with np.errstate(divide="ignore"):
            shapes = [smooth(np.log(each))[1] for each in far if each.any()]
        if shapes and np.median(shapes) >= LONG:
            raise IdentificationError(_endless(self.on))


def _endless(on: str) -> str:
    return (
        f"the mean of {on} hangs on the farthest tail of what precedes it and may not exist: through a log link a long tail "
        "has no mean. Let the cause act by its logarithm or another family, or ask for a controlled effect"
    )
