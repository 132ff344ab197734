"""Figures on paper: a forest of effects, a path diagram, a curve along a variable. Nothing here touches pyplot or any other global state."""

from mechanisms.report.plots.along import curve
from mechanisms.report.plots.intervals import forest
from mechanisms.report.plots.paper import to_svg
from mechanisms.report.plots.paths import diagram

__all__ = ["curve", "diagram", "forest", "to_svg"]
