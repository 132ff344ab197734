"""An outline with its data is the model, and with another data set's data that data set's model; the last few are remembered.

The witness is PyMC's own density of the model, by PyTensor's Python linker.
"""

import numpy as np
import pytensor
import pytest
from outlined_models import (
    BENT,
    CHAIN,
    COUNTS,
    DIARY,
    PLAIN,
    STEEP,
    days,
    gaps,
    model_of,
    model_of_parts,
    rows,
    say,
    somewhere,
)

from mechanisms.infer.explicit import machine
from mechanisms.infer.explicit import outline as outlines
from mechanisms.infer.explicit.machine import lay_out
from mechanisms.infer.explicit.outline import are_same, remember, take_outline

PAIRS = {
    "an S-curve": lambda seed: model_of(BENT, rows(seed)),
    "priors of other families": lambda seed: model_of(STEEP, rows(seed)),
    "a chain": lambda seed: model_of(CHAIN, rows(seed)),
    "missing values": lambda seed: model_of(CHAIN, gaps(seed)),
    "counts along a spline": lambda seed: model_of(COUNTS, rows(seed)),
    "days in people": lambda seed: model_of(DIARY, days(seed)),
    "steps": lambda seed: model_of_parts("ordinal", seed),
    "zeros": lambda seed: model_of_parts("hurdle poisson", seed),
}


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_an_outline_filled_with_data_is_the_model_of_those_data(make):
    (one, kept), (other, _) = make(1), make(2)
    outline, data = take_outline(one, kept)
    second, other_data = take_outline(other, kept)
    assert are_same(outline, second)
    assert [each.shape for each in data] == [each.shape for each in other_data]
    assert any(not np.array_equal(a, b) for a, b in zip(data, other_data, strict=True))
    assert [each.name for each in outline.point] == [each.name for each in one.value_vars]
    filled = pytensor.function([*outline.inputs], [*outline.outputs], mode=PLAIN, on_unused_input="ignore")
    for model, values in ((one, data), (other, other_data)):
        point = somewhere(model)
        for found, wanted in zip(filled(*point, *values), say(model, kept, point), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


STRUCTURE = {
    "another number of rows": (CHAIN, rows(1, 31)),
    "more values missing": (CHAIN, gaps(1)),
    "an arrow less": (CHAIN.replace("z -> m, y", "z -> m"), rows(1)),
    "another family": (CHAIN.replace("{}", "{family: poisson}"), rows(1)),
    "another family of prior": (CHAIN + "priors:\n  x -> y: {student: [3, 0, 1]}\n", rows(1)),
    "a coefficient that is fixed": (CHAIN + "priors:\n  x -> y: {fixed: 0.3}\n", rows(1)),
}


@pytest.fixture(scope="module")
def chain():
    return take_outline(*model_of(CHAIN, rows(1)))[0]


def test_other_numbers_in_the_same_places_are_the_same_outline(chain):
    assert are_same(chain, take_outline(*model_of(CHAIN, rows(3)))[0])


@pytest.mark.parametrize(("text", "frame"), STRUCTURE.values(), ids=STRUCTURE)
def test_another_structure_is_another_outline(chain, text, frame):
    assert not are_same(chain, take_outline(*model_of(text, frame))[0])


def test_what_is_kept_is_part_of_an_outline(chain):
    model, kept = model_of(CHAIN, rows(1))
    assert not are_same(chain, take_outline(model, kept[:-1])[0])


def test_the_scale_of_a_prior_is_data_and_whole_numbers_are_structure():
    tight, loose, freer = (
        take_outline(*model_of(CHAIN + f"priors:\n  x -> y: {{student: [{freedom}, 0, {sd}]}}\n", rows(1)))[0]
        for freedom, sd in ((3, 0.31), (3, 0.77), (4, 0.31))
    )
    assert are_same(tight, loose)
    assert not are_same(tight, freer)


def test_data_of_another_shape_are_refused():
    model, kept = model_of(BENT, rows(1))
    outline, data = take_outline(model, kept)
    memory = lay_out(outline, data)
    assert memory.dtype == np.int64
    assert [each.ctypes.data in memory for each in data] == [True] * len(data)
    longest = max(range(len(data)), key=lambda place: data[place].size)
    for wrong in (data[longest][:-1].copy(), data[longest].astype(np.float32), data[longest][::-1]):
        with pytest.raises(ValueError, match="where Vector"):
            lay_out(outline, [*data[:longest], wrong, *data[longest + 1 :]])


def test_the_last_few_machines_are_remembered(monkeypatch):
    built = []
    monkeypatch.setattr(machine, "_compile", lambda outline, outputs, *_: built.append(outline) or len(outputs))
    monkeypatch.setattr(outlines, "MOST", 2)
    build_machine = remember(machine.build_machine.__wrapped__)
    first = build_machine(take_outline(*model_of(BENT, rows(1)))[0])
    assert build_machine(take_outline(*model_of(BENT, rows(2)))[0]) is first
    assert first.density == 1 + len(built[0].point)
    assert len(built) == 2  # a density, and what is kept of a draw
    for n in (31, 32):
        build_machine(take_outline(*model_of(BENT, rows(1, n)))[0])
    assert build_machine(take_outline(*model_of(BENT, rows(1)))[0]) is not first
    assert len(built) == 8
