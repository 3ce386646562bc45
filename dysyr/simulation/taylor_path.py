"""Solutions of a linear equation with constant coefficients by Taylor series, with dense output of a few entries.

.. math:: x(t_0 + \\theta\\tau) = e^{\\mu\\theta\\tau} \\sum_k \\theta^k u_k, \\quad
    u_k = \\frac{\\tau}{k} (A - \\mu) u_{k-1}, \\quad u_0 = x(t_0)

A step is as long as rounding allows: the largest term may exceed the result by what the tolerance leaves. Values within
a step are a polynomial in θ whose coefficients are known, so that the number of samples costs nothing.

Reference:
    almohy2011
"""

import math

import numpy as np

from dysyr.core.errors import InputError, NotConverged

MOST_TERMS = 300
MOST_UNITS = 1e7
"""Largest time in units of the fastest rate: a few products with the generator for each."""

ROUNDING = 2e-16
LARGEST_STEP_GROWTH = 2.0
SAFETY = 0.9


def taylor_path(generator, state, times, start, tolerance, indices, keep=None):
    """Advance a state and read it at given times.

    Args:
        generator: PauliGenerator whose strengths do not depend on time.
        state: (size,) array of the start; it is overwritten with the state at the last time.
        times: (time,) ascending, not before ``start``, in system time units.
        start: time of the given state.
        tolerance: error allowed over the whole time, in the largest entry.
        indices: (entry,) which entries are wanted at all times.
        keep: (time, size) array that is filled with all states, or None.

    Returns:
        (entries (time, entry), dict with n_steps and n_products).

    Raises:
        InputError: a time so long, or strengths so large, that the evolution would not end.
        NotConverged: a series that does not end within 300 terms.
    """
    strengths = generator.spins.strengths()
    with np.errstate(over="ignore"):
        bound, lowest, mean = generator.terms.bounds(strengths)
    if not bound * (float(times[-1]) - start) <= MOST_UNITS:
        raise InputError(
            "the evolution would take too long", got=f"rates up to {bound:.3g} over a time of {times[-1] - start:.3g}",
            expected=f"a product of at most {MOST_UNITS:.0e}", do="simulate a shorter time",
        )  # fmt: skip
    tables = generator.tables(shift=-mean)
    out = np.empty((len(times), len(indices)))
    term, other, total = np.empty_like(state), np.empty_like(state), np.empty_like(state)
    end, t, done = float(times[-1]), float(start), int(np.searchsorted(times, start, side="right"))
    out[:done] = state[indices]
    if keep is not None:
        keep[:done] = state
    duration = max(end - t, 0.0)
    step = min(duration, 1.0 / max(bound, mean - lowest, 1e-300))
    n_steps = n_products = 0
    while t < end:
        step = end - t if t + 1.001 * step >= end else step
        allowed = tolerance * step / duration
        inside = slice(done, int(np.searchsorted(times, t + step, side="right")) if t + step < end else len(times))
        theta = (times[inside] - t) / step
        shrink = math.exp(mean * step)
        np.copyto(term, state)
        np.copyto(total, state)
        coefficients = [state[indices]]
        powers = np.ones(len(theta))
        if keep is not None:
            keep[inside] = state
        peak = previous = 1.0
        for k in range(1, MOST_TERMS + 1):
            size = generator.apply(tables, term, other, step / k, total)
            term, other = other, term
            n_products += 1
            coefficients.append(term[indices])
            if keep is not None:
                powers = powers * theta
                for row, power in zip(keep[inside], powers, strict=True):
                    row += power * term
            peak = max(peak, size)
            if max(size, previous) * max(shrink, 1.0) <= allowed or size == 0.0:
                break
            previous = size
        else:
            raise NotConverged(
                "the Taylor series of the evolution does not end", got=f"terms of size {size:.3g} after {MOST_TERMS}",
                expected="strengths that are finite, and not too large",
            )  # fmt: skip
        room = math.log(max(allowed / (ROUNDING * max(shrink, 1e-300)), 4.0))
        growth = math.log(max(peak, 1.001))
        if growth > 1.5 * room:
            step *= room / growth
            continue
        decay = np.exp(mean * step * theta)
        out[inside] = decay[:, None] * np.polynomial.polynomial.polyval(theta, np.array(coefficients), tensor=True).T
        if keep is not None:
            keep[inside] *= decay[:, None]
        np.multiply(total, shrink, out=state)
        n_steps += 1
        t, done = (end if inside.stop == len(times) and t + step >= end else t + step), inside.stop
        step *= min(LARGEST_STEP_GROWTH, SAFETY * room / growth)
    return out, {"n_steps": n_steps, "n_products": n_products}
