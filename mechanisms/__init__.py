"""Bayesian structural and causal models of how treatments work.

    import mechanisms as mx

    theory = mx.load("jobs")
    fit = mx.fit(theory, frame, seed=1)
    mx.decompose(fit, of="treat", on="depress2")

Nouns hold data and show themselves; verbs do the work and return new nouns. PyMC is imported only when a model is
built, so importing this package is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mechanisms.errors import DataError, FitError, IdentificationError, MechanismsError, SpecError
from mechanisms.spec.display import show_with

if TYPE_CHECKING:
    from mechanisms.data.dataset import Dataset as Dataset
    from mechanisms.data.door import bind as bind
    from mechanisms.effects.along.moderated import Moderated as Moderated
    from mechanisms.effects.along.moderation import moderate as moderate
    from mechanisms.effects.along.slopes import differentiate as differentiate
    from mechanisms.effects.along.turning import turning_point as turning_point
    from mechanisms.effects.along.turns import TurningPoint as TurningPoint
    from mechanisms.effects.decomposition import decompose as decompose
    from mechanisms.effects.diagnosis import Diagnosis as Diagnosis
    from mechanisms.effects.diagnosis import diagnose as diagnose
    from mechanisms.effects.dropouts import dropout as dropout
    from mechanisms.effects.effects import Effects as Effects
    from mechanisms.effects.estimation import estimate as estimate
    from mechanisms.effects.juxtaposition import juxtapose as juxtapose
    from mechanisms.effects.over_time.steps import horizon as horizon
    from mechanisms.effects.shifts import Dropout as Dropout
    from mechanisms.graph.expansion import expand as expand
    from mechanisms.graph.identification import Identified as Identified
    from mechanisms.graph.identification import identify as identify
    from mechanisms.graph.implications import imply as imply
    from mechanisms.infer.additions import update as update
    from mechanisms.infer.explanation import explain as explain
    from mechanisms.infer.posterior import Fit as Fit
    from mechanisms.infer.sampling import fit as fit
    from mechanisms.infer.sampling import pin as pin
    from mechanisms.infer.sampling import sample as sample
    from mechanisms.infer.simulation import simulate as simulate
    from mechanisms.model.plan import Plan as Plan
    from mechanisms.model.plan import compile as compile
    from mechanisms.model.symbolic import to_pymc as to_pymc
    from mechanisms.report.pages import page as page
    from mechanisms.report.plots import curve as curve
    from mechanisms.report.plots import diagram as diagram
    from mechanisms.report.plots import forest as forest
    from mechanisms.spec.library import catalogue as catalogue
    from mechanisms.spec.library import load as load
    from mechanisms.spec.reader import parse as parse
    from mechanisms.spec.theory import Question as Question
    from mechanisms.spec.theory import Theory as Theory
    from mechanisms.spec.writer import write as write

_HOMES = {
    "spec.theory": ("Theory", "Question"),
    "spec.library": ("load", "catalogue"),
    "spec.reader": ("parse",),
    "spec.writer": ("write",),
    "graph.expansion": ("expand",),
    "graph.implications": ("imply",),
    "graph.identification": ("identify", "Identified"),
    "data.dataset": ("Dataset",),
    "data.door": ("bind",),
    "model.plan": ("compile", "Plan"),
    "model.symbolic": ("to_pymc",),
    "infer.explanation": ("explain",),
    "infer.posterior": ("Fit",),
    "infer.sampling": ("sample", "fit", "pin"),
    "infer.additions": ("update",),
    "infer.simulation": ("simulate",),
    "effects.effects": ("Effects",),
    "effects.estimation": ("estimate",),
    "effects.decomposition": ("decompose",),
    "effects.over_time.steps": ("horizon",),
    "effects.juxtaposition": ("juxtapose",),
    "effects.along.moderation": ("moderate",),
    "effects.along.moderated": ("Moderated",),
    "effects.along.slopes": ("differentiate",),
    "effects.along.turning": ("turning_point",),
    "effects.along.turns": ("TurningPoint",),
    "effects.dropouts": ("dropout",),
    "effects.shifts": ("Dropout",),
    "effects.diagnosis": ("diagnose", "Diagnosis"),
    "report.plots": ("forest", "diagram", "curve"),
    "report.pages": ("page",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = list(_HOME)
__all__ += ["DataError", "FitError", "IdentificationError", "MechanismsError", "SpecError"]


def __getattr__(name: str) -> Any:
    """Import a noun or verb when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'mechanisms' has no attribute '{name}'")
    found = getattr(import_module(f"mechanisms.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def _show(theory: Any) -> str:
    """A theory as a picture with its text, drawn when a notebook asks for it."""
    return str(import_module("mechanisms.report.showing").show_theory(theory))


show_with(_show)


def __dir__() -> list[str]:
    """The front door's names."""
    return sorted([*__all__, "__version__"])
