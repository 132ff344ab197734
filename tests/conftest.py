"""What every test may ask for."""

import gc
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the checkout; a test that needs it skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the reference data of ../shared/reference are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def taken() -> Callable[[Callable[[], object]], float]:
    """The processor time of a job in seconds: the best of three runs, without what the collector does for other tests."""

    def best(job: Callable[[], object]) -> float:
        runs = []
        for _ in range(3):
            gc.disable()
            try:
                start = time.process_time()
                job()
                runs.append(time.process_time() - start)
            finally:
                gc.enable()
        return min(runs)

    return best
