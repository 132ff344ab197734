"""Theories built by hand and random graphs, so that this room needs no reader."""

import random
from itertools import chain, pairwise

import pytest

from mechanisms.graph.graph import Graph
from mechanisms.spec.theory import Arrow, HiddenCause, Level, Theory, Variable


def build_theory(arrows, *, without=(), moderators=None, **design):
    """`build("x -> m -> y; x <-> y", x={"assigned": "randomised"}, moderators={"x -> y": ["w * z"]})`."""
    said, hidden, names = [], [], {}
    for statement in filter(None, (part.strip() for part in arrows.split(";"))):
        mark = "<->" if "<->" in statement else "->"
        steps = [step.strip() for step in statement.split(mark)]
        names |= dict.fromkeys(steps)
        for cause, effect in pairwise(steps):
            if mark == "<->":
                hidden.append(HiddenCause(one=cause, other=effect))
            else:
                options = (moderators or {}).get(f"{cause} -> {effect}", ())
                products = tuple(tuple(word.strip() for word in product.split("*")) for product in options)
                said.append(Arrow(cause=cause, effect=effect, moderated_by=products))
    plain = [name.partition("=")[0].partition("(")[0] if "=" in name else name for name in names]
    plain = [name for name in dict.fromkeys([*plain, *design]) if "(" not in name]
    return Theory(
        variables=tuple(Variable(name=name, **design.get(name, {})) for name in plain),
        arrows=tuple(said),
        hidden=tuple(hidden),
        without=tuple(tuple(step.strip() for step in text.split("->")) for text in without),
    )


def random_graph(seed, nodes, density, *, hidden=0, unmeasured=0):
    """A random DAG whose declared order is not its causal order."""
    chance = random.Random(seed)
    order = [f"v{index}" for index in range(nodes)]
    chance.shuffle(order)
    arrows = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :] if chance.random() < density]
    pairs = [tuple(sorted(chance.sample(order, 2))) for _ in range(hidden)]
    unseen = frozenset(chance.sample(order, unmeasured))
    return Graph(tuple(sorted(order)), tuple(arrows), tuple(dict.fromkeys(pairs)), unseen), order


LADDER = (
    Level(name="session", within=("client",)),
    Level(name="client", within=("therapist",)),
    Level(name="therapist"),
)


def build_levels(arrows, *, levels=LADDER, time=("session",), options=None, without=(), **design):
    """`build_levels("a(t-1) -> y", options={"a(t-1) -> y": {"varies_by": ("client",)}}, z={"level": "client"})`."""
    said, hidden = [], []
    for statement in filter(None, (part.strip() for part in arrows.split(";"))):
        mark = "<->" if "<->" in statement else "->"
        steps = [step.strip() for step in statement.split(mark)]
        for cause, effect in pairwise(steps):
            if mark == "<->":
                hidden.append(HiddenCause(one=cause, other=effect))
            else:
                said.append(Arrow(cause=cause, effect=effect, **(options or {}).get(f"{cause} -> {effect}", {})))
    ends = [term for arrow in said for term in (arrow.cause, arrow.effect, *chain(*arrow.moderated_by))]
    ends += [term for pair in hidden for term in (pair.one, pair.other)]
    names = dict.fromkeys([*(term.name for term in ends), *design])
    return Theory(
        levels=levels,
        time=time,
        variables=tuple(
            Variable(name=name, **design.get(name, {}))
            for name in names
            if name not in ("1", *(e.name for e in levels))
        ),
        arrows=tuple(said),
        hidden=tuple(hidden),
        without=tuple(tuple(step.strip() for step in text.split("->")) for text in without),
    )


@pytest.fixture
def leveled():
    return build_levels


@pytest.fixture
def build():
    return build_theory


@pytest.fixture
def randomly():
    return random_graph
