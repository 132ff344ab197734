"""What follows from a theory, as lines of text: what it stands for, answers, implies, and what cannot be computed yet."""

from collections.abc import Iterable
from textwrap import indent

from mechanisms.errors import IdentificationError, MechanismsError, SpecError
from mechanisms.graph.expansion import Expansion
from mechanisms.graph.identification import identify
from mechanisms.graph.implications import imply
from mechanisms.graph.wording import name_effect
from mechanisms.model.plan import compile
from mechanisms.model.uncompiled import refuse_uncompiled
from mechanisms.spec.theory import Question, Theory

FEW = 12  # how many implied independences are shown at most


def print_expansion(expansion: Expansion) -> str:
    """The coefficients that the arrows stand for."""
    return f"Stands for\n{indent(repr(expansion) or 'nothing: there is no arrow', '  ')}"


def print_equations(expansion: Expansion) -> str:
    """The same as equations, the scale of each outcome on their left."""
    lines = "\n".join(each.text for each in expansion.equations)
    return f"Equations\n{indent(lines or 'none', '  ')}"


def print_answers(theory: Theory, questions: Iterable[Question]) -> str:
    """Whether each question can be answered from data, and what it assumes; a refusal in its own words."""
    parts = []
    for question in questions:
        try:
            answer = repr(identify(theory, question))
        except (IdentificationError, SpecError) as refusal:
            title = name_effect(question)
            answer = f"{title[:1].upper()}{title[1:]}: {in_a_line(refusal).removeprefix('question: ')}"
        parts.append(f"Question{f' ({question.name})' if question.name else ''}\n{answer}")
    return "\n\n".join(parts)


def print_implications(theory: Theory) -> str:
    """The independences that data could refute; where they cannot be read off yet, why."""
    try:
        implied = [each for each in imply(theory) if not each.exogenous]
        lines = list(map(repr, implied[:FEW])) or ["none"]
        if len(implied) > FEW:
            lines.append(f"and {len(implied) - FEW} more: mechanisms.imply(theory)")
    except SpecError as refusal:
        lines = [in_a_line(refusal)]
    return f"Implied independences, which data could refute\n{indent(chr(10).join(lines), '  ')}"


def print_unfitted(theory: Theory) -> str:
    """What this version cannot compute yet, or that it can fit the theory; raises what is wrong with the theory."""
    try:
        refuse_uncompiled(theory)
    except SpecError as refusal:
        return f"cannot be fitted yet: {in_a_line(refusal)}"
    if not theory.arrows:
        return "cannot be fitted: it draws no arrow"
    compile(theory)
    return "can be fitted"


def in_a_line(refusal: MechanismsError) -> str:
    """A refusal without the place where it was written, which the reader of a summary knows."""
    message = refusal.message if isinstance(refusal, SpecError) else str(refusal)
    return " ".join(message.split())
