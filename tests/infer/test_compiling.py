"""Machine code that is kept on disk is the code of today's sources."""

from pathlib import Path

from mechanisms.infer import compiling

ROOT = Path(compiling.__file__).parents[1]


def test_machine_code_of_other_sources_is_thrown_away_and_that_of_these_kept(tmp_path):
    for name in ("kernels.collapse-1.py313.nbi", "kernels.collapse-1.py313.1.nbc", "kernels.py"):
        (tmp_path / name).write_text("")
    compiling.throw_away_stale(str(tmp_path), "one")
    assert {path.name for path in tmp_path.iterdir()} == {"kernels.py", compiling.STAMP}
    (tmp_path / "kernels.collapse-1.py313.nbi").write_text("")
    compiling.throw_away_stale.__wrapped__(str(tmp_path), "one")
    assert (tmp_path / "kernels.collapse-1.py313.nbi").exists()
    compiling.throw_away_stale.__wrapped__(str(tmp_path), "another")
    assert not (tmp_path / "kernels.collapse-1.py313.nbi").exists()


def test_the_digest_looks_at_every_source_of_machine_code():
    inside = {path for folder in compiling.FOLDERS for path in (ROOT / folder).rglob("*.py")}
    sources = {path for path in ROOT.rglob("*.py") if b"import compiled" in path.read_bytes()}
    assert sources
    assert sources <= inside


def test_nothing_is_compiled_past_the_stamp():
    """Numba's own decorators would keep machine code that nobody throws away."""
    assert [
        path.name
        for path in ROOT.rglob("*.py")
        if b"import njit" in path.read_bytes() or b"cfunc, njit" in path.read_bytes()
    ] == ["compiling.py"]
