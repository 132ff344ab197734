"""Texts that a coverage-guided fuzzer makes of the theories of the catalogue and of the grammar's words.

    python tests/spec/fuzz.py yaml -runs=500000 -seed=1        # or dagitty; the rest goes to libFuzzer

For any text the outcome is a Theory or a `MechanismsError`, within a second; a Theory is written and read back the
same, one in eight in every form that holds it, and its expansion is an Expansion or a `MechanismsError`. Stops at the
first text that breaks this and leaves it in the folder that `-artifact_prefix=` names.
"""

import random
import re
import sys
import tempfile
import time
import zlib
from pathlib import Path

SECONDS = 1.0
LONGEST = 2_000
MOST_READ = 5_000
MARKS = (
    "->", " -> ", "<->", "<-", "--", ": ", ":\n  ", ", ", "{", "}", "[", "]", "(", ")", "|", "=", "*", "+", "-", "..",
    "t-1", "(t-1)", "(t)", "(t..)", "(t+1)", "(0)", "(client)", "(whole t-1)", "1 -> ", "^2", "1..", '"', "'", "\n  ",
    "\n- ", "dag {", "levels=", "time=", "[latent]", "{a b}", "#", "&a", "*a", "!t", "? ", "%", "\\", "ø", "\u2028",
    "1e300", "-1", "0.5", "90%", "+1 sd", "mean", "each", "new", "these", "typical", "natural", "randomised", "spline:4",
    "session", "client", "therapist", "alliance", "symptoms", "x", "y", "hurdle", "inflated", "start", "end", "latent",
)  # fmt: skip

SEEDS = (
    "name: n\nvariables:\n  x, w: {means: a, range: [0, 1]}\n  g: {family: categorical, values: [p, q]}\n  y:\n"
    "arrows:\n  x, g=q -> y: {moderated_by: [w], because: 'so'}\n  x <-> w:\nwithout: [w -> y]\n"
    "priors:\n  x * w -> y: {normal: [0, 1], above: -1}\n  sigma(y): {same_as: sigma(x)}\n"
    "questions:\n  - {of: x, on: y, kind: indirect, contrast: [-1 sd, 2], at: {g: each}}\n",
    "levels: {session: {in: client, occasions: [0, 2, 5]}, client: }\ntime: session\nvariables:\n"
    "  a: {assessed: end, measured_by: [a1, a2]}\n  y: {family: negative_binomial, zeros: hurdle, out_of: 90}\n  s:\n"
    "  d: {is: s - 0.5 * s(0)}\n  g: {level: client, family: categorical, values: [p, q], only_when: {session: 2..}}\n"
    "  i: {level: client, is: s(t-1) -> s}\narrows:\n  a(t-1), g=q -> any(y): {shape: {spline: 4}, only_when: {g: q}}\n"
    "  s(t-1) -> s: {varies_by: client, moderated_by: [a(client) * g]}\n  1 -> sigma(s): {varies_by: []}\n  a(client) <-> s(client):\n"
    "priors:\n  sd(s(t-1) -> s | client): {half_normal: 1}\n  cor(client): {lkj: 2}\n"
    "questions:\n  - {of: a(t), on: s(t+1), population: {each: client}}\n",
    "based_on: jobs\nwithout: [treat -> job_seek]\narrows: {treat -> depress2: {only_when: {sex: 1}}}\n",
    'dag { levels="s,c" time=s x [level=c] "y(t-1)" -> y [varies_by=c, shape="piecewise:1,2"] x -> y z [is="y - y(0)"] }',
    'dag { bb="0,0,1,1"\n x [exposure,pos="0,1"]; y [outcome]; u [latent, label="not seen"]\n x -> y [shape=quadratic] {u x} -> "a b" <- w <-> y }',
)


def check_text(text: bytes) -> str:
    """What became of the text: refused, or read; anything else is an error."""
    from mechanisms.errors import MechanismsError
    from mechanisms.graph.expansion import Expansion, expand
    from mechanisms.spec.reader import parse
    from mechanisms.spec.theory import Theory
    from mechanisms.spec.writer import write

    began = time.process_time()
    try:
        theory = parse(text)
    except MechanismsError as refusal:
        assert str(refusal)
        return "refused"
    finally:
        taken = time.process_time() - began
        assert taken < SECONDS, f"read in {taken:.1f} s"
    assert isinstance(theory, Theory)
    for form in ("yaml", "dagitty", "networkx") if zlib.crc32(text) % 8 == 0 else ("yaml",):
        try:
            held = write(theory, form)
        except MechanismsError as refusal:
            assert re.search("cannot hold|may hold 256", str(refusal)), refusal
            continue
        again = parse(held)
        assert again == theory or form == "dagitty"  # dagitty text draws the automatic arrows
        assert form == "networkx" or parse(write(again, form)) == again
    try:
        assert isinstance(expand(theory), Expansion)
    except MechanismsError as refusal:
        assert str(refusal)
    return "read"


def words() -> list[str]:
    """Every word of the grammar, from the tables that the reader uses."""
    from mechanisms.spec import dagitty, drawing, levels, priors, questions, reader, theory, variables
    from mechanisms.spec.terms import RESERVED

    tables = (
        reader.WORDS, reader.PARTS, levels.READERS, variables.READERS, drawing.ARROW_READERS, priors.READERS,
        questions.READERS, dagitty.ROLES, theory.FAMILIES, theory.LINKS, theory.SHAPES, RESERVED, MARKS,
    )  # fmt: skip
    return sorted({word for table in tables for word in table})


def seeds(form: str) -> list[str]:
    """Theories to begin with: those of the catalogue and `SEEDS`, in one form."""
    from mechanisms.spec.dagitty import is_dagitty
    from mechanisms.spec.library import load, names
    from mechanisms.spec.shelf import text_of
    from mechanisms.spec.writer import write

    if form == "yaml":
        return [*(text_of(name) for name in names()), *(text for text in SEEDS if not is_dagitty(text))]
    drawn = [write(load(name), "dagitty", partial=True) for name in names()]
    return [*drawn, *(text for text in SEEDS if is_dagitty(text))]


def mutate(text: str, seed: int, pool: list[str], lines: list[str]) -> str:
    """The text with a few words or lines exchanged, taken out or put in: what bytes changed at random rarely do."""
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if chance.random() < 0.3:
            rows = text.split("\n")
            at = chance.randrange(len(rows))
            row = chance.choice((*chance.choices(lines, k=2), chance.choice(rows)))
            rows[at : at + chance.randrange(2)] = [row] * chance.randrange(2)
            text = "\n".join(rows)
        else:
            pieces = re.findall(r"\w+|\s+|<->|->|.", text) or [""]
            at = chance.randrange(len(pieces))
            word = chance.choice((chance.choice(pool), chance.choice(pieces), chance.choice(pieces)))
            pieces[at : at + chance.randrange(3)] = [word] * chance.randrange(2)
            text = "".join(pieces)
    return text


def main(form: str, *options: str) -> None:
    """Let libFuzzer loose on one form."""
    import atheris

    with atheris.instrument_imports(include=["mechanisms"]):
        import mechanisms.graph.expansion
        import mechanisms.spec.writer  # noqa: F401

    begun, pool = seeds(form), words()
    rows = [line for text in begun for line in text.split("\n")]

    read = list(begun)  # half the texts are made of one that was read: libFuzzer by itself collects refusals

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        if seed % 4 == 0:
            return atheris.Mutate(data, most)
        text = random.Random(seed).choice(read) if seed % 4 > 1 else data.decode(errors="replace")
        return mutate(text, seed, pool, rows).encode()[:most]

    def target(data: bytes) -> None:
        if check_text(data) == "read" and len(read) < MOST_READ:
            read.append(data.decode())

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, text in enumerate(begun):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    lines = ["".join(f"\\x{byte:02x}" for byte in word.encode()) for word in pool]
    dictionary = folder.with_suffix(".dict")
    dictionary.write_text("\n".join(f'"{line}"' for line in lines))
    limits = (f"-max_len={LONGEST}", "-timeout=30", "-rss_limit_mb=2048", "-len_control=0", "-print_final_stats=1")
    atheris.Setup([sys.argv[0], *limits, f"-dict={dictionary}", *options, str(folder)], target, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
