"""Sparse roots of what is integrated out: held against NumPy's dense ones."""

import numpy as np
import pytest

from mechanisms.infer.marginal.units import elimination
from mechanisms.infer.marginal.units.elimination import eliminate, pair_up


def tree(rng, clients=6, missing=5):
    """Rows of a therapist's clients: each looks at the therapist, at its client, and at two neighbours in time."""
    rows, therapist = [], clients * (missing + 1)
    for client in range(clients):
        first = client * (missing + 1)
        rows += [[first + t, first + t + 1, therapist] for t in range(missing - 1)]
        rows += [[first + t, first + missing, therapist] for t in range(missing)]
    return rows, therapist + 1


def scattered(rng):
    """Rows that look at three of twelve at random."""
    return [sorted(rng.choice(12, 3, replace=False)) for _ in range(15)] + [[k] for k in range(12)], 12


def write(rows):
    return np.repeat(np.arange(len(rows)), [len(each) for each in rows]), np.concatenate(rows).astype(np.int64)


def dense(found, size):
    """Where the root may have entries, and the pairs of a column that its updates belong to."""
    entries = np.zeros((size, size), dtype=bool)
    column = np.repeat(np.arange(size), np.diff(found.starts))
    entries[found.rows, column] = True
    return entries, column


@pytest.mark.parametrize("make", [tree, scattered])
def test_a_root_has_entries_where_numpys_has_some(make):
    rng = np.random.default_rng(1)
    rows, size = make(rng)
    found = eliminate(size, *write(rows))
    assert sorted(found.order) == list(range(size))
    matrix = np.eye(size)
    for each in rows:
        part = np.zeros(size)
        part[each] = rng.normal(size=len(each))
        matrix += np.outer(part, part)
    matrix = matrix[np.ix_(found.order, found.order)]
    entries, column = dense(found, size)
    root = np.linalg.cholesky(matrix)
    assert not root[~entries].any()
    assert np.all(found.rows[found.starts[:-1]] == np.arange(size))
    values, update = matrix[found.rows, column], 0  # the same root by the entries alone
    for k in range(size):
        first, last = found.starts[k], found.starts[k + 1]
        values[first] = np.sqrt(values[first])
        values[first + 1 : last] /= values[first]
        for one, other in zip(*pair_up(last - first - 1), strict=True):
            values[found.updates[update]] -= values[first + 1 + one] * values[first + 1 + other]
            update += 1
    assert update == len(found.updates)
    np.testing.assert_allclose(values, root[found.rows, column], atol=1e-12)


def test_clients_of_a_therapist_leave_few_entries():
    rows, size = tree(None, clients=40)
    assert len(eliminate(size, *write(rows)).rows) < 5 * size


def test_what_takes_too_much_is_not_written_out(monkeypatch):
    rows, size = scattered(np.random.default_rng(1))
    looked_at = sum(len(each) ** 2 for each in rows)
    below = np.diff(eliminate(size, *write(rows)).starts) - 1
    assert looked_at < below @ below - 1
    for most in (looked_at - 1, below @ below - 1):
        monkeypatch.setattr(elimination, "MOST", most)
        assert eliminate(size, *write(rows)) is None
