"""What is natural elsewhere and wrong here is answered with what the language has instead (language 1.13)."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec.foreign import suggest_lag
from mechanisms.spec.reader import parse

LEVELS = "levels: [session, client]\ntime: session\nvariables: {'a, m, y': , z: {level: client}, g: {level: client, family: bernoulli}}\n"
GRID = LEVELS.replace("[session, client]", "{session: {in: client, occasions: [0, 2, 5]}, client: }")
XY = "variables: {'x, y': , z: {range: [0, 10]}}\n"
ONLY_SUMS = "only sums and differences"
ANSWERS = {
    # --- functions and definitions
    "log of a cause": ("arrows: [log(x) -> y]", ONLY_SUMS),
    "log of a declared cause": (XY + "arrows: [log(x) -> y]", "unknown variable 'log'; only sums and differences"),
    "log of an effect": ("arrows: [x -> log(y)]", "of an effect family: lognormal"),
    "lavaan key": ("arrows: [x -> y]\n'ind := a*b': 2\n", f"':=' is not part of the language: {ONLY_SUMS}"),
    "lavaan line": ("arrows: [x -> y]\nind := a*b\n", f"':=' is not part of the language: {ONLY_SUMS}"),
    "lavaan arrow": ("arrows: [x -> y, 'ind := a*b']\n", f"':=' is not part of the language: {ONLY_SUMS}"),
    "lavaan prior": ("arrows: [x -> y]\npriors: {'ind := a*b': {fixed: 2}}\n", "`mx.simulate` shows what your priors imply"),
    # --- time and families
    "continuous time": ("time: continuous\narrows: [x -> y]", "write a grid of occasions"),
    **{
        f"family {word}": (f"variables: {{y: {{family: {word}}}}}", f"y: family '{word}' is not part of the language; {instead}")
        for word, instead in {
            "binary": "write family: bernoulli", "hmm": "a grid of occasions, and the state", "gaussian": "write family: normal",
            "hidden_markov": "a grid of occasions", "multistate": "a grid of occasions, and the state as a categorical variable",
            "mixture": "declare the classes as a variable", "tobit": "a scale with many at its ends is family: ordered_beta",
        }.items()
    },
    # --- priors
    "prior on a total": ("arrows: [x -> y]\npriors: {total: {normal: [0, 1]}}", "`mx.simulate` shows what your priors imply"),
    "prior on an indirect effect": ("arrows: [x -> y]\npriors: {indirect(x -> y): {fixed: 0}}", "`mx.simulate` shows"),
    "less than": ("arrows: [x -> y]\npriors: {x -> y: {less_than: 3}}", "fixed, same_as, above or below"),
    "greater sign": ("arrows: [x -> y]\npriors: {x -> y: {'>': 3}}", "fixed, same_as, above or below"),
    "product that varies": (
        LEVELS + "arrows:\n  a(t-1) -> y: {moderated_by: z}\npriors: {sd(a(t-1) * z -> y | client): {half_normal: 1}}",
        "A product that varies by client is not part of the language; the nearest is a(t-1) -> y: {varies_by: client}",
    ),
    # --- text and near misses
    "comma in a text": ("variables: {x: {means: bond, goals, tasks}}", 'means: "…, …" with quotes'),
    "circle of levels": ("levels: {s: {in: c}, c: {in: s}}\nvariables: {a: }", "s lies in c and c in s: a circle"),
    "spaces": (LEVELS + "arrows: [a(t - 1) -> y]", "Did you mean 'a(t-1)'?"),
    "capital": (LEVELS + "arrows: [a(T-1) -> y]", "Did you mean 'a(t-1)'?"),
    "square": (LEVELS + "arrows: ['a[t-1] -> y']", "Did you mean 'a(t-1)'?"),
    "square key": (LEVELS + "arrows:\n  a[t-1] -> y:", "round brackets, a(t-1)"),
    "order": (LEVELS + "arrows: [a(t-1 whole) -> y]", "Did you mean 'a(whole t-1)'?"),
    "lag as a name": (LEVELS + "arrows: [a_lag1 -> y]", "A lag is written a(t-1)."),
    "moderated twice": ("arrows:\n  x -> y: {moderated_by: [w, w]}", "x * w -> y is said twice: moderated_by names w twice"),
    # --- what never varies, and what never holds
    "own intercept": (LEVELS + "arrows:\n  1 -> y: {varies_by: [session]}", "y has one value per session; it varies by client"),
    "coarser intercept": (LEVELS + "arrows:\n  1 -> z: {varies_by: [client]}", "z has one value per client; leave the line out"),
    "condition >": (XY + "arrows:\n  x -> y: {only_when: {z: '> 3'}}", "'> 3' is neither a number nor a category; from 3 on is z: 3.."),
    "condition word": (XY + "arrows:\n  x -> y: {only_when: {z: high}}", "z is a number, not 'high'"),
    "condition on a modelled": ("arrows:\n  x -> m:\n  m -> y: {only_when: {m: high}}", "m is a number, not 'high'"),
    "condition beyond": (XY + "arrows:\n  x -> y: {only_when: {z: 20..30}}", "z lies from 0 to 10, never in 20..30"),
    "condition at": (XY + "arrows:\n  x -> y: {only_when: {z: 11}}", "z lies from 0 to 10, never at 11"),
    "condition of time": (LEVELS + "arrows:\n  z -> y: {only_when: {session: x}}", "its occasions are whole numbers, not x"),
    "condition off the grid": (GRID + "arrows:\n  z -> y: {only_when: {session: 6..}}", "session has no occasion in 6..; it has 0, 2 and 5"),
    "condition of 0/1": (LEVELS + "arrows:\n  z -> y: {only_when: {g: 2..}}", "g has no value in 2..; it has 0 and 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_names_what_there_is_instead(name):
    text, message = ANSWERS[name]
    with pytest.raises(SpecError) as refused:
        parse(text)
    assert message in refused.value.message


HOLDS = [
    XY + "arrows:\n  x -> y: {only_when: {z: 5..30}}",
    "variables: {'x, y, arm': }\narrows:\n  x -> y: {only_when: {arm: cbt}}",
    GRID + "arrows:\n  z -> y: {only_when: {session: 1..}}",
    LEVELS + "arrows:\n  z -> y: {only_when: {g: 1..}}",
    LEVELS + "arrows:\n  1 -> y: {varies_by: [client]}",
    "variables: {total: , y: }\narrows: [total -> y]\npriors: {total -> y: {fixed: 0}}",
    "variables: {log: , y: }\narrows: [log -> y]",
]  # fmt: skip


@pytest.mark.parametrize("text", HOLDS)
def test_what_is_right_is_read(text):
    assert parse(text).arrows


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("wai_lag2", " A lag is written wai(t-2)."),
        ("lag_wai", " A lag is written wai(t-1)."),
        ("wail", ""),
        ("x_lag1", ""),
    ],
)
def test_a_lag_spelled_as_a_name(name, hint):
    assert suggest_lag(name, ["wai"]) == hint
