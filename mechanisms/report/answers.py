"""What a report answers: the question that was asked, or the theory's own."""

from typing import Any

from mechanisms.effects.decomposition import decompose
from mechanisms.effects.effects import Effects
from mechanisms.effects.estimation import estimate
from mechanisms.effects.headway import count_off
from mechanisms.errors import DataError, IdentificationError, MechanismsError, SpecError
from mechanisms.infer.posterior import Fit
from mechanisms.spec.theory import Question


def find_answers(fit: Fit, question: Question | None = None) -> tuple[list[Effects], list[MechanismsError]]:
    """The decomposition that was asked for, or the theory's own questions; a refused one does not stop the others."""
    if question is not None:
        at: dict[str, Any] = {key: list(values) for key, values in question.at}
        of, on = str(question.of), str(question.on)
        return [decompose(fit, of, on, at=at, set=dict(question.set), contrast=question.contrast)], []
    found: list[Effects] = []
    refused: list[MechanismsError] = []
    for each in count_off("questions", fit.plan.theory.questions):
        try:
            found.append(estimate(fit, each))
        except (IdentificationError, DataError, SpecError) as refusal:
            refused.append(refusal)
    return found, refused
