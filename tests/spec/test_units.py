"""Levels, occasions, parts and what depends on them: what is read, and what is answered to a wrong text."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec.levels import find_units, finest
from mechanisms.spec.reader import parse
from mechanisms.spec.terms import Occasions, Relative, Term
from mechanisms.spec.theory import Condition, Level, Span
from mechanisms.spec.writer import write

TWO = "levels: [session, client]\ntime: session\n"
AMY = TWO + 'variables: {"a, m, y": , z: {level: client}, g: {level: client, family: categorical, values: [p, q]}}\n'
H = "variables: {x: , y: , h: {family: poisson, zeros: hurdle}, b: {family: bernoulli}, r: {assigned: randomised}}\n"


def levels(text):
    return parse(f"levels: {text}\nvariables: {{x: {{level: session}}}}").levels


def test_a_list_puts_each_level_in_the_next():
    assert levels("[session, client, therapist]") == (
        Level(name="session", within=("client",)), Level(name="client", within=("therapist",)), Level(name="therapist"),
    )  # fmt: skip
    assert levels("session") == (Level(name="session"),)


def test_a_mapping_says_trees_lattices_and_grids():
    theory = parse(
        "levels:\n  answer: {in: [session, item], means: One answer}\n"
        "  session: {in: client, occasions: [0, 2, 5]}\n  item:\n"
        "  client: {shared_by: therapist}\n  therapist: {only_when: {arm: therapy}}\n  followup: {in: client, occasions: 1..3}\n"
        "time: [session, followup]\n"
        "variables:\n  arm: {level: client, family: categorical, values: [none, therapy]}\n  x: {level: session}\n"
    )
    answer, session, _, client, therapist, followup = theory.levels
    assert (answer.within, answer.means) == (("session", "item"), "One answer")
    assert (session.occasions, followup.occasions) == ((0, 2, 5), (1, 2, 3))
    assert client.shared_by == ("therapist",)
    assert therapist.only_when == Condition(values=(("arm", ("therapy",)),))
    units = find_units(theory)
    assert units.above["answer"] == ("session", "item", "client", "therapist")
    assert finest(theory) is None
    assert units.is_repeated("x") and not units.is_repeated("arm")
    assert parse(write(theory)) == theory


def test_the_finest_level_is_the_usual_one():
    theory = parse(TWO + "variables: {x: , y: {measured_by: [y1, y2]}, z: {level: client, measured_by: [z1]}}")
    assert finest(theory) == "session"
    assert dict(find_units(theory).levels) == {
        "x": "session", "y": "session", "z": "client", "y1": "session", "y2": "session", "z1": "client",
        "session": "session",
    }  # fmt: skip
    assert theory.names == ("x", "y", "z", "y1", "y2", "z1")


TERMS = [
    ("a(t-1) -> y", (Term("a", when=Relative(-1)), Term("y"))),
    ("a(0) -> y", (Term("a", when=Occasions(0)), Term("y"))),
    ("a(client) -> y", (Term("a", "client"), Term("y"))),
    ("a(whole t-2) -> y", (Term("a", "whole", Relative(-2)), Term("y"))),
    ("g=q -> sigma(y)", (Term("g", value="q"), Term("y", spread="sigma"))),
    ("session -> y", (Term("session"), Term("y"))),
    ("a(t-2) -> y(t-1)", (Term("a", when=Relative(-1)), Term("y"))),
]


@pytest.mark.parametrize(("text", "pair"), TERMS)
def test_terms_of_arrows(text, pair):
    (arrow,) = parse(AMY + f"arrows: [{text}]").arrows
    assert (arrow.cause, arrow.effect) == pair


def test_only_differences_count_in_a_chain():
    theory = parse(AMY + "arrows: [a(t-2) -> m(t-1) -> y]")
    assert list(map(str, theory.arrows)) == ["a(t-1) -> m", "m(t-1) -> y"]


def test_lag_goes_to_every_cause_and_is_rewritten():
    theory = parse(AMY + "arrows:\n  a, m -> m, y: {lag: 2}\n  y(whole) -> m: {lag: 1}\n  a -> m: {lag: 0}\n")
    assert list(map(str, theory.arrows)) == [
        "a(t-2) -> m", "a(t-2) -> y", "m(t-2) -> m", "m(t-2) -> y", "y(whole t-1) -> m", "a -> m",
    ]  # fmt: skip
    assert "lag" not in write(theory)


def test_hidden_causes_name_parts_and_occasions():
    theory = parse(AMY + "arrows: [a(client) <-> y(client), y <-> y(t-1), a(t-1) <-> m(t-2)]")
    assert list(map(str, theory.hidden)) == ["a(client) <-> y(client)", "y <-> y(t-1)", "a <-> m(t-1)"]


CONDITIONS = [
    ("{g: p}", (("g", ("p",)),)),
    ("{g: [p, q], session: 5}", (("g", ("p", "q")), ("session", (5.0,)))),
    ("{session: 1..}", (("session", Span(1, None)),)),
    ("{session: ..4}", (("session", Span(None, 4)),)),
    ("{session: 2..4.5}", (("session", Span(2, 4.5)),)),
    ("{z: -1..1}", (("z", Span(-1, 1)),)),
]


@pytest.mark.parametrize(("text", "values"), CONDITIONS)
def test_conditions(text, values):
    theory = parse(AMY + f"arrows:\n  a -> y: {{only_when: {text}}}\n")
    assert theory.arrows[0].only_when.values == values
    assert parse(write(theory)) == theory


def test_a_span_knows_what_lies_in_it():
    assert [1.0 in Span(1, None), 0 in Span(1, None), 3 in Span(None, 3), "x" in Span(None, 3)] == [
        True,
        False,
        True,
        False,
    ]
    assert list(map(str, (Span(1, None), Span(None, 2.5), Span(1, 4)))) == ["1..", "..2.5", "1..4"]


def test_options_of_arrows():
    theory = parse(
        AMY + "arrows:\n  a -> y: {varies_by: client, shape: {spline: 4}}\n  m -> y: {varies_by: []}\n"
        "  1 -> a, m: {varies_by: [], because: centred}\n  session -> m: {shape: {piecewise: [2, 5]}, varies_by: [client]}\n"
    )
    assert [arrow.varies_by for arrow in theory.arrows] == [("client",), (), (), (), ("client",)]
    assert [str(arrow.shape) for arrow in theory.arrows][0::4] == ["spline: 4", "piecewise: [2, 5]"]
    assert [str(arrow) for arrow in theory.arrows][2:4] == ["1 -> a", "1 -> m"]
    assert "varies by client" in repr(theory)
    assert parse(write(theory)) == theory


QUESTIONS = [
    "{of: a(t), on: y(t+1)}", "{of: a(t..), on: y(t+5)}", "{of: a(5), on: y(10)}", "{of: a(client), on: y(5..10)}",
    "{of: z, on: y, population: typical}", "{of: z, on: y, population: {new: client}}",
    "{of: a, on: y, population: {each: client}}", "{of: a(session), on: y(t+1), at: {session: 5}}",
    "{of: y(t), on: y(t+1)}", "{of: z, on: y, kind: controlled, set: {a: [1, 2, mean], g: each}}",
    "{of: z, on: y, kind: controlled, set: {a: [1]}}",
]  # fmt: skip


@pytest.mark.parametrize("text", QUESTIONS)
def test_questions(text):
    theory = parse(AMY + f"arrows: [a -> y, z -> y, y(t-1) -> y]\nquestions: [{text}]")
    assert parse(write(theory)) == theory
    assert theory.questions[0].place.line == 5


PRIORS = [
    "a(session) -> y: {normal: [0, 1]}", "a(client) -> y: {normal: [-0.28, 0.1], scale: standardised}",
    "sd(a(session) -> y | client): {half_normal: 0.3}", "sd(1 -> y | client): {exponential: 1}", "cor(client): {lkj: 2}",
    "cor(client): {fixed: 0}", "a(client) <-> m(client): {normal: [0, 0.1]}", "m(t-1) -> y: {evidence: fluckiger2018}",
    "m(t-1) -> y: {evidence: fluckiger2018, discount: 0.5, scale: standardised}", "sigma(y): {same_as: sigma(m)}",
]  # fmt: skip


@pytest.mark.parametrize("text", PRIORS)
def test_priors(text):
    theory = parse(AMY + f"arrows:\n  a -> y: {{varies_by: client}}\n  m(t-1) -> y:\npriors:\n  {text}\n")
    assert len(theory.priors) == 1
    assert parse(write(theory)) == theory


def test_addresses_of_steps_parts_and_reliabilities():
    theory = parse(
        "variables:\n  x:\n  s: {family: sequential, values: [p, q, r]}\n  h: {family: negative_binomial, zeros: hurdle}\n"
        "  l: {measured_by: [i1, i2]}\narrows: [x -> s, x -> h]\n"
        "priors:\n  1 -> s=q: {normal: [0, 1]}\n  1 -> any(h): {normal: [0, 1]}\n  x -> any(h): {normal: [0, 1]}\n"
        "  precision(h): {exponential: 1}\n  l -> i2: {fixed: 1}\n  reliability(i1): {fixed: 0.8}\n"
    )
    assert len(theory.priors) == 6
    assert parse(write(theory)) == theory


ANSWERS = [  # text after AMY, line, what the message says
    ("arrows: [aa(t-1) -> y]", 4, "unknown variable 'aa'. Did you mean 'a'?"),
    ("arrows: [a(clinet) -> y]", 4,
     "'a(clinet)': 'clinet' is neither an occasion (t-1, 0, 5) nor a level (session, client) nor whole. Did you mean 'client'?"),
    ("arrows: [a(t+1) -> y]", 4, "'a(t+1)': 't+1' is neither an occasion (t-1, 0, 5) nor a level, nor whole"),
    ("arrows: [y -> y]", 4, "y -> y: an arrow from y to itself needs an earlier occasion: y(t-1)"),
    ("arrows: [y(0) -> y]", 4, "y(0) would cause itself at that occasion"),
    ("arrows: [y(client) -> y]", 4, "an arrow from y to itself needs an earlier occasion"),
    ("arrows: [a -> y(t-1)]", 4, "a -> y(t-1): the future does not cause the past"),
    ("arrows: [a(2) -> y(5)]", 4, "an arrow into one occasion. Moderate by a categorical occasion, or declare the occasions"),
    ("arrows: [a -> y(client)]", 4, "a -> y(client): the part is named on the cause, not on the effect"),
    ("arrows:\n  z -> a -> y: {lag: 1}", 5, "lag does not apply to z, which has one value per client; split the chain"),
    ("arrows:\n  a(t-1) -> y: {lag: 1}", 5, "lag and 'a(t-1)' both name an occasion"),
    ("arrows:\n  a -> y: {lag: x}", 5, "lag: 'x' is not a number"),
    ("arrows:\n  a -> y: {lag: 0.5}", 5, "a whole number of occasions is wanted"),
    ("arrows: [z(t-1) -> y]", 4, "z(t-1) -> y: lag does not apply to z"),
    ("arrows: [z(session) -> y]", 4, "'z(session)': z has one value per client and no part by session"),
    ("arrows: [a(last) -> y]", 4, "the last occasion is chosen by dropout; name an occasion, a(5)"),
    ("arrows: [client -> y]", 4, "unknown variable 'client'; it is a level"),
    ("arrows: [a -> session]", 4, "session is time, and nothing moves time"),
    ("arrows: [session(t-1) -> y]", 4, "it has no occasions of its own"),
    ("arrows: [session <-> y]", 4, "time has no hidden causes"),
    ("arrows: [y <-> y]", 4, "joins two different variables"),
    ("arrows: [sigma(a) -> y]", 4, "'sigma(a)' is no cause; a unit's own spread is a variable, {is: sigma(v)}"),
    ("arrows: [a * m -> y]", 4, "a product is no end of an arrow and has no options of its own"),
    ("arrows: [a -> y=q]", 4, "y has no declared values"),
    ("arrows: [a -> g=p]", 4, "'p' is the first value of g, from where one starts; say q"),
    ("arrows: [a -> any(y)]", 4, "any(y): normal has no part 'any'; it has sigma"),
    ("arrows: [a -> y, y -> m -> a]", 4, "a circle: a -> y -> m -> a. One of them comes later: a(t-1)"),
    ("arrows:\n  a -> y: {varies_by: cleint}", 5, "a -> y: varies_by: unknown level 'cleint'. Did you mean 'client'?"),
    ("arrows:\n  a -> y: {varies_by: [client, client]}", 5, "varies_by: 'client' is said twice"),
    ("arrows:\n  1 -> y:", 5, "say how it varies"),
    ("arrows:\n  1 -> y: {varies_by: [], shape: quadratic}", 5, "an intercept takes varies_by"),
    ("arrows:\n  a -> y: {shape: spline}", 5, "shape: spline takes its degrees of freedom from 2 on, {spline: 4}"),
    ("arrows:\n  a -> y: {shape: {bspline: 2}}", 5, "bspline takes its degrees of freedom from 3 on, {bspline: 5}, not '2'"),
    ("arrows:\n  a -> y: {shape: {polynomial: 1}}", 5, "polynomial takes its degree from 2 on"),
    ("arrows:\n  a -> y: {shape: {piecewise: [5, 2]}}", 5, "piecewise takes its knots, {piecewise: [20, 30]}, in order"),
    ("arrows:\n  a -> y: {shape: {gp: 3}}", 5, "gp takes no argument"),
    ("arrows:\n  a -> y: {only_when: {gg: p}}", 5, "a -> y: only_when names unknown variable 'gg'. Did you mean 'g'?"),
    ("arrows:\n  a -> y: {only_when: {g: qq}}", 5, "only_when: g has no value 'qq'. Did you mean 'q'?"),
    ("arrows:\n  a -> y: {only_when: {session: 5..1}}", 5, "a range counts upward; write 1..5"),
    ("arrows:\n  a -> y: {only_when: {session: a..b}}", 5, "'a..b' is not a range of numbers"),
    ("arrows:\n  a -> y: {only_when: g}", 5, "only_when: a condition is a mapping"),
    ("arrows:\n  a -> y: {only_when: {g: p..q}}", 5, "not a range of numbers"),
    ("arrows:\n  a <-> y: {varies_by: client}", 5, "takes because, source and pos only, not 'varies_by'"),
    ("arrows:\n  a <-> y: {moderated_by: g}", 5, "takes because, source and pos only, not 'moderated_by'"),
    ("arrows: [a(t-1) -> y]\npriors: {a -> y: {normal: [0, 1]}}", 5, "prior on 'a -> y': no such parameter."),
    ("arrows: [a -> y]\npriors: {sd(a -> y | client): {half_normal: 1}}", 5,
     "no such parameter. Write a -> y: {varies_by: client} under arrows"),
    ("arrows: [a -> y]\npriors: {cor(cleint): {lkj: 2}}", 5, "unknown level 'cleint'. Did you mean 'client'?"),
    ("arrows: [a -> y]\npriors: {cor(client): {normal: [0, 1]}}", 5, "correlations take {lkj: 2} or {fixed: 0}"),
    ("arrows: [a -> y]\npriors: {a -> y: {lkj: 2}}", 5, "lkj is for cor(level)"),
    ("arrows: [a -> y]\npriors: {a <-> y: {fixed: 0}}", 5, "no such parameter"),
    ("arrows: [y(t-1) -> y]\npriors: {sigma(y | first): {half_normal: 1}}", 5,
     "what belongs to some occasions alone takes no prior of a theory, only its default (`mx.explain` prints it); a prior on sigma(y)"),
    ("arrows: [a -> y]\npriors: {a -> y: {discount: 0.5}}", 5, "one of a distribution, fixed and same_as is wanted"),
    ("arrows: [a -> y]\npriors: {a -> y: {evidence: f, discount: 0}}", 5, "by a number above 0"),
    ("arrows: [a -> y]\npriors: {a -> y: {normal: [0, 1], discount: 2}}", 5, "discount belongs to evidence"),
    ("arrows: [a -> y]\npriors: {a -> y > m -> y: {fixed: 1}}", 5, "fixed, same_as, above, below"),
    ("arrows: [a -> y]\npriors: {a -> y == m -> y: {fixed: 1}}", 5, "fixed, same_as, above, below"),
    ("arrows: [a -> y]\npriors: {'cor(a, y)': {fixed: 0}}", 5, "the correlation of two courses is a(client) <-> b(client)"),
    ("arrows: [a -> y]\nquestions: [{of: a(t), on: y(last)}]", 5, "the last occasion is chosen by dropout"),
    ("arrows: [a -> y]\nquestions: [{of: a(t), on: y(t..)}]", 5, "name one occasion, or a range, y(5..10)"),
    ("arrows: [a -> y]\nquestions: [{of: a(1..3), on: y(5)}]", 5, "one occasion is moved, a(1)"),
    ("arrows: [a -> y]\nquestions: [{of: a(t+2), on: y(t+1)}]", 5, "the future does not cause the past"),
    ("arrows: [a -> y]\nquestions: [{of: a(5), on: y(3)}]", 5, "the future does not cause the past"),
    ("arrows: [a -> y]\nquestions: [{of: a, on: y(10..5)}]", 5, "a range counts upward; write 5..10"),
    ("arrows: [g -> y]\nquestions: [{of: g=q, on: y}]", 5, "name the category in contrast"),
    ("arrows: [a -> y]\nquestions: [{of: a, on: any(y)}]", 5, "normal has no part 'any'"),
    ("arrows: [a -> y]\nquestions: [{of: a, on: y, population: {new: cleint}}]", 5, "unknown level 'cleint'. Did you mean 'client'?"),
    ("arrows: [a -> y]\nquestions: [{of: a, on: y, population: new}]", 5, "new names a level, {new: client}"),
    ("arrows: [a -> y]\nquestions: [{of: a, on: y, population: everyone}]", 5, "unknown population 'everyone'"),
    ("arrows: [a -> m, y(t-1) -> m]\nquestions: [{of: y, on: m, at: {a: 1}}]", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), ANSWERS, ids=range(len(ANSWERS)))
def test_refused_with_its_line(text, line, message):
    if line is None:
        parse(AMY + text)
        return
    with pytest.raises(SpecError) as refused:
        parse(AMY + text)
    assert message in refused.value.message
    assert refused.value.place.line == line


ELSEWHERE = [  # whole texts
    ("levels: {session: {in: cleint}, client: }\nvariables: {x: }", 1, "session: in: unknown level 'cleint'. Did you mean 'client'?"),
    ("levels: {a: {in: b}, b: {in: a}}\nvariables: {x: {level: a}}", 1, "a circle"),
    ("levels: {a: {in: a}}\nvariables: {x: {level: a}}", 1, "does not lie in itself"),
    ("levels: {a: {occasion: 3}, b: }\nvariables: {x: }", 1, "a: unknown key 'occasion'. Did you mean 'occasions'?"),
    ("levels: {a: {in: b, occasions: [0, 1]}, b: }\nvariables: {x: }", 1, "only a level of time has occasions; add time: a"),
    ("levels: {a: {in: b, occasions: [1, 0]}, b: }\ntime: a\nvariables: {x: }", 1, "the occasions are in order"),
    ("levels: {a: {in: b, occasions: [-1]}, b: }\ntime: a\nvariables: {x: }", 1, "'-1' is not an occasion"),
    ("levels: [a, a]\nvariables: {x: }", 1, "level 'a' is said twice"),
    ("levels: [t, client]\nvariables: {x: }", 1, "'t' is a word of the language"),
    ("levels: [a, b]\ntime: c\nvariables: {x: }", 1, "time: unknown level 'c'. Known: a and b"),
    ("time: session\nvariables: {x: }", 1, "Say the levels: levels: [session, client]"),
    ("levels: [session, client]\nvariables: {client: }", 2, "'client' is a level; a name is a level or a variable"),
    ("levels: [session, client]\nvariables: {x: {measured_by: [client]}}", 2, "'client' is a level"),
    (TWO + "variables: {session: , x: }", 3, "'session' is a level"),
    ("levels: [a, b]\nvariables: {x: {level: bb}}", 2, "x: unknown level 'bb'. Did you mean 'b'?"),
    ("levels: {a: {in: c}, b: {in: c}, c: }\nvariables: {x: }", 2, "x: say its level, a, b or c; none of them is finer"),
    ("variables: {x: {level: client}, y: }\narrows: [x -> y]", 1, "x: unknown level 'client'. Say the levels"),
    ("arrows: [x(t-1) -> y]", 1, "there is no time; an occasion needs levels"),
    ("arrows: [x(client) -> y]", 1, "there are no levels"),
    (TWO + "variables: {th: {level: client}, a: {assessed: end}, s: {assessed: start}}\narrows: [a -> s]", 4,
     "a -> s: a is assessed at the end of its session, s at the start: use a(t-1)"),
    (TWO + "variables: {a: {assessed: end}, s: {assessed: start}, x: }\narrows: {x -> s: {moderated_by: a}}", 4,
     "moderator a is assessed at the end of its session, s at the start: use a(t-1)"),
    (TWO + "variables: {a: {level: client, assessed: end}, y: }", 3, "assessed is for variables with occasions"),
    ("variables: {a: {assessed: end}, y: }", 1, "assessed needs levels"),
    (TWO + "variables: {a: {level: client, family: hazard}, y: }", 3, "a hazard has a row per occasion"),
    ("levels: {s: {in: c, occasions: [0, 2]}, c: }\ntime: s\nvariables: {a: , y: }\narrows: [a(1) -> y]", 4, "s has no occasion 1; it has 0 and 2"),
    ("levels: {s: {in: c, occasions: [0, 2]}, c: }\ntime: s\nvariables: {a: {only_when: {s: 1}}, y: }", 3, "s has no occasion 1"),
    # --- families
    (H + "arrows: [x -> h, x -> any(h)]", 2, "x -> h already means both parts; x -> any(h) says one of them again"),
    (H + "arrows: [b -> any(y)]", 2, "normal has no part 'any'"),
    (H + "arrows: [b -> sigma(b)]", 2, "bernoulli has no part 'sigma'; it has none"),
    (H + "arrows: [x -> h]\npriors: {x -> h: {normal: [0, 1]}}", 3, "say which: x -> any(h) | x -> amount(h)"),
    (H + "arrows: [x -> y]\npriors: {precision(y): {exponential: 1}}", 3, "normal has no part 'precision'; it has sigma"),
    ("variables: {x: {family: binomial}}", 1, "a binomial variable needs its trials, out_of: 30"),
    ("variables: {x: {out_of: 3}}", 1, "out_of goes with binomial and counts"),
    ("variables: {x: {family: poisson, out_of: -1}}", 1, "out_of: -1 is not above 0"),
    ("variables: {x: {family: poisson, out_of: n}}", 1, "out_of names unknown variable 'n'"),
    ("variables: {x: {family: gamma, event: e}, e: }", 1, "event: e is 0 or 1; declare it, e: {family: bernoulli}"),
    ("variables: {x: {family: beta, event: e}, e: {family: bernoulli}}", 1, "event goes with weibull"),
    ("variables: {x: {family: beta, zeros: hurdle}}", 1, "zeros go with poisson"),
    ("variables: {x: {family: ordinal}}", 1, "an ordinal variable needs its values"),
    ("variables: {x: {family: hazard}}", 1, "a hazard needs occasions"),
    ("variables: {x: {family: poisson, link: logit}}", 1, "family poisson takes link log, not logit"),
    ("variables: {x: {family: tobit}}", 1, "'tobit' is not part of the language; a scale with many at its ends"),
    ("variables: {x: {weights: w}}", 1, "'weights': not part of the language"),
    ("variables: {s: {family: sequential, values: [p, q]}, y: }\narrows: {s -> y: {shape: quadratic}}", 2, "shape: monotonic"),
    # --- latent, computed and coefficient variables
    ("variables: {a: {measured_by: [a]}}", 1, "a variable does not measure itself"),
    ("variables: {a: {measured_by: [a1, a1]}}", 1, "'a1' is said twice"),
    ("variables: {a: {measured_by: [a1, a2]}, y: }\narrows: [a1 -> a]", 2, "a1 is measured: arrows run from a to its indicators"),
    ("variables: {a: {measured_by: [a1, a2]}, r: {assigned: randomised}}\narrows: [a -> r]", 2, "measured causes only"),
    ("variables: {a: , b: , d: {is: b - a}}\narrows: [a -> d]", 2, "a -> d: d is computed; draw the arrow into what it is computed from"),
    ("variables: {a: , b: , d: {is: b - a}}\narrows: [a <-> d]", 2, "d is computed; join what it is computed from"),
    ("variables: {a: , b: , d: {is: b - a, family: normal}}", 1, "family does not go with is"),
    ("variables: {a: {is: b}, b: {is: a}}", 1, "computed from itself"),
    ("variables: {a: , d: {is: a * b}, b: }", 1, "d: is: 'a * b': only sums and differences of variables ('*')"),
    ("variables: {a: , d: {is: a / 2}}", 1, "only sums and differences of variables ('/')"),
    ("variables: {a: , d: {is: log(a)}}", 1, "unknown variable 'log'. Only sums and differences"),
    ("variables: {a: , d: {is: a + 1}}", 1, "a sum of terms is wanted"),
    ("variables: {a: , d: {is: a + a}}", 1, "a is said twice; give it one weight"),
    ("variables: {a: , d: {is: 'd := a'}}", 1, "only sums and differences of variables (':=')"),
    (TWO + "variables: {a: , d: {is: a(t-1) -> a}}\narrows: [a(t-1) -> a]", 3, "say whose coefficient it is, level: client"),
    (TWO + "variables: {a: , d: {level: client, is: a(t-1) -> a}}\narrows: [a(t-1) -> a]", 3,
     "a(t-1) -> a does not vary by client; draw a(t-1) -> a: {varies_by: client}"),
    (TWO + "variables: {a: , d: {level: client, is: sigma(a)}}", 3, "1 -> sigma(a) is not drawn"),
    (TWO + "variables: {a: , d: {level: client, is: precision(a)}}", 3, "a unit's own spread is sigma(v)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_whole_texts_refused_with_their_line(text, line, message):
    with pytest.raises(SpecError) as refused:
        parse(text)
    assert message in refused.value.message
    assert line == (refused.value.place.line or 1)


SUMS = [("b - a", "b - a"), ("-a+0.5*b", "-a + 0.5 * b"), ("a(0)  + b(t-1)", "a(0) + b(t-1)"), ("1*a", "a")]


@pytest.mark.parametrize(("text", "canonical"), SUMS)
def test_sums(text, canonical):
    theory = parse(TWO + f"variables: {{a: , b: , d: {{is: {text}}}}}")
    assert theory.variable("d").computed == canonical
    assert parse(write(theory)) == theory
