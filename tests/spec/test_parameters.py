"""Parameter files: what is read, and what is refused with its line."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec.arrangement import Count, Each, Occasions
from mechanisms.spec.parameters import Bernoulli, Normal, Shares, parse_parameters, read_parameters

TEXT = """\
n: 200
exogenous:
  x: {normal: [1.5, 2]}
  sex: {bernoulli: 0.5}
  step: {shares: {1: 0.3, 2: 0.7}}
correlations:
  x <-> sex: -0.2
parameters:
  1 -> y: 0
  x -> y: 0.3
  x * sex -> y: 1e-1
  sigma(y): 0.95
"""


def test_what_is_read(tmp_path):
    found = parse_parameters(TEXT)
    assert found.n == 200
    assert found.exogenous == {"x": Normal(1.5, 2), "sex": Bernoulli(0.5), "step": Shares(("1", "2"), (0.3, 0.7))}
    assert found.correlations == {("sex", "x"): -0.2}
    assert found.values == {"1 -> y": 0, "x -> y": 0.3, "x * sex -> y": 0.1, "sigma(y)": 0.95}
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    assert read_parameters(path) == read_parameters(str(path)) == found
    assert read_parameters(path).place.file == str(path)


def test_a_correlation_of_two_modelled_variables_is_a_parameter():
    assert parse_parameters(TEXT + "  m <-> y: 0.4\n").values["m <-> y"] == 0.4


def test_nothing_of_it_can_be_changed():
    with pytest.raises(TypeError):
        parse_parameters(TEXT).values["x -> y"] = 1


REFUSED = [
    ("n: 200\n", "", 1, "'n' is missing; a parameter file needs n, exogenous and parameters"),
    ("n: 200", "n: 20.5", 1, "n: a whole number of rows is wanted, at least 1, not 20.5"),
    ("n: 200", "n: many", 1, "n: 'many' is not a number"),
    ("correlations:", "correlation:", 6, r"unknown key 'correlation'\. Did you mean 'correlations'\?"),
    ("{bernoulli: 0.5}", "0.5", 4, "exogenous: sex: one distribution is wanted"),
    ("{bernoulli: 0.5}", "{bernouli: 0.5}", 4, r"sex: unknown distribution 'bernouli'\. Did you mean 'bernoulli'\?"),
    ("{bernoulli: 0.5}", "{bernoulli: 1}", 4, "bernoulli takes a share between 0 and 1, not 1"),
    ("[1.5, 2]", "[1.5, 0]", 3, "normal takes a mean and an sd above 0, not 0"),
    ("[1.5, 2]", "1.5", 3, "exogenous: x: normal: two numbers are wanted"),
    ("2: 0.7", "2: 0.6", 5, r"step: shares takes two or more values, .* these sum to 0.9"),
    ("{1: 0.3, 2: 0.7}", "[1, 2]", 5, "step: shares: a mapping is wanted"),
    ("{1: 0.3, 2: 0.7}", "{1: .inf, 2: 0.7}", 5, "'.inf' is not a number"),
    ("x <-> sex: -0.2", "x -> sex: -0.2", 7, r"'x -> sex' is not a pair; write a <-> b"),
    ("x <-> sex: -0.2", "x <-> sx: -0.2", 7, r"'sx' is not under exogenous\. Did you mean 'sex'\?"),
    ("x <-> sex: -0.2", "x <-> sex: 1", 7, "a correlation lies between -1 and 1, not at 1"),
    ("x <-> sex: -0.2", "x <-> sex: -0.2\n  sex <-> x: 0", 8, "'sex <-> x' is 'x <-> sex' said twice"),
    ("sigma(y): 0.95", "sex * x -> y: 0", 12, r"'sex \* x -> y' is 'x \* sex -> y' said twice"),
    ("sigma(y): 0.95", "x <-> y: 0.2", 12, "'x <-> y' belongs under correlations"),
    ("sigma(y): 0.95", "x -> m -> y: 0.2", 12, "one arrow"),
    ("sigma(y): 0.95", "sigma(y): [0.95]", 12, "one text is wanted, not a list"),
    ("sigma(y): 0.95", "sd(1 -> y): 1", 12, "write sd"),
    (TEXT, "# nothing\n", None, "the text is empty; a parameter file needs n, exogenous and parameters"),
    (TEXT, "- n\n", 1, "a parameter file is a mapping of keys; it needs n"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), REFUSED)
def test_what_is_refused(old, new, line, message):
    assert old in TEXT
    with pytest.raises(SpecError, match=message) as caught:
        parse_parameters(TEXT.replace(old, new), "p.yaml")
    assert (caught.value.place.file, caught.value.place.line) == ("p.yaml", line)


@pytest.mark.parametrize("name", ["job", "", "../jobs", "nowhere/jobs.yaml"])
def test_unknown_name(name):
    with pytest.raises(SpecError):
        read_parameters(name)
    with pytest.raises(SpecError, match=r"there are no parameters for 'job'\. Did you mean 'jobs'\?"):
        read_parameters("job")


# --- levels ---

LEVELS = """\
n: 86
design:
  therapist: {client: 4..8}
  clinic: 3
  session: {occasions: [0, 2, 5], dropout: 0.05, missed: 0.1}
  visit:
exogenous: {}
parameters:
  sd(1 -> y | client): 0.7
  sigma(y | first): 2
  cor(client):
    1 -> y <-> x(t-1) -> y: 0.2
  cor(therapist): 0
"""


def test_what_is_read_of_levels():
    found = parse_parameters(LEVELS)
    assert found.design == {
        "therapist": Each("client", 4, 8),
        "clinic": Count(3),
        "session": Occasions((0, 2, 5), 0.05, 0.1),
        "visit": Occasions(),
    }
    assert found.values == {
        "sd(1 -> y | client)": 0.7, "sigma(y | first)": 2, "cor(client)": {"1 -> y <-> x(t-1) -> y": 0.2},
        "cor(therapist)": {},
    }  # fmt: skip
    ranged = parse_parameters(LEVELS.replace("[0, 2, 5]", "1..4").replace("4..8", "5"))
    assert ranged.design["session"].grid == (1, 2, 3, 4)
    assert ranged.design["therapist"] == Each("client", 5, 5)
    with pytest.raises(TypeError):
        found.design["therapist"] = Count(1)


REFUSED_OF_LEVELS = [
    ("{client: 4..8}", "{client: 8..4}", 3, "therapist: client: a range counts upward from 1, 4..8"),
    ("{client: 4..8}", "{client: 0..4}", 3, "a range counts upward from 1"),
    ("{client: 4..8}", "{client: few}", 3, "a whole number or a range is wanted, 5 or 4..8, not 'few'"),
    ("{client: 4..8}", "{}", 3, "therapist: therapist: .* is wanted"),
    ("clinic: 3", "clinic: 0", 4, "clinic: a whole number of units is wanted, at least 1"),
    ("clinic: 3", "clinic: 3..5", 4, "clinic: a whole number of units is wanted, at least 1"),
    ("dropout", "drop_out", 5, r"session: unknown key 'drop_out'. Did you mean 'dropout'\?"),
    ("dropout: 0.05", "dropout: 1", 5, "dropout: a share from 0 to below 1 is wanted, not 1"),
    ("[0, 2, 5]", "[0, 5, 2]", 5, "occasions: two or more occasions in order"),
    ("[0, 2, 5]", "[0]", 5, "occasions: two or more occasions in order"),
    ("0.2\n", "1\n", 12, "a correlation lies between -1 and 1, not at 1"),
    ("1 -> y <-> x(t-1) -> y", "1 -> y <-> y z", 12, "'y z'"),
    ("1 -> y <-> x(t-1) -> y", "1 -> y <-> 1 -> y", 12, "joins 1 -> y to itself"),
    ("0.2\n", "0.2\n    x(t-1) -> y <-> 1 -> y: 0.2\n", 13, "is said twice"),
    ("cor(therapist): 0", "cor(therapist): 0.3", 13, "a correlation for each pair, .*, or 0 for none"),
    ("cor(therapist): 0", "cor(therapist): [0]", 13, "a correlation for each pair"),
    ("sigma(y | first): 2", "sigma(y | first): {a: 2}", 10, "one text|text is wanted"),
    ("sigma(y | first)", "sigma(y | last)", 10, "sigma"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), REFUSED_OF_LEVELS)
def test_what_is_refused_of_levels(old, new, line, message):
    assert old in LEVELS
    with pytest.raises(SpecError, match=message) as caught:
        parse_parameters(LEVELS.replace(old, new), "p.yaml")
    assert (caught.value.place.file, caught.value.place.line) == ("p.yaml", line)
