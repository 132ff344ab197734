"""Sums over rows: exact whatever the order, the pieces and the distance from 0; against fractions."""

import tracemalloc
from fractions import Fraction
from itertools import product as every

import numpy as np
import pytest

from mechanisms.data.sums import add_up, close, express, join, move

N = 200
RNG = np.random.default_rng(7)
TERMS = close([(("x", 2),), (("w", 1), ("x", 2)), (("y", 1),)])
ORDERS = {"as drawn": lambda x: np.arange(N), "sorted": np.argsort, "the odd one first": lambda x: np.argsort(-np.abs(x - np.median(x)))}  # fmt: skip


def columns(offset=0.0, size=1.0):
    x, w, e = RNG.normal(size=(3, N))
    return {"x": offset + size * x, "w": size * (w + 0.3 * x), "y": offset / 3 + size * (0.5 * x - w + e)}


def batches(rows, length):
    for start in range(0, N, length):
        yield {name: values[start : start + length] for name, values in rows.items()}


def exact(rows, monomials, centres, scales):
    """The same sums without any rounding, until they are shown."""
    shift = {k: (Fraction(centres[k]), Fraction(scales[k])) for k in rows}
    z = {k: [(Fraction(v) - shift[k][0]) / shift[k][1] for v in values.tolist()] for k, values in rows.items()}
    made = [[Fraction(1)] * N]
    for monomial in monomials[1:]:
        value = [Fraction(1)] * N
        for column, power in monomial:
            value = [a * b**power for a, b in zip(value, z[column], strict=True)]
        made.append(value)
    return [[sum(a * b for a, b in zip(p, q, strict=True)) for q in made] for p in made]


def solve(matrix, right):
    """Elimination in fractions."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(len(rows)):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]


@pytest.mark.parametrize(("order", "offset", "size"), list(every(ORDERS, [0.0, 1e9], [1.0, 1e-3])))
def test_sums_are_those_of_fractions(order, offset, size):
    """About the means; sums of N terms of size 1 lose at most some N units of the last place, and here mostly ten."""
    rows = columns(offset, size)
    place = ORDERS[order](rows["x"])
    rows = {name: values[place] for name, values in rows.items()}
    sums = add_up(batches(rows, 23), TERMS)
    assert sums.n == N
    centres = {name: float(values.mean()) for name, values in rows.items()}
    scales = dict.fromkeys(rows, size)
    found = move(sums, centres, scales).products
    wanted = np.array(exact(rows, TERMS, centres, scales), dtype=np.float64)
    sizes = np.sqrt(np.diag(wanted))
    np.testing.assert_allclose(found / np.outer(sizes, sizes), wanted / np.outer(sizes, sizes), atol=N * 2.0**-52)


def test_least_squares_by_sums_is_that_of_fractions():
    """Normal equations about the means lose what the correlations of the columns make them lose, and no more."""
    rows = columns(1e6)
    sums = add_up(batches(rows, 50), close([(("x", 2),), (("w", 1), ("x", 1)), (("y", 1),)]))
    centres = {name: float(values.mean()) for name, values in rows.items()}
    terms = [(), (("x", 1),), (("w", 1),), (("x", 2),), (("w", 1), ("x", 1))]
    turn = express(sums, [*terms, (("y", 1),)], centres, dict.fromkeys(rows, 1.0))
    gram = turn.T @ sums.products @ turn
    found = np.linalg.solve(gram[:5, :5], gram[:5, 5])
    true = exact(rows, [*terms, (("y", 1),)], centres, dict.fromkeys(rows, 1.0))
    wanted = solve([row[:5] for row in true[:5]], [row[5] for row in true[:5]])
    condition = np.linalg.cond(gram[:5, :5])
    np.testing.assert_allclose(found, [float(each) for each in wanted], atol=condition * N * 2.0**-52)


@pytest.mark.parametrize("cut", [1, 2, 100, 199])
def test_sums_of_two_parts_are_those_of_the_whole(cut):
    rows = columns(1e5)
    parts = [{name: values[some] for name, values in rows.items()} for some in (slice(cut), slice(cut, None))]
    whole, both = add_up([rows], TERMS), join(*(add_up([part], TERMS) for part in parts))
    there = move(both, whole.centres, whole.scales).products
    sizes = np.sqrt(np.diag(whole.products))
    np.testing.assert_allclose(there / np.outer(sizes, sizes), whole.products / np.outer(sizes, sizes), atol=1e-12)


@pytest.mark.parametrize("size", [1e-140, 1.0, 1e150])
def test_means_and_covariances_in_any_unit(size):
    rows = columns(0.0, size)
    sums = add_up(batches(rows, 100), TERMS)
    means = [rows[name].mean() for name in "xwy"]
    np.testing.assert_allclose(sums.means("xwy"), means, rtol=0, atol=1e-13 * size)
    wanted = np.cov([rows[name] / size for name in "xwy"])
    np.testing.assert_allclose(sums.covariances("xwy") / size**2, wanted, rtol=1e-12)


def test_no_rows_are_no_sums():
    assert add_up([], TERMS) is None
    assert add_up([{name: np.zeros(0) for name in "xwy"}], TERMS) is None


def test_memory_does_not_grow_with_the_rows():
    """What numpy holds at most while a hundred batches go by is what it holds for three."""
    terms = close([((name, 1),) for name in "xwy"])

    def peak(count):
        batch = {name: RNG.normal(size=50_000) for name in "xwy"}
        tracemalloc.start()
        add_up((batch for _ in range(count)), terms)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(100) < 1.1 * peak(3)
