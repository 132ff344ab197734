"""Questions about theories with levels: what they are read as, whether they are identified, and what refuses them."""

import itertools
import random

import networkx as nx
import pytest

from mechanisms.errors import IdentificationError, MechanismsError, SpecError
from mechanisms.graph.graph import between, descendants, to_networkx
from mechanisms.graph.identification import identify, require
from mechanisms.graph.wording import explain_nodes
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Question

HEAD = "levels: [session, client]\ntime: session\n"
EXAMPLE = """
levels: {session: {in: client, occasions: [0, 2, 5, 10, 16]}, client: }
time: session
variables:
  alliance:  {means: CALPAS, only_when: {session: [2, 5, 10]}, assessed: end}
  bdi:       {range: [0, 63], assessed: start}
  change:    {is: bdi - bdi(0), means: Change so far}
  diagnosis: {level: client, family: categorical, values: [anxiety, depression]}
arrows:
  alliance(t-1) -> bdi: {varies_by: client, moderated_by: diagnosis, because: Alliance is followed by change}
  bdi(t-1), change(t-1) -> bdi:
  change -> alliance:
"""
THERAPY = (
    HEAD
    + """
variables: {therapy: {level: client, assigned: randomised}, "self_efficacy, symptoms": }
arrows:
  therapy -> self_efficacy:
  self_efficacy(t-1) -> symptoms:
"""
)
CLPM = (
    HEAD
    + """
variables: {"x, y": }
arrows:
  x(t-1), y(t-1) -> x, y:
  x <-> y:
"""
)
MEDIATED = (
    HEAD
    + """
variables: {"x, m, y": }
arrows:
  x(t-1) -> x, m, y:
  m(t-1) -> m, y:
  y(t-1) -> y:
"""
)
TWO_ONE_ONE = (
    HEAD
    + """
variables: {x: {level: client, assigned: randomised}, "m, y": }
arrows:
  x -> m -> y:
  x -> y:
"""
)
FRONT = (
    HEAD
    + """
variables: {"x, m, y": }
arrows:
  x(t-1) -> m:
  m(t-1) -> y:
  x(t-2) <-> y:
"""
)
NESTED = """
levels: [session, client, therapist]
time: session
variables: {training: {level: therapist, assigned: randomised}, "m, y": }
arrows:
  training -> m:
  m(t-1) -> y:
  m(therapist) -> y:
"""
GROWTH = """
levels: [wave, client]
time: wave
variables:
  therapy: {level: client, assigned: randomised}
  alliance, symptoms:
  ga: {level: client, is: wave -> alliance}
  gs: {level: client, is: wave -> symptoms}
arrows:
  wave -> alliance, symptoms: {varies_by: client}
  therapy -> ga -> gs:
"""
INERTIA = (
    HEAD
    + """
variables:
  mood:
  age: {level: client}
  inertia: {level: client, is: mood(t-1) -> mood}
  relapse: {level: client, family: bernoulli}
arrows:
  mood(t-1) -> mood: {varies_by: client}
  age -> mood, inertia:
  mood(client), inertia -> relapse:
"""
)
SURVIVAL = (
    HEAD
    + """
variables:
  therapy: {level: client, assigned: randomised}
  alliance: {assessed: end}
  dropout: {family: hazard, assessed: start}
arrows:
  therapy -> alliance, dropout:
  alliance(t-1) -> dropout:
"""
)

LATE = """
levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }
time: session
variables: {x: {level: client}, m: , y: }
arrows:
  x -> m: {only_when: {session: 2..}}
  m(whole) -> y: {only_when: {session: 2..}}
  x -> y: {only_when: {session: 1..}}
  1 -> m, y: {varies_by: []}
"""

# name: theory, question, the adjustment sets among the first (words), what the reading says
ANSWERED = {
    "the language's file": (EXAMPLE, {"of": "alliance(5)", "on": "bdi(10)", "at": {"diagnosis": "anxiety"}},
                            "diagnosis bdi(0) bdi(5)", "alliance moved at occasion 5"),
    "one session, relative": (EXAMPLE, {"of": "alliance(t)", "on": "bdi(t+1)"}, "bdi(0) bdi(5)", "occasion 5 stands for t"),
    "ri-clpm": (CLPM, {"of": "x(t)", "on": "y(t+1)"}, "y(2)", "x moved at occasion 2 (its departure; the course stays)"),
    "ri-clpm, the other way": (CLPM, {"of": "y(t)", "on": "x(t+1)"}, "x(2)", "on x at occasion 3"),
    "ri-clpm, three ahead": (CLPM, {"of": "x(t)", "on": "y(t+3)"}, "y(2)", "on y at occasion 5"),
    "ri-clpm, no occasions": (CLPM, {"of": "x", "on": "y"}, "y(2)", "1 occasion later, the longest way drawn"),
    "all from one on": (CLPM, {"of": "x(t..)", "on": "y(t+2)"}, "", "x moved at occasions 2 to 4"),
    "the longest way": (MEDIATED, {"of": "x", "on": "y"}, "x(1); m(2) y(2)", "2 occasions later, the longest way drawn"),
    "named occasion, open outcome": (MEDIATED, {"of": "x(3)", "on": "y"}, "x(2); m(3) y(3)", "on y at occasion 5"),
    "open exposure, named outcome": (MEDIATED, {"of": "x", "on": "y(5)"}, "x(2); m(3) y(3)", "moved at occasion 3"),
    "within, through": (MEDIATED, {"of": "x(t)", "on": "y(t+2)", "kind": "indirect", "through": "m"},
                        "x(1) m(2); m(2) y(2)", "on y at occasion 4"),
    "within, path": (MEDIATED, {"of": "x(t)", "on": "y(t+2)", "kind": "indirect", "through": "x -> m -> y"},
                     "x(1) m(2); m(2) y(2)", ""),
    "within, direct": (MEDIATED, {"of": "x(t)", "on": "y(t+1)", "kind": "direct"}, "x(1); m(2) y(2)", ""),
    "random draws need no cross-world": (
        MEDIATED, {"of": "x(t)", "on": "y(t+3)", "kind": "indirect", "through": "m", "mediators": "interventional"},
        "x(1) m(2); m(2) y(2)", "",
    ),
    "set over time": (MEDIATED, {"of": "x(t)", "on": "y(t+2)", "kind": "controlled", "set": {"m": 0}}, "", ""),
    "adjust, enough": (CLPM, {"of": "x(t)", "on": "y(t+1)", "adjust": ()}, None, ""),
    "mean of some occasions": (MEDIATED, {"of": "x(2)", "on": "y(3..5)"}, "x(1); m(2) y(2)", "on y at occasions 3 to 5"),
    "2-1-1 indirect": (TWO_ONE_ONE, {"of": "x", "on": "y", "kind": "indirect", "through": "m"}, "{}",
                       "the mean of its occasions"),
    "2-1-1 direct": (TWO_ONE_ONE, {"of": "x", "on": "y(3)", "kind": "direct"}, "{}", "on y at occasion 3"),
    "2-1-1 total": (TWO_ONE_ONE, {"of": "x", "on": "y(t+1)"}, "{}", "stands for t"),
    "2-1-1 within": (TWO_ONE_ONE, {"of": "m", "on": "y"}, "{}", "at the same occasion"),
    "2-1-1 between": (TWO_ONE_ONE, {"of": "m(client)", "on": "y"}, "x", "the course of m of a client moved"),
    "front door, first door": (FRONT, {"of": "x(t)", "on": "m(t+1)"}, "{}", ""),
    "front door, second door": (FRONT, {"of": "m(t)", "on": "y(t+1)"}, "x(3)", ""),
    "therapists": (NESTED, {"of": "training", "on": "y(10)", "kind": "indirect", "through": "m"}, "{}", "on y at occasion 10"),
    "growth": (GROWTH, {"of": "therapy", "on": "gs", "kind": "indirect", "through": "ga"}, "{}", ""),
    "inertia": (INERTIA, {"of": "inertia", "on": "relapse"}, "mood(client)", ""),
    "a hazard": (SURVIVAL, {"of": "therapy", "on": "dropout(12)", "kind": "indirect", "through": "alliance"}, "{}", ""),
    "indirect at some occasions only": (LATE, {"of": "x", "on": "y", "kind": "indirect"}, "{}", "the mean of its occasions"),
    "through at some occasions only": (LATE, {"of": "x", "on": "y", "kind": "indirect", "through": "m"}, "{}", ""),
    "a path at some occasions only": (LATE, {"of": "x", "on": "y", "kind": "indirect", "through": "x -> m -> y"}, "{}", ""),
    "direct at some occasions only": (LATE, {"of": "x", "on": "y", "kind": "direct"}, "{}", ""),
    "a hazard, within": (SURVIVAL, {"of": "alliance(t)", "on": "dropout(t+1)"}, "{}", ""),
    "hidden between clients, total": (
        TWO_ONE_ONE + "  m(client) <-> y(client):\n", {"of": "x", "on": "y"}, "{}", "the mean of its occasions",
    ),
    "hidden between clients, within": (
        TWO_ONE_ONE + "  m(client) <-> y(client):\n", {"of": "m(t)", "on": "y(t)"}, "{}", "",
    ),
}  # fmt: skip


def in_words(sets):
    return "; ".join(sorted(" ".join(sorted(each)) or "{}" for each in sets))


@pytest.mark.parametrize("name", ANSWERED)
def test_answered(name):
    text, said, sets, reading = ANSWERED[name]
    found = identify(parse(text), Question(**said))
    if name == "adjust, enough":
        assert not found.identified
        assert found.witness[0] == "x(2)"
        return
    assert found.identified, found.reason
    wanted = "; ".join(sorted(" ".join(sorted(each.split())) for each in sets.split("; "))) if sets else ""
    first = itertools.islice(found.adjustment_sets, 50)
    assert in_words(first) == wanted
    assert reading in found.reading


SERIES = """
levels: {session: {in: client, occasions: [1, 2, 3]}, followup: {in: client, occasions: [6, 12]}, client: }
time: [session, followup]
variables: {x: {level: session}, z: {level: session}, y: {level: followup}}
arrows:
  x -> z:
  x(client) -> y:
"""

# name: theory, question, identified without an exception?, what the refusal says
REFUSED = {
    "R13, indirect": (THERAPY, {"of": "therapy", "on": "symptoms", "kind": "indirect", "through": "self_efficacy"},
                      SpecError, "therapy moves the course of self_efficacy, but only its departures reach symptoms: "
                      "draw self_efficacy\\(client\\) -> symptoms"),
    "R13, nothing else": (THERAPY, {"of": "therapy", "on": "symptoms"}, SpecError,
                          "draw self_efficacy\\(client\\) -> symptoms"),
    "R13, by a course": (
        THERAPY, {"of": "self_efficacy(client)", "on": "symptoms"}, IdentificationError,
        "ask of self_efficacy\\(t\\), or draw self_efficacy\\(client\\) -> symptoms",
    ),
    "R13, the other way": (
        HEAD + "variables: {'a, m': , z: {level: client}}\narrows:\n  a -> m -> z:\n", {"of": "a(t)", "on": "z"},
        IdentificationError, "a\\(t\\) moves departures of a, and a departure does not move a course, which z follows.*ask of a\\(client\\)",
    ),
    "departures only": (CLPM, {"of": "x(client)", "on": "y"}, IdentificationError, "ask of x\\(t\\)"),
    "no way": (FRONT, {"of": "y(t)", "on": "x(t+1)"}, IdentificationError, "no way leads from y\\(t\\) to x\\(t\\+1\\)"),
    "direct too far": (MEDIATED, {"of": "x(t)", "on": "y(t+2)", "kind": "direct"}, IdentificationError,
                       "x\\(2\\) has no arrow into y\\(4\\)"),
    "absent": (EXAMPLE, {"of": "alliance(0)", "on": "bdi(5)"}, SpecError, "alliance does not exist at occasion 0"),
    "not on the grid": (EXAMPLE, {"of": "alliance(3)", "on": "bdi(5)"}, SpecError, "session has no occasion 3"),
    "t and a name": (CLPM, {"of": "x(t)", "on": "y(4)"}, SpecError, "alike.*x\\(t\\) on y\\(4\\).*y\\(t\\+1\\), or x\\(4\\)"),
    "t on and a name": (CLPM, {"of": "x(t..)", "on": "y(4)"}, SpecError, "alike"),
    "t on and names": (CLPM, {"of": "x(t..)", "on": "y(3..4)"}, SpecError, "alike"),
    "a name and t": (CLPM, {"of": "x(1)", "on": "y(t)"}, SpecError, "alike.*write for instance y\\(1\\)"),
    "no arrow of its own": (THERAPY + "  self_efficacy(client) -> symptoms:\n",
                            {"of": "therapy", "on": "symptoms", "kind": "direct"}, IdentificationError,
                            "therapy has no arrow into symptoms: the direct effect"),
    "no way at any occasion": (LATE, {"of": "x", "on": "y(0..1)", "kind": "indirect"}, IdentificationError,
                               "x reaches y\\(0..1\\) by its own arrow only"),
    "through no occasion": (LATE, {"of": "x", "on": "y(0..1)", "kind": "indirect", "through": "m"}, IdentificationError,
                            "m lies on no directed path from x to y\\(0..1\\)"),
    "held at all occasions": (LATE, {"of": "x", "on": "y", "kind": "indirect", "at": {"m": 1}}, SpecError, "cannot be held by"),
    "two series": (SERIES, {"of": "x", "on": "z"}, SpecError, "session and followup have different occasions"),
    "too early": (MEDIATED, {"of": "x", "on": "y(1)"}, SpecError, "is too early for x"),
    "backwards": (MEDIATED, {"of": "x(5)", "on": "y(3)"}, SpecError, "the future does not cause the past"),
    "time itself": (GROWTH, {"of": "wave", "on": "symptoms"}, SpecError, "time itself"),
    "computed": (EXAMPLE, {"of": "change(5)", "on": "bdi(10)"}, SpecError, "computed and cannot be moved"),
    "at a consequence": (MEDIATED, {"of": "x(t)", "on": "y(t+2)", "at": {"m": 1}}, SpecError, "cannot be held by looking"),
    "held away": (FRONT, {"of": "x(t)", "on": "y(t+2)", "kind": "controlled", "set": {"m": 0}}, IdentificationError,
                  "by m only, which is held"),
    "a path of another time": (FRONT, {"of": "x(t)", "on": "y(t+1)", "kind": "indirect", "through": "x -> m -> y"},
                               IdentificationError, "no way leads from"),
}  # fmt: skip


def test_a_legend_explains_the_nodes_that_are_named_and_no_part_of_their_names():
    graph = identify(parse(CLPM.replace("x", "am")), Question(of="am(t)", on="y(t+1)")).graph
    assert explain_nodes(graph, "{am(2)}").startswith("am(2) is the departure of am from its course at occasion 2")
    assert explain_nodes(graph, "{tam(2), _y(client)}") == ""


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    text, said, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        identify(parse(text), Question(**said))


# name: theory, question, witness, reason
FORBIDDEN = {
    "recants over time": (MEDIATED, {"of": "x(t)", "on": "y(t+3)", "kind": "indirect", "through": "m"}, ("x(3)",),
                          "'x(3)' recants"),
    "a path recants over time": (
        MEDIATED, {"of": "x(t)", "on": "y(t+3)", "kind": "indirect", "through": "x -> m -> y"}, ("x(3)",), "recants",
    ),
    "front door over time": (FRONT, {"of": "x(t)", "on": "y(t+2)"}, ("x(4)", "y(6)", "y(whole 6)"), "x(4) <-> y(6)"),
    "growth beside the course": (GROWTH, {"of": "ga", "on": "symptoms(3)"}, ("ga", "symptoms(client)", "symptoms(whole 3)"),
                                 "ga <-> symptoms(client)"),
    "hidden between clients": (
        TWO_ONE_ONE + "  m(client) <-> y(client):\n", {"of": "x", "on": "y", "kind": "indirect", "through": "m"},
        ("m(client)", "y(client)"), "a hidden common cause joins m(client) and y(client)",
    ),
    "hidden at one session": (
        TWO_ONE_ONE + "  m <-> y:\n", {"of": "m(t)", "on": "y(t)"}, ("m(2)", "y(2)", "y(whole 2)"), "m(2) <-> y(2) -> y(whole 2)",
    ),
    "nothing measures it": (
        HEAD + "variables: {f: {measured_by: []}, y: }\narrows:\n  f(t-1) -> y:\n", {"of": "f(t)", "on": "y(t+1)"},
        ("f(2)",), "nothing measures f(2)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORBIDDEN)
def test_not_identified(name):
    text, said, witness, reason = FORBIDDEN[name]
    found = identify(parse(text), Question(**said))
    assert not found.identified
    assert found.witness == witness
    assert reason in found.reason
    with pytest.raises(IdentificationError, match="not identified"):
        require(found)


def random_theory(chance):
    """Two to four repeated variables and a client's, joined at random by parts, lags and hidden causes."""
    names = ["a", "b", "c"][: chance.randint(2, 3)]
    lines = [HEAD + f'variables: {{"{", ".join(names)}": , z: {{level: client}}}}', "arrows:"]
    for index, one in enumerate(names):
        if chance.random() < 0.7:
            lines.append(f"  {one}(t-1) -> {one}:")
        if chance.random() < 0.4:
            lines.append(f"  z -> {one}:")
        for other in names[index + 1 :]:
            if chance.random() < 0.5:
                lines.append(f"  {chance.choice([one, f'{one}(session)', f'{one}(client)'])} -> {other}:")
            if chance.random() < 0.5:
                lines.append(f"  {one}(t-1) -> {other}:")
            if chance.random() < 0.4:
                lines.append(f"  {other}(t-1) -> {one}:")
            if chance.random() < 0.25:
                lines.append(f"  {one} <-> {other}:")
    return parse("\n".join([*lines, f"  z -> {names[-1]}:" if len(lines) == 2 else ""])), names


def smallest_sets(graph, of, on, most):
    """Every minimal adjustment set of at most so many nodes, by trying all of them in the graph without first steps."""
    drawn = to_networkx(graph)
    causal = set(between(graph, of, on)) - {of}
    forbidden = causal | {node for each in causal for node in descendants(graph, each)}
    drawn.remove_edges_from([(of, node) for node in causal])
    near = nx.ancestors(drawn, of) | nx.ancestors(drawn, on)
    usable = [node for node in graph.nodes if node in near and node not in forbidden | {of, on}]
    found = []
    for size in range(most + 1):
        for given in map(set, itertools.combinations(usable, size)):
            if not any(each <= given for each in found) and nx.is_d_separator(drawn, {of}, {on}, given):
                found.append(given)
    return found


def test_sets_over_time_agree_with_brute_force():
    compared = 0
    for seed in range(40):
        theory, (first, *_, last) = random_theory(random.Random(seed))
        for of, on in ((f"{first}(t)", f"{last}(t+1)"), ("z", f"{last}(2)"), (f"{first}(client)", f"{last}(2)")):
            try:
                found = identify(theory, Question(of=of, on=on))
            except MechanismsError:
                continue
            for (node,), outcome in found.parts:
                small = [set(each) for each in itertools.islice(found.adjustment_sets, 400) if len(each) <= 2]
                wanted = smallest_sets(found.graph, node, outcome, 2)
                assert sorted(map(sorted, small)) == sorted(map(sorted, wanted)), (seed, of, on)
                compared += 1
    assert compared >= 40


def test_what_is_not_identified_has_no_set():
    """The verdict on random theories against brute force: where no set of any size does, adjustment must not be claimed."""
    claimed, refused = 0, 0
    for seed in range(40, 90):
        theory, names = random_theory(random.Random(seed))
        try:
            found = identify(theory, Question(of=f"{names[0]}(0)", on=f"{names[-1]}(1)"))
        except MechanismsError:
            continue
        of, on = f"{names[0]}(0)", next(node for node in found.graph.nodes if node.startswith(f"{names[-1]}(whole"))
        exists = bool(smallest_sets(found.graph, of, on, 4))
        claimed += found.identified
        refused += not found.identified
        assert found.identified == exists
    assert claimed >= 5
    assert refused >= 3


def test_every_answer_is_quick(taken):
    def answer():
        for text, said, _, _ in ANSWERED.values():
            assert repr(identify(parse(text), Question(**said)))

    assert taken(answer) < len(ANSWERED)
