"""What a theory stands for: its coefficients, written ones first, then those its moderators and conditions imply.

The rules are R10 (products), R11 (automatic arrows) and R16 (chains, already taken apart by the reader) of the
language, for theories of one level. The hierarchy principle behind R11 is Nelder's (1977) marginality: a product
stands with the lower-order terms that it contains, unless the author denies them with `without`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations

from mechanisms.errors import NOWHERE, SpecError
from mechanisms.spec.terms import CONSTANT, Term
from mechanisms.spec.theory import LINEAR, Arrow, Condition, HiddenCause, Shape, Theory, Variable

Product = tuple[Term, ...]
Key = tuple[Term, Term]


@dataclass(frozen=True)
class Coefficient:
    """One coefficient with the products that modify it: `cause -> effect [x moderators]`.

    `written` tells whether the author drew it; `reason` says in words where it comes from; `arrow` is the written
    arrow that it (or what implies it) comes from.
    """

    cause: Term
    effect: Term
    shape: Shape
    moderators: tuple[Product, ...]
    written: bool
    reason: str
    arrow: Arrow | None
    added: str = ""  # "moderator", "only_when": the language's word for why it was added

    def __str__(self) -> str:
        notes = [str(self.shape)] if self.shape != LINEAR else []
        if self.moderators:
            notes.append("x " + ", ".join("*".join(map(str, product)) for product in self.moderators))
        if self.written and self.arrow is not None:
            if self.arrow.varies_by:
                notes.append(f"varies by {', '.join(self.arrow.varies_by)}")
            if self.arrow.only_when:
                notes.append(f"only when { {name: list(values) for name, values in self.arrow.only_when.values} }")
        if self.added:
            notes.append(f"added: {self.added}")
        text = f"{self.cause} -> {self.effect}"
        return f"{text}   [{'; '.join(notes)}]" if notes else text


@dataclass(frozen=True)
class Expansion:
    """Every coefficient that a theory stands for, and its hidden common causes."""

    coefficients: tuple[Coefficient, ...]
    hidden: tuple[HiddenCause, ...] = ()

    def parents(self, effect: Term | str) -> tuple[Coefficient, ...]:
        """The coefficients of one effect's equation; a name finds that variable's own equation."""
        return tuple(each for each in self.coefficients if str(each.effect) == str(effect))

    def __repr__(self) -> str:
        return "\n".join([*map(str, self.coefficients), *map(str, self.hidden)])


def expand(theory: Theory) -> Expansion:
    """The coefficients of a single-level theory, written first and then added, each with its reason.

    A product `w * z` that moderates `x -> y` brings `w`, `z` and `w * z`; its own lower-order product `w * z -> y`
    counts as `w` moderated by `z` (by the next factor where `without` denies the first; it goes where all are
    denied). Theories with levels, lags or parts are refused: this stretch reads one level.
    """
    _refuse_levels(theory)
    written = [each for arrow in theory.arrows for each in _written(theory, arrow)]
    table = {(each.cause, each.effect): each for each in written}
    _refuse_said_twice(written)
    spent: set[Key] = set()
    for source in written:
        for cause, word, why in _implied(theory, source):
            key = cause, source.effect
            denials = {key, (cause, replace(source.effect, spread=None))} & set(theory.without)
            if key not in table and not denials:
                table[key] = Coefficient(*key, LINEAR, (), False, f"added: {why}", source.arrow, word)
            spent |= denials - table.keys()
        for product in source.moderators:
            if len(product) > 1:
                _attach(table, source, product)
    _refuse_idle_denials(theory, spent)
    added = [each for each in table.values() if not each.written]
    return Expansion((*(table[each.cause, each.effect] for each in written), *added), theory.hidden)


def computed_from(variable: Variable) -> tuple[Term, ...]:
    """The terms a computed variable is the sum of; nothing for any other variable."""
    text = variable.computed
    if not text or "->" in text or "(" in text:
        return ()
    return tuple(Term(name) for name in dict.fromkeys(re.findall(r"(?<![\w.])[^\W\d][\w.]*", text)))


def _refuse_levels(theory: Theory) -> None:
    terms = [term for arrow in theory.arrows for term in chain((arrow.cause, arrow.effect), *arrow.moderated_by)] + [
        term for cause in theory.hidden for term in (cause.one, cause.other)
    ]
    odd = next((str(term) for term in terms if term.part or term.when), None)
    if theory.levels or theory.time or odd:
        found = f"'{odd}'" if odd else "levels" if theory.levels else "time"
        raise SpecError(f"{found}: theories with levels, parts or lags are not expanded yet", theory.place)


def _written(theory: Theory, arrow: Arrow) -> Iterator[Coefficient]:
    """The coefficients of one written arrow: two where the effect is a hurdle, none for `1 -> y` and loadings."""
    declared = {variable.name: variable for variable in theory.variables}
    cause = declared.get(arrow.cause.name)
    if arrow.cause == CONSTANT or (cause and cause.measured_by and arrow.effect.name in cause.measured_by):
        return
    effect = declared.get(arrow.effect.name)
    spreads = ("any", "amount") if effect and effect.zeros and arrow.effect.plain else (arrow.effect.spread,)
    for spread in spreads:
        yield Coefficient(
            arrow.cause, replace(arrow.effect, spread=spread), arrow.shape, _moderators(arrow), True, "written", arrow
        )


def _moderators(arrow: Arrow) -> tuple[Product, ...]:
    """Every product that a list of moderators stands for, shorter ones first: `w * z` is w, z and w*z."""
    found: dict[frozenset[Term], Product] = {}
    for product in arrow.moderated_by:
        if arrow.cause in product:
            message = f"{arrow}: a variable does not moderate itself; that is shape: quadratic"
            raise SpecError(message, arrow.place)
        for size in range(1, len(product) + 1):
            for part in combinations(product, size):
                found.setdefault(frozenset(part), part)
    return tuple(found.values())


def _implied(theory: Theory, source: Coefficient) -> Iterator[tuple[Term, str, str]]:
    """The main effects that a coefficient brings along: (cause, the language's word, the reason in words)."""
    arrow = source.arrow
    for product in source.moderators:
        if len(product) == 1:
            yield product[0], "moderator", f"{product[0]} moderates {source.cause} -> {source.effect}"
    if arrow is None:
        return
    declared = {variable.name: variable for variable in theory.variables}
    cause, effect = declared.get(arrow.cause.name), declared.get(arrow.effect.name)
    kept = _names(effect.only_when if effect else None)
    for condition in (arrow.only_when, cause.only_when if cause else None):
        for name in _names(condition):
            if name not in kept and name not in (arrow.cause.name, arrow.effect.name):
                yield Term(name), "only_when", f"{source.cause} -> {source.effect} exists only for some {name}"


def _names(condition: Condition | None) -> tuple[str, ...]:
    return tuple(name for name, _ in condition.values) if condition else ()


def _attach(table: dict[Key, Coefficient], source: Coefficient, product: Product) -> None:
    """Give `product -> effect` to the first of its factors with a coefficient of its own, unless it is there."""
    same = [each for each in table.values() if each.effect == source.effect]
    if any(set(product) == {each.cause, *other} for each in same for other in each.moderators):
        return
    for factor in product:
        key = factor, source.effect
        if key in table:
            others = tuple(term for term in product if term != factor)
            reason = f"{table[key].reason}; {'*'.join(map(str, product))} moderates {source.cause} -> {source.effect}"
            table[key] = replace(table[key], moderators=(*table[key].moderators, others), reason=reason)
            return


def _refuse_said_twice(written: list[Coefficient]) -> None:
    seen: dict[tuple[frozenset[Term], Term], Coefficient] = {}
    for each in written:
        for product in ((), *each.moderators):
            factors = frozenset((each.cause, *product))
            other = seen.setdefault((factors, each.effect), each)
            if other is not each:
                text = " * ".join(map(str, (other.cause, *(term for term in factors if term != other.cause))))
                hint = f": {other.cause} moderating {each.cause} is {each.cause} moderating {other.cause}"
                message = f"{text} -> {each.effect} is said twice{hint if product else ''}"
                raise SpecError(message, each.arrow.place if each.arrow else NOWHERE)


def _refuse_idle_denials(theory: Theory, spent: set[Key]) -> None:
    """`without` must leave something out; a theory `based_on` another may have removed the arrow already."""
    for cause, effect in theory.without:
        if (cause, effect) not in spent and theory.based_on is None:
            drawn = any((arrow.cause, arrow.effect) == (cause, effect) for arrow in theory.arrows)
            fault = "it is drawn; draw it or leave it out" if drawn else "there is no such arrow to leave out"
            raise SpecError(f"without: '{cause} -> {effect}': {fault}", theory.place)
