"""What the documentation says is run: theories are read, Python is executed, printed output is compared.

- ```yaml is a theory that compiles. Followed by ```text, it is refused with that message. Under a heading that ends in
  `LATER` it is read and refused by `mx.compile`. A first line `# file.yaml` saves it for the Python blocks of the page.
- ```dagitty is read.
- ```python blocks of a page share one namespace. Followed by ```text, that is what the block prints.

In ```text, … stands for anything.
"""

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mechanisms as mx

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = sorted(page for page in ROOT.glob("docs/*.md"))
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.py"))
LATER = "not fitted yet"
HEADING_OR_BLOCK = re.compile(
    r"^#+ (?P<heading>[^\n]+)$|^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
KINDS = {"yaml", "dagitty", "python", "text"}


@dataclass(frozen=True)
class Block:
    """A block of a page; `after` is the text of a ```text block that follows at once."""

    kind: str
    text: str
    line: int
    heading: str
    after: str | None


def find_blocks(page: str) -> list[Block]:
    """Every block that stands between ``` lines, in order."""
    found: list[Block] = []
    heading, end = "", None
    for match in HEADING_OR_BLOCK.finditer(page):
        if match["heading"]:
            heading = match["heading"] if not match[0].startswith("###") else heading
            continue
        line = page.count("\n", 0, match.start()) + 1
        if match["kind"] == "text" and found and not page[end : match.start()].strip():
            last = found.pop()
            found.append(Block(last.kind, last.text, last.line, last.heading, match["text"]))
        else:
            found.append(Block(match["kind"], match["text"], line, heading, None))
        end = match.end()
    fences = len(re.findall(r"^ *```", page, re.MULTILINE))
    assert fences == 2 * sum(1 + (block.after is not None) for block in found), "a fence that opens or closes no block"
    return found


def like(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; … stands for anything, lines end where they end."""
    wanted = ".*?".join(re.escape(part) for part in trimmed(shown).split("…"))
    return re.fullmatch(wanted, trimmed(printed), re.DOTALL) is not None


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def run_python(text: str, names: dict[str, object], where: str) -> str:
    """What a block prints; its names stay in `names`."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, where, "exec"), names)
    return printed.getvalue()


def check_yaml(block: Block) -> None:
    """A theory that compiles, or is refused with the message shown, or is for later."""
    if block.after is not None:
        with pytest.raises(mx.SpecError) as refused:
            mx.compile(mx.parse(block.text))
        assert like(block.after, str(refused.value)), str(refused.value)
        return
    theory = mx.parse(block.text)
    mx.expand(theory)
    if block.heading.endswith(LATER):
        with pytest.raises(mx.SpecError, match="not compiled yet"):
            mx.compile(theory)
    else:
        mx.compile(theory)


def run_page(page: str, name: str) -> None:
    """Every block of a page, in order."""
    names: dict[str, object] = {"__name__": name}
    for block in find_blocks(page):
        where = f"{name}:{block.line}"
        assert block.kind in KINDS, f"{where}: nothing checks a block of kind '{block.kind}'"
        if block.kind == "yaml":
            if saved := re.match(r"# ([\w-]+\.yaml)\n", block.text):
                Path(saved[1]).write_text(block.text)
            check_yaml(block)
        elif block.kind == "dagitty":
            mx.parse(block.text)
        elif block.kind == "python":
            printed = run_python(block.text, names, where)
            assert block.after is None or like(block.after, printed), f"{where} prints\n{printed}"
        else:
            pytest.fail(f"{where}: this text follows no block")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_the_documentation_hold(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(page.read_text(), page.name)


# --- the README: its Python, the table under it, its commands ---


def test_readme_shows_what_its_example_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = README.read_text()
    (block,) = (block for block in find_blocks(text) if block.kind == "python")
    printed = run_python(block.text, {"__name__": "readme"}, "README.md")
    shown = re.search(r"^    Effects of .*?(?=\n\n(?!    ))", text, re.MULTILINE | re.DOTALL)
    assert shown, "the README shows no table"
    there = [line.split() for line in printed.splitlines()]
    for line in filter(str.strip, shown[0].splitlines()):
        assert line.strip() == "…" or line.split() in there, f"not printed: {line.strip()}"
    assert {path.name for path in tmp_path.iterdir()} == set(re.findall(r'path="([^"]+)"', block.text))


def test_theories_of_the_readme_compile():
    blocks = [block for block in find_blocks(README.read_text()) if block.kind == "yaml"]
    assert blocks
    for block in blocks:
        check_yaml(block)


def test_commands_of_the_readme_run(tmp_path, monkeypatch):
    from mechanisms.cli import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").symlink_to(ROOT / "models")
    commands = re.findall(r"^    mechanisms (.+?)(?: +#.*)?$", README.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        if command != "demo":  # tests/test_cli.py
            done = CliRunner().invoke(app, command.split())
            assert done.exit_code == 0, f"mechanisms {command}: {done.output}"


# --- notebooks: their prose holds no result that could drift away from what is printed ---


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_prose_of_a_notebook_holds_no_results(notebook):
    code, prose = "", ""
    for cell in re.split(r"^# %%", notebook.read_text(), flags=re.MULTILINE):
        if cell.startswith(" [markdown]"):
            prose += cell
        else:
            code += cell
    results = [number for number in re.findall(r"(?<!\w)\d+\.\d+", prose) if number not in code]
    assert not results, "numbers in the text that no cell states: compute them in a cell, or say it in words"


# --- the checks themselves ---


def test_blocks_and_headings_are_found():
    page = "# A\n```yaml\na\n```\n\n```text\nno\n```\n## B\n```python\nb\n```\nwords\n```text\nc\n```\n"
    found = [(block.kind, block.text, block.heading, block.after) for block in find_blocks(page)]
    assert found == [("yaml", "a\n", "A", "no\n"), ("python", "b\n", "B", None), ("text", "c\n", "B", None)]


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("a\n", "a", True),
        ("a … c", "a b\n c", True),
        ("a", "a b", False),
        ("a.c", "abc", False),
        ("a\n…", "a \nb", True),
    ],
)
def test_dots_stand_for_anything(shown, printed, alike):
    assert like(shown, printed) is alike


def test_a_page_that_is_wrong_fails(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page in (
        "```yaml\narrows: [x -> y, x <-> y]\n```\n",
        f"## {LATER}\n```yaml\narrows: [x -> y]\n```\n",
        "```yaml\narrows: [x -> y]\n```\n\n```text\nrefused\n```\n",
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
    ):
        with pytest.raises((AssertionError, mx.SpecError, pytest.fail.Exception)):
            run_page(page, "page")
