"""Cuts a scan into compiled calls: units of work over threads, stretches of time one after the other."""

from dysyr.kernels.lane_blocks import run_blocks

LARGEST_CALL = 2**23
"""Numbers that pass through one compiled call: a tenth of a second or less, so that Ctrl-C works."""


def run_units(call, n_units, n_steps, per_step, *, grain=1, reverse=False):
    """Call ``call(first, last, start, stop)`` until all units have passed all times.

    Units are independent of one another, so they may run on several threads. Where one unit is more than a call should
    take, it is given several calls over consecutive times, and carries its state from one to the next.

    Args:
        call: function of the first unit, the one after the last, the first time and the one after the last.
        n_units: number of units.
        n_steps: number of times.
        per_step: numbers that a unit handles in a step.
        grain: calls begin at times that are multiples of it.
        reverse: whether times run from the last to the first.
    """
    steps = max(1, LARGEST_CALL // max(per_step * grain, 1)) * grain
    starts = range(0, n_steps, steps)

    def work(first, last, stopped):
        for start in reversed(starts) if reverse else starts:
            if stopped.is_set():
                return
            call(first, last, start, min(start + steps, n_steps))

    run_blocks(work, n_units, max(1, LARGEST_CALL // (per_step * min(steps, n_steps))))
