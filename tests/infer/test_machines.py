"""C functions of outlines: the density, its gradient and what is kept are PyMC's, also of data that came later."""

import ctypes

import numpy as np
import nutpie
import pytensor
import pytest
from outlined_models import BENT, CHAIN, PLAIN, gaps, model_of, rows, say, somewhere

from mechanisms.infer.explicit import machine
from mechanisms.infer.explicit.chains import compile_chains
from mechanisms.infer.explicit.machine import NOT_FINITE, build_machine, lay_out
from mechanisms.infer.explicit.outline import take_outline


def pointer(array, kind=ctypes.c_double):
    return array.ctypes.data_as(ctypes.POINTER(kind))


def density(built, memory, x):
    """What the function returns, the log density and its gradient."""
    gradient, value = np.zeros(len(x)), np.zeros(1)
    rc = built.density.ctypes(len(x), pointer(x), pointer(gradient), pointer(value), pointer(memory, ctypes.c_int64))
    return rc, value[0], gradient


def slope(model, point):
    """PyMC's gradient."""
    run = pytensor.function(model.value_vars, pytensor.grad(model.logp(), model.value_vars), mode=PLAIN)
    return np.concatenate([np.ravel(each) for each in run(*point)])


@pytest.mark.slow
@pytest.mark.parametrize(("text", "make"), [(BENT, rows), (CHAIN, gaps)], ids=["an S-curve", "missing values"])
def test_a_machine_serves_data_that_came_later(text, make):
    (one, kept), (other, _) = model_of(text, make(1)), model_of(text, make(2))
    outline, data = take_outline(one, kept)
    second, later = take_outline(other, kept)
    built = build_machine(outline)
    assert build_machine(second) is built
    for model, values in ((one, data), (other, later)):
        point, memory = somewhere(model), lay_out(outline, values)
        x = np.concatenate([np.ravel(each) for each in point]).astype(np.float64)
        rc, value, gradient = density(built, memory, x)
        wanted, *drawn = say(model, kept, point)
        assert rc == 0
        np.testing.assert_allclose(value, wanted, rtol=1e-10)
        np.testing.assert_allclose(gradient, slope(model, point), rtol=1e-8, atol=1e-8)
        assert [np.shape(each) for each in drawn] == list(built.shapes)
        out = np.zeros(sum(np.size(each) for each in drawn))
        assert built.expand.ctypes(len(x), len(out), pointer(x), pointer(out), pointer(memory, ctypes.c_int64)) == 0
        np.testing.assert_allclose(out, np.concatenate([np.ravel(each) for each in drawn]), rtol=1e-12, atol=1e-12)
        assert density(built, memory, np.full(len(x), 1e300))[0] == NOT_FINITE


@pytest.mark.slow
def test_what_is_remembered_changes_no_draw(monkeypatch):
    """The same data after others, and by functions that were built anew: the same draws by the same seed."""
    asked = {"draws": 50, "tune": 50, "chains": 2, "cores": 2, "seed": 3, "progress_bar": False}

    def draw(seed):
        model, kept = model_of(BENT, rows(seed, 100))
        compiled = compile_chains(model, kept, set(model.free_RVs))
        assert type(compiled).__module__ == "mechanisms.infer.explicit.chains"  # not nutpie's own way
        return np.asarray(nutpie.sample(compiled, **asked)["posterior"]["z(y)"])

    monkeypatch.setattr(machine, "_built", type(machine._built)(maxlen=2))
    draw(1)
    machine._built.clear()  # from here on all functions are read from disk
    first, other, again = draw(1), draw(2), draw(1)
    assert len(machine._built) == 1
    machine._built.clear()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, draw(1))
    assert not np.array_equal(first, other)
