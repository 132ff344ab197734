"""Compiled: what the rows of a unit say when the unit's own deviations are integrated out, and draws of these.

Deviations are `root` @ z with independent standard normal z, so that all is smooth where an sd goes to 0. Around the
mode of each unit's z, found by Newton's method, Gauss–Hermite nodes are laid in units of the curvature there (Liu &
Pierce 1994, Biometrika 81; Pinheiro & Bates 1995); of several deviations their product.
"""

from math import exp, log, log1p, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mechanisms.infer.compiling import compiled
from mechanisms.infer.smooth.densities import LOGIT, constant, logistic, slopes, value

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
STEPS, NEAR = 50, 1e-4  # how near the mode, in prior sds, nodes are laid
FAR = 2.0  # how far one Newton step goes at most, in prior sds
FREEDOM = 2.0  # of which the t is a normal number over the root of an exponential one
MOST = 1e100  # factors beyond it are not multiplied
WIDE = 10.0  # an sd above it asks for more care than the quick way takes


class Units(NamedTuple):
    """Rows in the order of their units; unit j has those from `starts[j]`.

    Of each row the number of its family, the response, its trials, the place of its spread, and what multiplies each
    deviation. `plain` marks units whose rows are all 0/1 with a logit link and look at one deviation just as it is.
    `begin` (units, q) is where a unit's mode is sought from.
    """

    starts: Whole
    families: Whole
    y: Floats
    trials: Floats
    slots: Whole
    loads: Floats
    plain: Whole
    begin: Floats


class Nodes(NamedTuple):
    """Places (nodes, q) in units of the curvature, and the logarithms of their weights over the normal density."""

    places: Floats
    log_weights: Floats


@compiled(error_model="numpy")
def _look(units, j, root, looks):  # type: ignore[no-untyped-def]
    """Write what multiplies each z in the predictors of a unit's rows."""
    for r in range(units.starts[j], units.starts[j + 1]):
        for i in range(len(root)):
            looks[r, i] = 0.0
            for k in range(i, len(root)):
                looks[r, i] += units.loads[r, k] * root[k, i]


@compiled(error_model="numpy", inline="always")
def _shift(looks, r, z):  # type: ignore[no-untyped-def]
    """How far the deviations move a row's predictor."""
    found = looks[r, 0] * z[0]
    for k in range(1, len(z)):
        found += looks[r, k] * z[k]
    return found


@compiled(error_model="numpy", inline="always")
def _height(units, j, eta, spreads, looks, z):  # type: ignore[no-untyped-def]
    """The log density of a unit's rows and z, without what does not depend on z."""
    total, product = 0.0, 1.0
    for each in z:
        total -= 0.5 * each * each
    for r in range(units.starts[j], units.starts[j + 1]):
        here = eta[r] + _shift(looks, r, z)
        if units.families[r] == LOGIT and units.trials[r] == 1.0:  # one logarithm for many rows
            total += units.y[r] * here - max(here, 0.0)
            product *= 1.0 + exp(-abs(here))
            if product > MOST:
                total -= log(product)
                product = 1.0
        else:
            total += value(units.families[r], units.y[r], units.trials[r], here, spreads[units.slots[r]])
    return total - log(product)


@compiled(error_model="numpy")
def _lean(units, j, eta, spreads, looks, z, slope, bend):  # type: ignore[no-untyped-def]
    """Write how the height changes with z, and its curvature (lower triangle)."""
    size = len(z)
    for k in range(size):
        slope[k] = -z[k]
        for i in range(k + 1):
            bend[k, i] = 1.0 if i == k else 0.0
    for r in range(units.starts[j], units.starts[j + 1]):
        here = eta[r] + _shift(looks, r, z)
        if units.families[r] == LOGIT:
            mean = logistic(here)
            steep, bent = units.y[r] - units.trials[r] * mean, units.trials[r] * mean * (1.0 - mean)
        else:
            _, steep, _, bent = slopes(units.families[r], units.y[r], units.trials[r], here, spreads[units.slots[r]])
        for k in range(size):
            slope[k] += steep * looks[r, k]
            for i in range(k + 1):
                bend[k, i] += bent * looks[r, k] * looks[r, i]


@compiled(error_model="numpy")
def _factorise(bend):  # type: ignore[no-untyped-def]
    """The Cholesky root of a matrix in its place; what is not positive becomes small."""
    for k in range(len(bend)):
        for i in range(k + 1):
            rest = bend[k, i]
            for h in range(i):
                rest -= bend[k, h] * bend[i, h]
            bend[k, i] = sqrt(max(rest, 1e-3)) if i == k else rest / bend[i, i]


@compiled(error_model="numpy")
def _turn_back(bend, step):  # type: ignore[no-untyped-def]
    """Solve rootᵀ x = step in its place."""
    for k in range(len(step) - 1, -1, -1):
        for h in range(k + 1, len(step)):
            step[k] -= bend[h, k] * step[h]
        step[k] /= bend[k, k]


@compiled(error_model="numpy")
def _climb(units, j, eta, spreads, looks, z, bend):  # type: ignore[no-untyped-def]
    """Write the mode of z and the root of the curvature there."""
    size = len(z)
    slope, there = np.empty(size), np.empty(size)
    z[:] = units.begin[j]
    height = _height(units, j, eta, spreads, looks, z)
    for _ in range(STEPS):
        _lean(units, j, eta, spreads, looks, z, slope, bend)
        _factorise(bend)
        longest = 0.0
        for k in range(size):  # forward
            for h in range(k):
                slope[k] -= bend[k, h] * slope[h]
            slope[k] /= bend[k, k]
        _turn_back(bend, slope)
        for k in range(size):
            longest = max(longest, abs(slope[k]))
        if not longest > NEAR:
            break
        share, moved = min(1.0, FAR / longest), False
        for _ in range(30):
            for k in range(size):
                there[k] = z[k] + share * slope[k]
            above = _height(units, j, eta, spreads, looks, there)
            if above >= height:
                moved = True
                break
            share *= 0.5
        if not moved:
            break
        z[:] = there
        height = above


@compiled(error_model="numpy")
def _grow(units, j, eta, sd, grown):  # type: ignore[no-untyped-def]
    """Write exp η of a plain unit's rows. How many are 1, the sum of their η, and whether the quick way may be taken."""
    ones, known = 0.0, 0.0
    if not units.plain[j] or not sd < WIDE:
        return ones, known, False
    for r in range(units.starts[j], units.starts[j + 1]):
        grown[r] = exp(eta[r])
        ones += units.y[r]
        known += units.y[r] * eta[r]
        if not grown[r] < MOST:
            return ones, known, False
    return ones, known, True


@compiled(error_model="numpy", inline="always")
def _quick_height(grown, first, last, ones, known, sd, z):  # type: ignore[no-untyped-def]
    """`_height` of a plain unit: 1 + exp(η + sd·z) is a product, and its logarithm is taken once."""
    total, product, factor = known + ones * sd * z - 0.5 * z * z, 1.0, exp(sd * z)
    for r in range(first, last):
        product *= 1.0 + grown[r] * factor
        if product > MOST:
            total -= log(product)
            product = 1.0
    return total - log(product)


@compiled(error_model="numpy")
def _quick_climb(grown, first, last, ones, known, sd, begin):  # type: ignore[no-untyped-def]
    """The mode of a plain unit's z, and the square root of the curvature there."""
    z = begin
    height, bend = _quick_height(grown, first, last, ones, known, sd, z), 1.0
    for _ in range(STEPS):
        factor, mean, spread = exp(sd * z), 0.0, 0.0
        for r in range(first, last):
            rest = 1.0 / (1.0 + grown[r] * factor)
            mean += 1.0 - rest
            spread += rest * (1.0 - rest)
        bend = 1.0 + sd * sd * spread
        step = (sd * (ones - mean) - z) / bend
        if not abs(step) > NEAR:
            break
        step = max(-FAR, min(FAR, step))
        above = _quick_height(grown, first, last, ones, known, sd, z + step)
        while above < height and abs(step) > NEAR:
            step *= 0.5
            above = _quick_height(grown, first, last, ones, known, sd, z + step)
        z, height = z + step, above
    return z, sqrt(bend)


@compiled(error_model="numpy")
def _place(centre, bend, node, z):  # type: ignore[no-untyped-def]
    """Write where a node lies, in z."""
    z[:] = node
    _turn_back(bend, z)
    z += centre


@compiled(error_model="numpy")
def _weigh(units, j, eta, spreads, root, nodes, centre, bend, heights, grown, looks):  # type: ignore[no-untyped-def]
    """Write mode, curvature and the log weights of a unit's nodes; the log of the sum, and whether the quick way was taken."""
    ones, known, quick = _grow(units, j, eta, root[0, 0], grown)
    if quick:
        first, last, sd = units.starts[j], units.starts[j + 1], root[0, 0]
        middle, narrow = _quick_climb(grown, first, last, ones, known, sd, units.begin[j, 0])
        centre[0], bend[0, 0] = middle, narrow
        for n in range(len(heights)):
            here = middle + nodes.places[n, 0] / narrow
            heights[n] = nodes.log_weights[n] + _quick_height(grown, first, last, ones, known, sd, here)
    else:
        _look(units, j, root, looks)
        _climb(units, j, eta, spreads, looks, centre, bend)
        z = np.empty(len(centre))
        for n in range(len(heights)):
            _place(centre, bend, nodes.places[n], z)
            heights[n] = nodes.log_weights[n] + _height(units, j, eta, spreads, looks, z)
    most, total = heights[0], 0.0
    for n in range(len(heights)):
        most = max(most, heights[n])
    for n in range(len(heights)):
        total += exp(heights[n] - most)
    return most + log(total), quick


@compiled(error_model="numpy")
def integrate(units, etas, spreads, roots, nodes, out):  # type: ignore[no-untyped-def]
    """Write the log likelihood at each of some points: predictors (points, rows), spreads (points, slots), roots."""
    size = units.loads.shape[1]
    centre, bend, heights = np.empty(size), np.empty((size, size)), np.empty(len(nodes.log_weights))
    grown, looks = np.empty(len(units.y)), np.empty(units.loads.shape)
    for m in range(len(out)):
        total = 0.0
        for r in range(len(units.y)):
            total += constant(units.families[r], units.y[r], spreads[m, units.slots[r]])[0]
        for j in range(len(units.starts) - 1):
            total += _weigh(units, j, etas[m], spreads[m], roots[m], nodes, centre, bend, heights, grown, looks)[0]
            for k in range(size):
                total -= log(bend[k, k])
        out[m] = total


@compiled(error_model="numpy")
def _pull(units, j, weight, eta, spreads, looks, z, by_eta, by_spread, by_root):  # type: ignore[no-untyped-def]
    """Add the slopes of a unit's rows at one z."""
    for r in range(units.starts[j], units.starts[j + 1]):
        here, slot = eta[r] + _shift(looks, r, z), units.slots[r]
        if units.families[r] == LOGIT:
            steep, wide = units.y[r] - units.trials[r] * logistic(here), 0.0
        else:
            _, steep, wide, _ = slopes(units.families[r], units.y[r], units.trials[r], here, spreads[slot])
        by_eta[r] += weight * steep
        by_spread[slot] += weight * wide
        for k in range(len(z)):
            for i in range(k + 1):
                by_root[k, i] += weight * steep * units.loads[r, k] * z[i]


@compiled(error_model="numpy")
def _quick_pull(grown, y, first, last, weight, sd, z, by_eta):  # type: ignore[no-untyped-def]
    """`_pull` of a plain unit; what to add to the derivative by the sd."""
    factor, pull = exp(sd * z), 0.0
    for r in range(first, last):
        steep = y[r] - 1.0 + 1.0 / (1.0 + grown[r] * factor)
        by_eta[r] += weight * steep
        pull += steep
    return weight * pull * z


@compiled(error_model="numpy")
def differentiate(units, eta, spreads, root, nodes, by_eta, by_spread, by_root):  # type: ignore[no-untyped-def]
    """The log likelihood at one point; its derivatives by predictors, spreads and the root (lower triangle).

    The nodes move with the point, but where they give the integral, moving them changes nothing: what is averaged over
    a unit's deviations is the slope of its rows (Fisher's identity).
    """
    size, total = units.loads.shape[1], 0.0
    centre, bend, heights = np.empty(size), np.empty((size, size)), np.empty(len(nodes.log_weights))
    grown, looks, z = np.empty(len(units.y)), np.empty(units.loads.shape), np.empty(size)
    by_eta[:], by_spread[:], by_root[:] = 0.0, 0.0, 0.0
    for r in range(len(units.y)):
        known, steep = constant(units.families[r], units.y[r], spreads[units.slots[r]])
        total += known
        by_spread[units.slots[r]] += steep
    for j in range(len(units.starts) - 1):
        whole, quick = _weigh(units, j, eta, spreads, root, nodes, centre, bend, heights, grown, looks)
        total += whole
        for k in range(size):
            total -= log(bend[k, k])
        for n in range(len(heights)):
            weight = exp(heights[n] - whole)
            if weight < 1e-13:
                continue
            _place(centre, bend, nodes.places[n], z)
            if quick:
                by_root[0, 0] += _quick_pull(
                    grown, units.y, units.starts[j], units.starts[j + 1], weight, root[0, 0], z[0], by_eta
                )
            else:
                _pull(units, j, weight, eta, spreads, looks, z, by_eta, by_spread, by_root)
    return total


@compiled(error_model="numpy")
def draw(units, etas, spreads, roots, tries, rng, out):  # type: ignore[no-untyped-def]
    """Write z of every unit given each point, (points, units, q), from their distribution given rows and parameters.

    Metropolis steps that propose from a t at the unit's mode, whatever the last one was (Tierney 1994): of such a chain
    what its beginning leaves shrinks at every step by the factor 1 − 1 / (the greatest ratio of the two densities).
    """
    size = units.loads.shape[1]
    centre, bend = np.empty(size), np.empty((size, size))
    grown, looks = np.empty(len(units.y)), np.empty(units.loads.shape)
    z, noise = np.empty(size), np.empty(size)
    for m in range(len(etas)):
        for j in range(len(units.starts) - 1):
            first, last, sd = units.starts[j], units.starts[j + 1], roots[m, 0, 0]
            ones, known, quick = _grow(units, j, etas[m], sd, grown)
            if quick:
                centre[0], bend[0, 0] = _quick_climb(grown, first, last, ones, known, sd, units.begin[j, 0])
            else:
                _look(units, j, roots[m], looks)
                _climb(units, j, etas[m], spreads[m], looks, centre, bend)
            before = -np.inf
            for _ in range(tries):
                wide, squares = 1.0 / sqrt(rng.standard_exponential()), 0.0
                for k in range(size):
                    noise[k] = wide * rng.standard_normal()
                    squares += noise[k] * noise[k]
                _place(centre, bend, noise, z)
                if quick:
                    here = _quick_height(grown, first, last, ones, known, sd, z[0])
                else:
                    here = _height(units, j, etas[m], spreads[m], looks, z)
                here += 0.5 * (FREEDOM + size) * log1p(squares / FREEDOM)
                if before == -np.inf or log(rng.random()) < here - before:
                    before = here
                    out[m, j, :] = z


@compiled(error_model="numpy")
def find_modes(units, eta, spreads, root, out):  # type: ignore[no-untyped-def]
    """Write the mode of every unit's z at one point, (units, q)."""
    size = units.loads.shape[1]
    bend, looks = np.empty((size, size)), np.empty(units.loads.shape)
    for j in range(len(units.starts) - 1):
        _look(units, j, root, looks)
        _climb(units, j, eta, spreads, looks, out[j], bend)
