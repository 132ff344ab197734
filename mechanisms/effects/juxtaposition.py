"""Effects of several fits beside each other: the same question, answered by theories that differ."""

from collections.abc import Mapping
from dataclasses import replace

from mechanisms.effects.effects import Effect, Effects
from mechanisms.errors import MechanismsError, expect, listed


def juxtapose(answers: Mapping[str, Effects]) -> Effects:
    """Effects of several fits in one table and one `mx.forest`, such as `total [plain]` and `total [controlled]`.

    For two theories of the same data, one `based_on` the other: what an effect is with a control and without it. Nothing is
    averaged, and nothing says which theory is right. Rows that only one of them has stand alone.

    Parameters
    ----------
    answers
        A name for each fit's effects, as `mx.estimate`, `mx.decompose` and the like give them.

    Raises
    ------
    MechanismsError
        There are fewer than two; they have different scales or exposures and outcomes, so that their rows are no answers to one
        question.
    """
    if not isinstance(answers, Mapping) or len(answers) < 2:
        raise MechanismsError(
            "juxtapose takes two or more effects with a name for each: mx.juxtapose({'plain': one, 'controlled': other})"
        )
    for name, each in answers.items():
        expect(name, str, "a name of effects", "such as 'plain'")
        expect(each, Effects, f"what '{name}' stands for", "mx.decompose or mx.estimate makes one")
    first = next(iter(answers.values()))
    for name, each in answers.items():
        for what, one, other in (
            ("exposure", first.of, each.of),
            ("outcome", first.on, each.on),
            ("scale", first.scale, each.scale),
        ):
            if one != other:
                raise MechanismsError(
                    f"juxtapose: the {what} of '{next(iter(answers))}' is {one}, that of '{name}' {other}: rows beside each other "
                    "answer one question. Ask both theories the same"
                )
    labels = dict.fromkeys(row.label for each in answers.values() for row in each.rows)
    rows = tuple(
        _name(row, name, each)
        for label in labels
        for name, each in answers.items()
        for row in each.rows
        if row.label == label
    )
    return replace(
        first,
        title=f"Effects of {first.of} on {first.on}: {listed(list(answers))}",
        rows=rows,
        contrast=_join({name: each.contrast for name, each in answers.items()}),
        population=_join({name: each.population for name, each in answers.items()}),
        assumptions=_share({name: each.assumptions for name, each in answers.items()}),
        notes=_share({name: each.notes for name, each in answers.items()}),
    )


def _name(row: Effect, name: str, each: Effects) -> Effect:
    return replace(row, label=f"{row.label} [{name}]", contrast=row.contrast or each.contrast)


def _join(said: Mapping[str, str]) -> str:
    """What all say, once; else each with its name."""
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{name}: {text}" for name, text in said.items())


def _share(said: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The sentences of all, once each; those that only some say with their names."""
    found = []
    for sentence in dict.fromkeys(one for each in said.values() for one in each):
        whose = [name for name, each in said.items() if sentence in each]
        found.append(sentence if len(whose) == len(said) else f"{listed(whose)}: {sentence}")
    return tuple(found)
