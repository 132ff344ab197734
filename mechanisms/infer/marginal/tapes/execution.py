"""Compiled: the log density of a `partial.Program`, its gradient, and draws of what it integrates out."""

import numpy as np

from mechanisms.infer.compiling import compiled, compiled_within
from mechanisms.infer.marginal.charts import enter_symbols, pull_slopes
from mechanisms.infer.marginal.tapes.groups import (
    add_gram,
    condition_groups,
    integrate,
    multiply,
    read_part,
    return_gram,
    return_part,
)
from mechanisms.infer.marginal.tapes.replay import run_backwards, run_forwards


@compiled_within()
def _enter(chart, program, point, cells):  # type: ignore[no-untyped-def]
    """Fill the cells; the log prior of the parameters."""
    symbols, size = program.sizes[1], len(chart.families)
    prior = enter_symbols(chart, point[:size], cells[:symbols])
    for k in range(program.sizes[2]):
        cells[symbols + k] = point[size + k]
    run_forwards(program.steps, program.indices, program.known, cells)
    return prior


@compiled_within()
def _read_spread(program, cells):  # type: ignore[no-untyped-def]
    out = np.zeros(program.spread_at.shape)
    for k in range(len(out)):
        for j in range(len(out)):
            if program.spread_at[k, j] >= 0:
                out[k, j] = cells[program.spread_at[k, j]]
    return out


@compiled_within()
def _sum_gram(program, cells, room):  # type: ignore[no-untyped-def]
    """The products of all residuals in groups; `room` holds the columns of one part."""
    size = len(program.spread_at) + 1
    gram = np.zeros((size, size, program.sizes[3]))
    for part in range(len(program.part_rows)):
        if program.part_bounds[part] >= 0:
            add_gram(program, part, read_part(program, part, cells, room), gram)
    return gram


@compiled(inline="always")
def differentiate_program(chart, program, room, point, gradient):  # type: ignore[no-untyped-def]
    """The log posterior density at one point, up to a constant; its gradient into `gradient`.

    `room` holds what is worked out on the way, as many numbers as `program.measure_room` says.
    """
    count = program.sizes[0]
    cells, slopes, rest = room[:count], room[count : 2 * count], room[2 * count :]
    slopes[:] = 0.0
    total = _enter(chart, program, point, cells)
    for k in range(len(program.log_at)):
        at = program.log_at[k]
        total += program.log_weights[k] * np.log(cells[at])
        slopes[at] += program.log_weights[k] / cells[at]
    if len(program.spread_at):
        total += _add_groups(program, cells, slopes, rest)
    for part in range(len(program.part_rows)):
        if program.part_bounds[part] < 0:
            columns = read_part(program, part, cells, rest)
            total -= 0.5 * multiply(columns[0], columns[0], 0, program.part_rows[part])
            by_column = rest[columns.size : 2 * columns.size].reshape(columns.shape)
            for k in range(len(columns)):
                for i in range(columns.shape[1]):
                    by_column[k, i] = -columns[k, i]
            return_part(program, part, columns, by_column, cells, slopes)
    run_backwards(program.steps, program.indices, program.known, cells, slopes)
    size, symbols = len(chart.families), program.sizes[1]
    pull_slopes(chart, point[:size], cells[:symbols], slopes[:symbols], gradient[:size])
    for k in range(program.sizes[2]):
        gradient[size + k] = slopes[symbols + k]
    return total


@compiled_within()
def _add_groups(program, cells, slopes, room):  # type: ignore[no-untyped-def]
    """The log density of the residuals in groups, and its slopes by the cells; `room` holds the columns of one part, twice."""
    spread, gram = _read_spread(program, cells), _sum_gram(program, cells, room)
    outer, by_spread = np.empty(gram.shape), np.zeros(spread.shape)
    total = integrate(gram, spread, outer, by_spread)
    for k in range(len(spread)):
        for j in range(k + 1):
            if program.spread_at[k, j] >= 0:
                slopes[program.spread_at[k, j]] += by_spread[k, j]
    for part in range(len(program.part_rows)):
        if program.part_bounds[part] >= 0:
            columns = read_part(program, part, cells, room)
            by_column = room[columns.size : 2 * columns.size].reshape(columns.shape)
            return_gram(program, part, columns, outer, by_column)
            return_part(program, part, columns, by_column, cells, slopes)
    return total


@compiled()
def draw_integrated(chart, program, points, places, out, noise):  # type: ignore[no-untyped-def]
    """Write the cells at `places` into `out` (points, places), and turn `noise` (points, quantities, groups) into draws of u."""
    cells, widest = np.empty(program.sizes[0]), 0
    for part in range(len(program.part_rows)):
        columns = program.part_columns[part + 1] - program.part_columns[part]
        widest = max(widest, columns * program.part_rows[part])
    room = np.empty(widest)
    for m in range(len(points)):
        _enter(chart, program, points[m], cells)
        for k in range(len(places)):
            out[m, k] = cells[places[k]]
        if len(program.spread_at):
            condition_groups(_sum_gram(program, cells, room), _read_spread(program, cells), noise[m])
