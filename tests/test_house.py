"""The house rules that no other tool checks."""

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mechanisms"
MODULES = sorted(PACKAGE.rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
MADE_LATER = ("out", "docs/_build", "benchmarks/.envs", "benchmarks/.data", ".venv")
LONGEST_MODULE = 400
HEAVY = ("pymc", "pytensor", "matplotlib", "numba", "arviz")
IMPORT_SECONDS = 0.7


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def made_later(path: str) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in MADE_LATER)


# --- modules ---


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"{relative(path)} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_is_one_idea_long(path):
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST_MODULE, f"{relative(path)} has {lines} lines; at {LONGEST_MODULE} it has become two"


# --- the front door ---


@pytest.fixture(scope="module")
def front_door():
    return importlib.import_module("mechanisms")


def test_public_names_resolve_and_explain_themselves(front_door):
    assert front_door.__all__
    assert len(set(front_door.__all__)) == len(front_door.__all__)
    for name in front_door.__all__:
        thing = getattr(front_door, name)
        if callable(thing) or inspect.ismodule(thing):
            assert inspect.getdoc(thing), f"mx.{name} has no docstring"


def test_modules_are_nouns_and_functions_verbs(front_door):
    modules = {path.parent.name if path.stem == "__init__" else path.stem for path in MODULES}
    functions = {name for name in front_door.__all__ if inspect.isroutine(getattr(front_door, name))}
    assert functions
    assert not modules & functions


def test_import_is_light():
    probe = (
        "import json, sys, time; start = time.process_time(); import mechanisms;"
        f"print(json.dumps([time.process_time() - start, [name for name in {HEAVY!r} if name in sys.modules]]))"
    )
    runs = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
        runs.append(json.loads(done.stdout))
    assert runs[0][1] == [], "`import mechanisms` must not import these"
    assert min(seconds for seconds, _ in runs) < IMPORT_SECONDS


# --- pages: promise only files that exist ---

LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)")
ROOMS = r"(?:docs|models|notebooks|tests|benchmarks|mechanisms|\.ci)"
MENTION = re.compile(rf"(?<![\w./:-])({ROOMS}/[\w./-]*+)(?![…*<{{])")
PAGE = re.compile(r"`([A-Za-z][\w-]*\.(?:md|toml))`")


def promises(page: Path) -> Iterator[tuple[str, Path]]:
    """Each file that a page links to or names, and where it should be."""
    text = page.read_text()
    for target in LINK.findall(text):
        yield target, page.parent / target
    for target in [mention.rstrip(".-/") for mention in MENTION.findall(text)] + PAGE.findall(text):
        beside = page.parent / target
        yield target, beside if beside.exists() else ROOT / target


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_page_promises_only_what_exists(page):
    missing = [target for target, path in promises(page) if not made_later(target) and not path.exists()]
    assert not missing, f"{relative(page)} names what is not there"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("see [limits](docs/limits.md#top)", ["docs/limits.md", "docs/limits.md"]),
        ("[site](https://example.org/docs/x.md), [above](#top)", []),
        ("`models/jobs.yaml`, `CHANGELOG.md`, `fit.nc`", ["models/jobs.yaml", "CHANGELOG.md"]),
        ("docs/decisions/0001-….md and models/*.yaml", []),
    ],
)
def test_promises_are_found(tmp_path, text, named):
    page = tmp_path / "page.md"
    page.write_text(text)
    assert [target for target, _ in promises(page)] == named


# --- the whole text ---

SKIPPED = {".git", ".venv", ".envs", ".data", "_build", "out", "dist", "build", "__pycache__"}
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", ".ipynb", ".cfg", ".json", ""}
ELSEWHERE = re.compile(r"\.\./shared\b")
REGISTRY = re.compile(r"\b(?:(?:test\.)?pypi\.org|files\.pythonhosted\.org|(?:conda\.)?anaconda\.org)\b|--?index-url")


def repository_texts() -> Iterator[Path]:
    """Every text file that belongs to the repository."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.endswith("_cache")]
        yield from (Path(folder, name) for name in names if Path(name).suffix in TEXT)


def test_text_names_no_folder_outside_and_no_registry():
    found = []
    for path in repository_texts():
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.parent.parts[: len(ROOT.parts) + 1] != (*ROOT.parts, "tests"):
            found += [f"{relative(path)}: {word}" for word in ELSEWHERE.findall(text)]
        if path != Path(__file__).resolve():
            found += [f"{relative(path)}: {word}" for word in REGISTRY.findall(text)]
    assert not found


# --- packaging ---


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    names = {re.split(r"[\[<>=~!; ]", line)[0].lower().replace("_", "-") for line in wanted} - {"mechanisms"}
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+(?: ; python_version .*)?", line) for line in pins)
    assert names <= {line.split("==")[0].lower().replace("_", "-") for line in pins}


def test_files_of_tests_have_names_of_their_own():
    """Two of one name cannot be collected in the same process."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)


def test_version_is_in_the_changelog():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{version}]" in changelog
