"""Figures on paper: a forest of effects, a path diagram. Nothing here touches pyplot or any other global state."""

from mechanisms.report.plots.intervals import forest
from mechanisms.report.plots.paper import to_svg
from mechanisms.report.plots.paths import diagram

__all__ = ["diagram", "forest", "to_svg"]
