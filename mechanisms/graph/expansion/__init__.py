"""What a theory stands for: coefficients, courses, correlations and the arrows nobody wrote (language 1.7).

`coefficients` holds the types, `parts` rules R1–R7, `options` R9, `additions` R10–R11, `courses` R8, `circles` R14,
`cuts` R13, `refusals` what cannot stand, `equations` how it reads; `rules` puts them together. Nothing else decides what an arrow
means.
"""

from mechanisms.graph.expansion.coefficients import Coefficient, Correlation, Course, Expansion
from mechanisms.graph.expansion.rules import check_coefficients, check_expansion, expand
from mechanisms.graph.levels import computed_from

__all__ = [
    "Coefficient",
    "Correlation",
    "Course",
    "Expansion",
    "check_coefficients",
    "check_expansion",
    "computed_from",
    "expand",
]
