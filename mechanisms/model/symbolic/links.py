"""The links' inverses on tensors: the symbolic twins of those in `model.families`."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

_INVERSES = {
    "identity": lambda eta: eta,
    "logit": pm.math.sigmoid,
    "probit": lambda eta: 0.5 * pt.erfc(-eta / np.sqrt(2)),
    "cloglog": lambda eta: -pt.expm1(-pt.exp(eta)),
    "log": pt.exp,
}


def inverse_link(link: str, eta: Any) -> Any:
    """The symbolic twin of `families.inverse_link`."""
    return _INVERSES[link](eta)
