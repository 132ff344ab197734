"""For any text the outcome is a Theory or a SpecError, at once."""

import os
import subprocess
import sys
from contextlib import suppress

import fuzz
import pytest
from fuzz import SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanisms.errors import SpecError
from mechanisms.spec.addresses import parse_address
from mechanisms.spec.reader import parse
from mechanisms.spec.theory import Theory
from mechanisms.spec.writer import write

BOMB = "a: &a [x, x]\n" + "".join(
    f"{two}: &{two} [*{one}, *{one}, *{one}]\n" for one, two in zip("abcdefgh", "bcdefghi", strict=True)
)
WIDE = ", ".join(f"v{number}" for number in range(1900))
HOSTILE = {
    "alias bomb": BOMB,
    "10 MB": "arrows: [x -> y] #" + "x" * 10_000_000,
    "10 MB of bytes": b"x" * 10_000_000,
    "deep lists": "arrows: " + "[" * 10_000,
    "deep mappings": "arrows: " + "{a: " * 10_000,
    "deep keys": "? " * 10_000 + "a",
    "deep blocks": "\n".join(" " * depth + "a:" for depth in range(600)),
    "deep dashes": "- " * 10_000,
    "binary": bytes(range(256)) * 100,
    "UTF-16": "arrows: [x -> y]".encode("utf-16"),
    "NUL": "arrows: [x -> y]\0",
    "surrogate": "arrows: [\ud800 -> y]",
    "range": "arrows:\n  x1..x999999999 -> y:\n",
    "set times set": "arrows:\n  x1..x2000 -> y1..y2000:\n",
    "many hidden": "arrows:\n  x1..x2000 <-> x1..x2000:\n",
    "products": f"arrows:\n  x1..x2000 -> y: {{moderated_by: [{WIDE}]}}\n",
    "long product": "arrows:\n  x -> y: {moderated_by: " + " * ".join(f"w{n}" for n in range(10_000)) + "}\n",
    "long name": f"arrows: [{'x' * 200_000} -> y]",
    "long chain": "arrows:\n  - " + " -> ".join(f"v{number}" for number in range(20_000)),
    "long circle": "arrows:\n  - " + " -> ".join(f"v{number}" for number in range(4_000)) + " -> v0",
    "long number": "variables: {x: {range: [0, " + "9" * 100_000 + "]}}",
    "braces": "dag " + "{" * 100_000,
    "brackets": "dag { x " + "[" * 100_000,
    "dagitty sets": f"dag {{ {{{WIDE}}} -> {{{WIDE.replace('v', 'w')}}} }}",
    "dagitty chain": "dag { " + " -> ".join(f"v{number}" for number in range(20_000)) + "}",
    "quotation marks": 'dag { "' + '\\"' * 100_000,
    "long sum": "variables: {a: , d: {is: " + " + ".join(f"{n} * a" for n in range(1, 20_000)) + "}}",
    "many levels": "levels: [" + ", ".join(f"l{n}" for n in range(1_900)) + "]\nvariables: {l1: }",
    "no levels": "levels: []\narrows: [x -> y]",
    "no levels in dagitty": 'dag { levels="" x -> y }',
    "many occasions": "levels: {s: {in: c, occasions: 0..999999}, c: }\ntime: s\nvariables: {x: }",
    "chain of sums": "variables: {v0: , "
    + ", ".join(f"v{n}: {{is: v{n - 1}}}" for n in range(1, 1_500))
    + ", v1500: {is: v1500}}",
    "long address": "arrows: [x -> y]\npriors:\n  ? " + "a," * 50_000 + " -> " + "b," * 50_000 + "\n  : {fixed: 1}\n",
    "one line": "variables: {" + ", ".join(f"v{number}: {{means: text}}" for number in range(10_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refused_at_once(name, taken):
    def read():
        with pytest.raises(SpecError) as refused:
            parse(HOSTILE[name])
        assert len(str(refused.value)) < 1_000_000

    assert taken(read) < 1.0


@pytest.mark.parametrize("form", ["yaml", "dagitty"])
def test_what_would_be_too_large_to_read_is_not_written(form):
    theory = parse("arrows:\n  x1..x70 -> y1..y70: {because: " + "w" * 500 + "}")
    with pytest.raises(SpecError, match=r"the theory takes \d+ kB; a theory file may hold 256"):
        write(theory, form)


def outcome(text: str | bytes) -> None:
    try:
        theory = parse(text)
    except SpecError:
        return
    assert isinstance(theory, Theory)
    assert parse(write(theory)) == theory


@settings(max_examples=150, deadline=None)
@given(st.text() | st.binary())
def test_any_text(text):
    outcome(text)


PIECES = st.sampled_from(
    ["", " ", "\n", "  ", ":", ": ", ",", "{", "}", "[", "]", "->", "<->", "<-", "-", "*", "&a", "*a", "!", "|", ">", '"', "'", "#",
     "%", "=", "(", ")", "t-1", "..", "^2", "1", "x", "y", "g=q", "without", "priors", "shape", "quadratic", "dag", "null", "\t",
     "(client)", "(whole t-1)", "(0)", "session", "only_when", "is", "1..", "level", "varies_by", "sigma(", "based_on", "+", "lag"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 12), PIECES), min_size=1, max_size=4),
)
def test_mutated_theories(text, changes):
    for at, length, piece in changes:
        start = at % (len(text) + 1)
        text = text[:start] + piece + text[start + length :]
    outcome(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_address(text):
    with suppress(SpecError):
        assert parse_address(str(parse_address(text))).key == parse_address(text).key


@pytest.mark.slow
@pytest.mark.parametrize("form", ["yaml", "dagitty"])
def test_half_a_million_guided_texts(form, tmp_path):
    """`fuzz.check_text` holds for every one of them."""
    pytest.importorskip("atheris")
    options = ("-runs=500000", "-seed=1", f"-artifact_prefix={tmp_path}/")
    command = [sys.executable, fuzz.__file__, form, *options]
    here = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=here)
    assert done.returncode == 0, done.stderr[-5000:]
    assert "Done 500000 runs" in done.stderr
