"""Execute every notebook under notebooks/ and write it, with what it printed and drew, to docs/_build/.

    python docs/build.py [name ...]

A notebook is an `.ipynb` file or a Python file with `# %%` cells. One that raises stops the build.
"""

import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "docs" / "_build"


def build(path: Path) -> None:
    """One notebook, executed from its own folder, as `.ipynb` and `.html`."""
    start = time.perf_counter()
    notebook = jupytext.read(path)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    nbformat.write(notebook, BUILD / f"{path.stem}.ipynb")
    page, _ = HTMLExporter().from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    (BUILD / f"{path.stem}.html").write_text(page, encoding="utf-8")
    print(f"docs: {path.name} -> docs/_build/{path.stem}.html, {time.perf_counter() - start:.0f} s", flush=True)


def main(names: list[str]) -> int:
    """Build the notebooks named, or all; 1 where there is no such notebook."""
    found = {path.stem: path for path in sorted(NOTEBOOKS.iterdir()) if path.suffix in (".ipynb", ".py")}
    unknown = [name for name in names if name not in found]
    if unknown or not found:
        print(f"docs: no notebook {', '.join(unknown) or 'at all'} in notebooks/", file=sys.stderr)
        return 1
    BUILD.mkdir(exist_ok=True)
    for name in names or found:
        build(found[name])
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
