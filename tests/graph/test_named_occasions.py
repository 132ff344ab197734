"""Questions that name occasions and parts beside their two sides (language 1.10): each means that node and no other."""

from itertools import islice

import pytest

from mechanisms.errors import IdentificationError, MechanismsError
from mechanisms.graph.identification import identify
from mechanisms.graph.placing import place
from mechanisms.graph.question import list_arrows
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Question
from mechanisms.spec.writer import write

THEORY = """
levels: {session: {in: client, occasions: [0, 1, 2, 3, 4]}, client: }
time: session
variables: {"a, m, y": , z: {level: client}}
arrows:
  a(t-1) -> a, m, y:
  m(t-1) -> m, y:
  y(t-1) -> y, a:
  z -> a, y:
"""
THROUGH = {"kind": "indirect"}
ANSWERED = [  # question, a field of its aim, the nodes
    ({"adjust": ["m(1)", "y(1)"]}, "adjust", ("m(1)", "y(1)")),
    ({"adjust": ["y", "m(client)"]}, "adjust", ("y(client)", "y(0)", "y(1)", "m(client)")),
    ({"adjust": ["a"]}, "adjust", ("a(client)", "a(0)")),
    ({"through": "m(2)", **THROUGH}, "through", (("m(2)",),)),
    ({"through": "y", **THROUGH}, "through", (("y(0)", "y(1)", "y(2)"),)),
    ({"set": {"m(2)": 1}}, "held", ("m(2)",)),
    ({"set": {"y(2)": 1}}, "held", ("y(2)",)),
    ({"at": {"y(0)": 1}}, "conditions", ("y(client)", "y(0)")),
    ({"at": {"m(client)": 1}}, "conditions", ("m(client)",)),
]


@pytest.fixture(scope="module")
def theory():
    return parse(THEORY)


@pytest.mark.parametrize(("asked", "field", "nodes"), ANSWERED, ids=lambda value: str(value)[:30])
def test_a_named_occasion_is_that_node_only(theory, asked, field, nodes):
    (aim,) = place(theory, Question(of="a(1)", on="y(3)", **asked)).aims
    found = getattr(aim, field)
    assert set(found) == set(nodes) and len(found) == len(nodes)


def test_the_sets_that_are_answered_can_be_asked(theory):
    answer = identify(theory, Question(of="a(1)", on="y(3)"))
    sets = tuple(islice(answer.adjustment_sets, 3))
    assert {"m(1)", "y(1)"} in sets
    for found in sets:
        again = identify(theory, Question(of="a(1)", on="y(3)", adjust=tuple(sorted(found))))
        assert again.identified
    assert not identify(theory, Question(of="a(1)", on="y(3)", adjust=("y(1)",))).identified


def test_a_path_of_occasions_is_that_path(theory):
    def arrows(path):
        (aim,) = place(theory, Question(of="a(1)", on="y(3)", kind="indirect", through=path)).aims
        return list_arrows(place(theory, Question(of="a(1)", on="y(3)")).graph, aim)

    wanted = {("a(1)", "m(2)"), ("m(2)", "y(3)"), ("y(3)", "y(whole 3)")}
    assert arrows("a(1) -> m(2) -> y(3)") == arrows("a -> m(2) -> y") == wanted
    with pytest.raises(IdentificationError, match="it takes another time"):
        identify(theory, Question(of="a(1)", on="y(3)", kind="indirect", through="a -> m(3) -> y"))


REFUSED = [
    ({"adjust": ["m(t-1)"]}, "adjust: 'm(t-1)': name one occasion, m(2)"),
    ({"adjust": ["m(1..2)"]}, "adjust: 'm(1..2)': name one occasion"),
    ({"adjust": ["m(whole 1)"]}, "adjust: 'm(whole 1)': name one occasion"),
    ({"adjust": ["m(7)"]}, "session has no occasion 7"),
    ({"adjust": ["m(4)"]}, "m(4) has no value at the occasions that are asked about"),
    ({"adjust": ["m=1"]}, "m has no declared values"),
    ({"adjust": ["z(2)"]}, "lag does not apply to z"),
    ({"set": {"y(3)": 1}}, "set: y(3) is what the question is about ('of' or 'on')"),
    ({"set": {"y": 1}}, "its value at another occasion is y(0)"),
    ({"at": {"a(1)": 1}}, "at: a(1) is what the question is about"),
    ({"at": {"y(2)": 1}}, "y(2) responds to a(1)"),
]


@pytest.mark.parametrize(("asked", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_means_no_node_is_refused(theory, asked, message):
    with pytest.raises(MechanismsError) as refused:
        identify(theory, Question(of="a(1)", on="y(3)", **asked))
    assert message in str(refused.value)


def test_named_occasions_are_written_and_read_again():
    asked = (
        "questions:\n"
        "  - {of: a(1), on: y(3), kind: indirect, through: a(1) -> m(2) -> y(3)}\n"
        "  - {of: a(1), on: y(3), kind: indirect, through: [m(2)], at: {y(0): 1}, set: {y(2): 1}, adjust: [m(1), 'y( client )']}\n"
    )
    theory = parse(THEORY + asked)
    assert theory.questions[1].adjust == ("m(1)", "y(client)")
    assert parse(write(theory)) == theory


CARRIED = """
levels: {session: {in: client, occasions: [0, 1, 2, 3]}, client: }
time: session
variables: {x: {family: bernoulli}, c: , y: , z: }
arrows: {x(t-1) -> c: , x -> z: , c(t-1) -> y: , z(t-1) -> y: , x(t-1) -> x: }
"""


@pytest.mark.parametrize("asked", [{"of": "x(1)", "on": "y(3)"}, {"of": "x(t)", "on": "y(t+2)"}])
def test_a_session_by_its_number_is_no_course_and_cut_nowhere(asked):
    """x acts on c and z by its whole value; moved at one session it moves their departures, which reach y."""
    carried = parse(CARRIED)
    found = identify(carried, Question(kind="indirect", through="c", mediators="interventional", **asked))
    assert found.identified
    assert not any("counts as nothing" in each for each in identify(carried, Question(**asked)).assumptions)
