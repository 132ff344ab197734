"""By what an effect travels between courses, departures, trends and changes: neither lost on the way nor made up."""

import pytest

from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.identification import identify
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Question

HEAD = "levels: [session, client]\ntime: session\n"
THREE = HEAD.replace("client]", "client, therapist]") + 'variables: {"a, y": , z: {level: client}}\narrows:\n'
TWO = HEAD + 'variables: {"a, x, y": , z: {level: client}}\narrows:\n'
CHANGE = (
    HEAD
    + """
variables: {y: , "th, out": {level: client}, ch: {is: y - y(0)}, g: {level: client, is: session -> y}}
arrows:
  ch(3) -> out:
"""
)
NO_G = CHANGE.replace(", g: {level: client, is: session -> y}", "")
SINCE = HEAD + "variables: {y: , th: {level: client}}\narrows:\n  th -> y: {only_when: {session: 1..}}\n"
ANSWERS = "levels: [answer, session, client]\ntime: session\n"

DRAWN = (
    HEAD
    + """
variables: {"x, m, y": }
arrows:
  x(t-1) -> x, m, y:
  m(t-1) -> m, y:
  y(t-1) -> y, x:
  m(t-1) <-> y:
"""
)

# name: theory, question, arrows that must be among those that carry the change: never a false zero
CARRIED = {
    "a client's own part": (THREE + "  z(client) -> a:\n  a(client) -> y:\n", {"of": "z", "on": "y"},
                            "z a(client); a(client) y(client)"),
    "both parts": (THREE + "  z(client), z(therapist) -> a:\n  a(client) -> y:\n", {"of": "z", "on": "y"},
                   "z a(client); a(client) y(client)"),
    "both parts, the therapist's": (
        THREE + "  z(client), z(therapist) -> a:\n  a(client) -> y:\n", {"of": "z(therapist)", "on": "y"},
        "z(therapist) a(therapist); a(client) y(client)",
    ),
    "a part that nothing lies above": (TWO + "  z(client) -> a:\n  a(client) -> y:\n", {"of": "z", "on": "y"},
                                       "z a(client); a(client) y(client)"),
    "the whole": (THREE + "  z(whole) -> a:\n  a(client) -> y:\n", {"of": "z", "on": "y"}, "z a(client)"),
    "moderated by a session's": (TWO + "  z -> a: {moderated_by: x}\n  a(client) -> y:\n", {"of": "z", "on": "y"},
                                 "z a(client); a(client) y(client)"),
    "moderated by a session's, here": (TWO + "  z -> a: {moderated_by: x}\n", {"of": "z", "on": "a(2)"},
                                       "z a(client); z a(2)"),
    "moderated by time": (TWO + "  z -> a: {moderated_by: session}\n  a(client) -> y:\n", {"of": "z", "on": "y"},
                          "z a(client); a(client) y(client)"),
    "moderates a trend only": (TWO + "  session -> y: {moderated_by: z}\nwithout: [z -> y]\n", {"of": "z", "on": "y(3)"},
                               "z y(client)"),
    "below the time level": (
        ANSWERS + "variables: {x: {level: session}, y: {level: answer}, z: {level: client}}\narrows:\n  z -> x -> y:\n",
        {"of": "z", "on": "y"}, "z x(client); x(client) y(2)",
    ),
    "a trend in a change": (NO_G + "  session -> y: {moderated_by: th}\n", {"of": "th", "on": "ch(3)"},
                            "th y(client); y(client) ch(3)"),
    "a trend in a change, onward": (NO_G + "  session -> y: {moderated_by: th}\n", {"of": "th", "on": "out"},
                                    "y(client) ch(3); ch(3) out"),
    "more and more in a change": (NO_G + "  th -> y: {moderated_by: session}\n", {"of": "th", "on": "ch(3)"},
                                  "th y(client); y(client) ch(3)"),
    "a slope in a change": (CHANGE + "  session -> y: {varies_by: client}\n  th -> g:\n", {"of": "th", "on": "ch(3)"},
                            "th g; g y(client); y(client) ch(3)"),
    "from some occasion on": (SINCE, {"of": "th", "on": "y(2)"}, "th y(client); y(client) y(whole·2)"),
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIED)
def test_what_carries_an_effect(name):
    text, said, wanted = CARRIED[name]
    found = identify(parse(text), Question(**said))
    assert found.identified, found.reason
    assert {tuple(each.replace("·", " ") for each in pair.split()) for pair in wanted.split("; ")} <= found.arrows


def test_a_mean_of_occasions_leaves_out_those_that_nothing_reaches():
    found = identify(parse(SINCE), Question(of="th", on="y"))
    assert ("y(client)", "y(whole 1)") in found.arrows
    assert ("y(client)", "y(whole 0)") not in found.arrows


# name: theory, question, the error, what it says
STOPPED = {
    "R13, a coarser course": (
        THREE + "  z -> a:\n  a(therapist) -> y:\n", {"of": "z", "on": "y"}, SpecError,
        "only a\\(therapist\\) reaches y: draw a\\(client\\) -> y",
    ),
    "a constant cause of a change": (
        NO_G + "  th -> y:\n", {"of": "th", "on": "ch(3)"}, IdentificationError, "no way leads from th to ch",
    ),
    "before it begins": (SINCE, {"of": "th", "on": "y(0)"}, IdentificationError,
                         "at other occasions only: the effect on y\\(0\\) is zero"),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPPED)
def test_what_does_not_travel(name):
    text, said, kind, message = STOPPED[name]
    with pytest.raises(kind, match=message):
        identify(parse(text), Question(**said))


def test_what_is_drawn_is_not_assumed_away():
    found = identify(parse(DRAWN), Question(of="x(1)", on="y(3)", kind="indirect", through="m"))
    assert found.identified
    assert found.assumptions[:2] == (
        "No unmeasured common cause of x(1) and m or y(3).",
        "No unmeasured common cause of m and y(3) other than those drawn.",
    )


def test_several_cuts_are_one_assumption():
    text = HEAD + 'variables: {th: {level: client}, "a, b, y": }\narrows:\n  th -> a, b, y:\n  a(t-1), b(t-1) -> y:\n'
    cut = [each for each in identify(parse(text), Question(of="th", on="y")).assumptions if each.startswith("th moves")]
    assert len(cut) == 1
    assert cut[0].endswith("to let one carry, draw a(client) -> y or b(client) -> y.")
