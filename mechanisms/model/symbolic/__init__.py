"""The plan as an ordinary PyMC model."""

from mechanisms.model.symbolic.models import inverse_link, to_pymc

__all__ = ["inverse_link", "to_pymc"]
