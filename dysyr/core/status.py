"""What became of an orbit: finite, diverged, at rest, or on a cycle."""

import numpy as np

REST_TOLERANCE = 1e-6
CYCLE_TOLERANCE = 1e-4
MAX_CROSSINGS = 64
MAX_MAP_PERIOD = 256


def orbit_status(x, scale):
    """Say what became of one orbit, from its last half.

    * diverged: some value is not finite or exceeds 1e6 scales; ``diverged_at`` is the first such step;
    * fixed point: the last tenth varies by less than 1e-6 scales;
    * cycle: a tail that returns to itself within 1e-4 scales, either after a whole number of steps (maps), or
      as a flow: the points where it crosses a plane through its mean fall onto at most 64 repeating points.

    A chaotic or quasi-periodic orbit crosses that plane at ever new points and is none of these.

    Args:
        x: (time, n_variables) orbit.
        scale: (n_variables,) standard deviation of the data, in the same units.

    Returns:
        dict: ``finite`` (bool), ``diverged_at`` (step or None), ``fixed_point`` (bool), ``cycle`` (period in
        steps, or None).
    """
    with np.errstate(invalid="ignore", over="ignore"):
        s = np.asarray(x, dtype=np.float64) / scale
        bad = ~(np.abs(s - s[:1]).max(axis=1) < 1e6) if np.isfinite(s[0]).all() else np.ones(len(s), dtype=bool)
    result = {"finite": not bad.any(), "diverged_at": None, "fixed_point": False, "cycle": None}
    if bad.any():
        result["diverged_at"] = int(np.argmax(bad))
        return result
    if len(s) < 20:
        return result
    rest = s[-max(len(s) // 10, 2) :]
    if np.ptp(rest, axis=0).max() < REST_TOLERANCE:
        result["fixed_point"] = True
        return result
    result["cycle"] = _map_period(s[len(s) // 2 :]) or _flow_period(s[len(s) // 2 :])
    return result


def _map_period(tail):
    """Smallest whole p <= 256 with |x[t+p] - x[t]| below the tolerance throughout the tail; else None."""
    for period in range(2, min(MAX_MAP_PERIOD, len(tail) // 3) + 1):
        if np.abs(tail[-1] - tail[-1 - period]).max() < CYCLE_TOLERANCE:
            if np.abs(tail[period:] - tail[:-period]).max() < CYCLE_TOLERANCE:
                return float(period)
    return None


def _flow_period(tail):
    """Mean return time of the crossings of a plane, if the crossing points repeat; else None.

    The plane goes through the mean, across the direction of largest variance. A crossing between two samples is
    placed by cubic interpolation, so that its own error stays below the tolerance at usual sampling intervals.
    """
    if tail.shape[1] == 1:
        tail = _with_slope(tail)
    centred = tail - tail.mean(axis=0)
    direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    height = centred @ direction
    at = np.flatnonzero((height[1:-2] < 0) & (height[2:-1] >= 0)) + 1
    if len(at) < 6:
        return None
    fraction = _cubic_root(height, at)
    times = at + fraction
    points = _cubic(tail, at, fraction[:, None])
    tolerance = 10 * CYCLE_TOLERANCE * max(1.0, np.ptp(tail, axis=0).max())
    for k in range(1, min(MAX_CROSSINGS, len(at) // 3) + 1):
        if np.abs(points[k:] - points[:-k]).max() < tolerance:
            return float(np.mean(times[k:] - times[:-k]))
    return None


def _with_slope(x):
    """A scalar series and its slope, each of unit size: a plane through one variable alone has no points."""
    slope = np.gradient(x[:, 0])
    spread = slope.std()
    return np.column_stack([x[:, 0], slope / (spread if spread > 0 else 1.0)])


def _cubic(values, at, fraction):
    """Four-point Lagrange interpolation at ``at + fraction``."""
    before, here, after, beyond = values[at - 1], values[at], values[at + 1], values[at + 2]
    f = fraction
    return (
        -f * (f - 1) * (f - 2) / 6 * before
        + (f + 1) * (f - 1) * (f - 2) / 2 * here
        - (f + 1) * f * (f - 2) / 2 * after
        + (f + 1) * f * (f - 1) / 6 * beyond
    )


def _cubic_root(height, at):
    """Fraction in [0, 1] at which the interpolant of ``height`` vanishes, by bisection."""
    low, high = np.zeros(len(at)), np.ones(len(at))
    for _ in range(40):
        middle = (low + high) / 2
        below = _cubic(height, at, middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
