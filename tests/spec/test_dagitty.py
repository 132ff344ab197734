"""dagitty text in and out (language 1.11)."""

import json
import re

import pytest

from mechanisms.errors import IdentificationError, SpecError
from mechanisms.graph.adjustment import adjustment_sets
from mechanisms.graph.graph import descendants, draw
from mechanisms.graph.identification import identify
from mechanisms.spec.dagitty import is_dagitty
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Arrow, Question, Theory, Variable
from mechanisms.spec.writer import write

SAME = [  # dagitty text, YAML text
    ("dag { x -> m -> y; x -> y }", "arrows: [x -> m -> y, x -> y]"),
    ("dag{x->m->y x->y}", "arrows: [x -> m -> y, x -> y]"),
    ("digraph name {\n x -> m\n y <- m\n}", "arrows: [x -> m -> y]"),
    ('dag "my graph" { x -> y }', "arrows: [x -> y]"),
    ("x -> m -> y", "arrows: [x -> m -> y]"),
    ("{a b} -> c <-> d", "variables: {a, b, c, d}\narrows: [a -> c, b -> c, c <-> d]"),
    ("dag { x -> {a, b}; a <-> b }", "arrows: [x -> a, x -> b, a <-> b]"),
    ('dag { bb="0,0,1,1" x [exposure,pos="-1,0.5"] y [outcome] z [adjusted] u [latent] x -> y {z u} -> x {z u} -> y }',
     "variables:\n  x: {pos: [-1, 0.5]}\n  y:\n  z:\n  u: {measured_by: []}\n"
     "arrows: [x -> y, z -> x, u -> x, z -> y, u -> y]\nquestions: [{of: x, on: y, adjust: [z]}]"),
    ("dag { x [e] w [source] y [o] x -> y w -> y }",
     "variables: {x, w, y}\narrows: [x -> y, w -> y]\nquestions: [{of: x, on: y}, {of: w, on: y}]"),
    ('dag { g [family=categorical, values="low,high", label="A grade"] x [range="0,63", unit=points] '
     'g -> y [moderated_by="x * z, w", label="they say"] w z "g=high" -> v }',
     "variables:\n  g: {family: categorical, values: [low, high], means: A grade}\n  x: {range: [0, 63], unit: points}\n"
     "  y, w, z, v:\narrows:\n  g -> y: {moderated_by: [x * z, w], because: they say}\n  g=high -> v:\n"),
    ("dag { x -> y [shape=quadratic, source=Bordin] }", "arrows: {x -> y: {shape: quadratic, source: Bordin}}"),
    ('dag { levels="session,client,therapist" time=session a [measured_by="a1,a2", assessed=end] g [level=client] '
     'd [is="s - s(0)"] n [family=binomial, out_of=a] s [centre=observed] "a(t-1)" -> s [varies_by="client,therapist"] '
     '"a(client)" -> s [shape="spline:4"] session -> s [shape="piecewise:2,5"] g -> n "a(client)" <-> "s(client)" '
     's -> "sigma(a)" [varies_by=""] "s(t-1)" -> s [lag=0] }',
     "levels: [session, client, therapist]\ntime: session\nvariables:\n  a: {measured_by: [a1, a2], assessed: end}\n"
     "  g: {level: client}\n  d: {is: s - s(0)}\n  n: {family: binomial, out_of: a}\n  s: {centre: observed}\n"
     "arrows:\n  a(t-1) -> s: {varies_by: [client, therapist]}\n  a(client) -> s: {shape: {spline: 4}}\n"
     "  session -> s: {shape: {piecewise: [2, 5]}}\n  g -> n:\n  s -> sigma(a): {varies_by: []}\n  s(t-1) -> s:\n"
     "  a(client) <-> s(client):\n"),
    ("dag { 1 -> 10 -> y; 1 -> y; 1 [label=first] }", "variables: {_1: {means: first}, _10: {means: 10}, y: }\n"
     "arrows: [_1 -> _10, _10 -> y, _1 -> y]"),
    ('dag { x [source] y [outcome, source="Bordin (1979)"] x -> y }',
     "variables: {x: , y: {source: Bordin (1979)}}\narrows: [x -> y]\nquestions: [{of: x, on: y}]"),
    ('dag { "Working alliance" -> y }', "variables: {Working_alliance: {means: Working alliance}, y: }\n"
     "arrows: [Working_alliance -> y]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "yaml"), SAME)
def test_same_theory_as_yaml(text, yaml):
    assert is_dagitty(text)
    assert not is_dagitty(yaml)
    assert parse(text) == parse(yaml)


REFUSED = [
    ("dag { x -> y [beta=0.3] }", 1, "'beta': a value, not a theory: give it to simulate"),
    ("dag {\n x [selected]\n x -> y }", 2, "selection is not part of the language"),
    ("dag { x -- y }", 1, "'--' is not part of the language"),
    ("dag { x @-> y }", 1, "'@->' is not part of the language"),
    ("pdag { x -> y }", 1, "'pdag' is another class of graphs"),
    ("mag { x -> y }", 1, "'mag' is another class of graphs"),
    ("graph { x -> y }", 1, "'graph' is another class of graphs"),
    ("dag { graph -> y }", 1, "'graph' is a word of dagitty text"),
    ("dag { node [latent] }", 1, "'node' is a word of dagitty text"),
    ('dag { x [colour="red"] }', 1, "x: unknown attribute 'colour'"),
    ("dag { x -> m -> y [shape=quadratic] }", 1, "'shape' after several edges"),
    ("dag { x -> y [level=client] }", 1, "x -> y: unknown attribute 'level'"),
    ("dag { x [level=client] }", 1, "x: unknown level 'client'. Say the levels"),
    ('dag { levels="session,client" x [level=clinet] x -> y }', 1, "x: unknown level 'clinet'. Did you mean 'client'?"),
    ('dag { levels="a,b" levels="c,d" x -> y }', 1, "'levels' is said twice"),
    ('dag { level="a,b" x -> y }', 1, "unknown graph attribute 'level'. Did you mean 'levels'?"),
    ('dag { x -> y [shape="spline:four"] }', 1, "x -> y: shape: spline takes its degrees of freedom"),
    ('dag { x -> y [only_when="g=1"] }', 1, "dagitty text holds no conditions"),
    ('dag { x [only_when="g=1"] x -> y }', 1, "dagitty text holds no conditions"),
    ('dag { "alliance(t-1)" -> y }', 1, "there is no time; an occasion needs levels"),
    ('dag { levels="s,c" time=s "x(t-1)" [latent] "x(t-1)" -> y }', 1, "attributes belong to the variable, x [latent]"),
    ("dag { x -> y\n x -> y }", 2, "x -> y is said twice"),
    ("dag { x -> y -> x }", 1, "a circle: x -> y -> x"),
    ("dag { x [exposure] x -> y }", 1, "there is no outcome to ask about"),
    ("dag { x [adjusted] x -> y }", 1, "no exposure and outcome ask a question"),
    ("dag { x -> y", 1, "the text ends where } is wanted"),
    ("dag { x -> }", 1, "a name is wanted before '}'"),
    ("dag { x -> y } z", 1, "'z' stands after the last brace"),
    ("dag { # why\n x -> y }", 1, "Comments are not part of dagitty text"),
    ("dag { 1 -> _1 }", 1, "'1' and '_1' are both written _1"),
    ("dag { x [exposure=yes] x -> y }", 1, "x: 'exposure' takes no value"),
    ('dag { "a b" -> a_b }', 1, "are both written a_b"),
    ('dag { a_b -> "a b" }', 1, "are both written a_b"),
    ("dag { x [latent, latent] x -> y }", 1, "'measured_by' is said twice"),
    ("dag { }", 1, "a theory needs arrows"),
]


@pytest.mark.parametrize(("text", "line", "message"), REFUSED)
def test_refused_with_its_line(text, line, message):
    with pytest.raises(SpecError) as refused:
        parse(text)
    assert message in refused.value.message
    assert refused.value.place.line == line


@pytest.mark.parametrize("text", [text for text, _ in SAME])
def test_round_trip(text):
    once = parse(write(parse(text), "dagitty", partial=True))
    assert parse(write(once, "dagitty", partial=True)) == once


def test_writes_one_edge_a_statement_and_the_automatic_ones():
    theory = parse("variables: {x: {assigned: randomised, pos: [0, 1]}, w: , y: }\narrows: {x -> y: {moderated_by: w}}\n"
                   "questions: [{of: x, on: y, adjust: w}]")  # fmt: skip
    assert write(theory, "dagitty") == (
        'dag {\n  bb="-1,0,1,2"\n  x [exposure, assigned=randomised, pos="0,1"]\n  w [adjusted]\n  y [outcome]\n'
        "  x -> y [moderated_by=w]\n  w -> y\n}\n"
    )


def test_refuses_to_lose_anything_silently():
    theory = parse(
        "name: n\nvariables: {x: , w: , y: }\narrows: {x -> y: {moderated_by: w}}\nwithout: [w -> y]\n"
        "priors: {x -> y: {normal: [0, 1]}}\nquestions: [{of: x, on: y, kind: direct}]"
    )
    with pytest.raises(SpecError, match="cannot hold name, without, priors and questions that are more than"):
        write(theory, "dagitty")
    assert "x -> y" in write(theory, "dagitty", partial=True)


HELD = {  # what dagitty text cannot hold, and how it is called
    "name: n": "name", "title: t": "title", "because: b": "because", "source: s": "source", "without: [w -> y]": "without",
    "based_on: baron_kenny_1986": "based_on", "priors: {sigma(y): {fixed: 1}}": "priors",
    "questions: [{of: x, on: y, kind: direct}]": "questions that are more than exposures, outcomes and what is adjusted",
    "levels: {a: {in: [b, c]}, b: , c: }": "levels that are not a chain",
    "levels: {a: {in: b, means: m}, b: }": "means of a",
    "levels: {a: {in: b, occasions: [0, 2]}, b: }\ntime: a": "occasions of a",
    "levels: {a: {in: b}, b: {only_when: {w: 1}}}": "only_when of b",
}  # fmt: skip


@pytest.mark.parametrize("said", HELD)
def test_what_it_cannot_hold_is_listed(said):
    levels = "level: b" if "levels" in said else ""
    theory = parse(
        f"variables: {{x: , y: , w: {{family: bernoulli, {levels}}}}}\narrows: {{x -> y: {{moderated_by: w}}}}\n{said}\n"
    )
    with pytest.raises(SpecError) as refused:
        write(theory, "dagitty")
    assert re.search(rf"cannot hold .*\b{HELD[said]}", refused.value.message)
    assert "x -> y" in write(theory, "dagitty", partial=True)


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ("variables: {x: , y: {only_when: {x: 1}}}\narrows: [x -> y]", "only_when of y"),
        ("variables: {x: {source: {text: t, doi: d}}, y: }\narrows: [x -> y]", "url and doi of the source of x"),
        ('variables: {x: {means: "a\\nb"}, y: }\narrows: [x -> y]', "line breaks and control characters of x"),
        ("arrows: {x -> y: {only_when: {w: 1}}}\nvariables: {x: , y: , w: }", "only_when of x -> y"),
        ("arrows: {x -> y: {source: {text: t, url: u}}}", "url and doi of x -> y"),
        ("levels: [s, c]\nvariables: {y: }\narrows: {1 -> y: {varies_by: []}}", "how 1 -> y varies"),
        (
            "levels: [s, c]\nvariables: {y: , v: {level: c, is: sigma(y)}}\narrows: {1 -> sigma(y): {varies_by: c}}",
            "is of v and how 1 -> sigma(y) varies",
        ),
    ],
)
def test_options_that_it_cannot_hold_are_listed(options, lost):
    theory = parse(options)
    with pytest.raises(SpecError, match=re.escape(f"dagitty text cannot hold {lost}")):
        write(theory, "dagitty")
    assert write(theory, "dagitty", partial=True).startswith("dag {")


def test_categories_with_a_comma_are_listed():
    y = Variable(name="y", family="ordinal", values=("a,b", "c"))
    with pytest.raises(SpecError, match="cannot hold values of y that hold a comma"):
        write(Theory(variables=(Variable(name="x"), y), arrows=(Arrow(cause="x", effect="y"),)), "dagitty")


# --- dagitty's own examples: 150 graphs with its answers, and 80 with hidden causes ---


def as_dagitty(nodes, edges, **roles):
    lines = [f'"{node}" [{", ".join(role for role, names in roles.items() if node in names)}]' for node in nodes]
    return "dag {\n" + "\n".join([*lines, *(f'"{one}" {sign} "{other}"' for one, sign, other in edges)]) + "\n}"


@pytest.fixture(scope="module")
def examples(shared):
    said = json.loads((shared / "dag_adjustment_sets.json").read_text())
    assert len(said) == 150
    return [
        (each, parse(as_dagitty(each["nodes"], each["edges"], exposure=each["exposure"], outcome=each["outcome"],
                                latent=each["latent"], adjusted=each["preadjusted"])))
        for each in said
    ]  # fmt: skip


def renamed(sets):
    """Names that begin with a digit have `_` before it here."""
    return {frozenset(f"_{name}" if name[0].isdigit() else name for name in each) for each in sets}


def test_examples_have_dagittys_adjustment_sets(examples):
    for said, theory in examples:
        (question,), graph = theory.questions, draw(theory)
        x, y = str(question.of), str(question.on)
        for effect in ("total", "direct"):
            assert set(adjustment_sets(graph, x, y, effect)) == renamed(said[f"min_adjustment_{effect}"]), said["name"]
        if y in descendants(graph, x):
            assert set(identify(theory, question).adjustment_sets) == renamed(said["min_adjustment_total"]), said[
                "name"
            ]
        else:
            with pytest.raises(IdentificationError, match="no directed path leads"):
                identify(theory, question)


@pytest.mark.parametrize("form", ["dagitty", "networkx", "yaml"])
def test_examples_come_back(examples, form):
    for said, theory in examples:
        assert parse(write(theory, form)) == theory, said["name"]


def test_graphs_with_hidden_causes(shared):
    said = json.loads((shared / "id_oracle.json").read_text())
    assert len(said) == 80
    for each in said:
        edges = [(a, "->", b) for a, b in each["directed"]] + [(a, "<->", b) for a, b in each["bidirected"]]
        theory = parse(as_dagitty(each["nodes"], edges, exposure=[each["treatment"]], outcome=[each["outcome"]]))
        assert not identify(theory, theory.questions[0]).identified or each["identifiable"], each["name"]
        for form in ("dagitty", "networkx", "yaml"):
            assert parse(write(theory, form)) == theory, each["name"]


def test_questions_are_kept_where_roles_say_them():
    theory = parse("dag { x [exposure] y [outcome] x -> y }")
    assert theory.questions == (Question(of="x", on="y"),)
    assert parse(write(theory, "dagitty")) == theory
