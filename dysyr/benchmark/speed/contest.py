"""One kernel against one baseline: the same job, run in turns, compared by processor time.

    ratio = median(baseline) / median(ours),        spread = range of the ratios of the single turns

Processor time charges a program for every thread it uses, and hardly for what else the machine does. Before a figure
is given, the two results are compared: a contest whose results differ has no ratio.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable

from dysyr.core.errors import DysyrError

REPEATS = 7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contest:
    """A kernel, its baseline, and how well the kernel should do.

    Attributes:
        job: what is computed, e.g. "Lorenz-63 ensemble, RK4".
        size: how much of it, e.g. "1,000 x 10,000 steps, float64".
        baseline: name of the other program and how it is set, e.g. "scipy solve_ivp, RK45, rtol 1e-6".
        ours: does the job with dysyr's kernel once.
        theirs: does it with the baseline; None where that is not installed or does not exist.
        compare: function of both results that returns a line on how they agree, and raises Disagreement if they do
            not; None only where ``theirs`` is None.
        goal: ratio aimed at, or None.
        floor: ratio below which something is broken, or None.
        scale: by how much the baseline's time is multiplied because it did only a part of the job.
        repeats: turns that are timed, after one that is not.
        note: what else a reader should know: differences of method, why there is no baseline.
        clock: ``time.process_time``, or ``time.perf_counter`` where a device does the work.
    """

    job: str
    size: str
    baseline: str
    ours: Callable[[], object]
    theirs: Callable[[], object] | None
    compare: Callable[[object, object], str] | None
    goal: float | None = None
    floor: float | None = None
    scale: float = 1.0
    repeats: int = REPEATS
    note: str = ""
    clock: Callable[[], float] = time.process_time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """A kernel against a limit of the machine that was measured in the same run.

    Attributes:
        job, size, goal, floor, repeats, note, clock: as in Contest.
        limit: name of the limit.
        ours: does the job once.
        work: how much work that is, e.g. floating-point operations.
        unit: of work per second, divided by 1e9, e.g. "GF/s".
        capacity: function that does work as fast as the machine can, and returns how much it did; None where the
            figure is a rate and not a share.
        goal_is_rate: whether goal and floor are rates (in ``unit``) rather than shares.
    """

    job: str
    size: str
    limit: str
    ours: Callable[[], object]
    work: float
    unit: str
    capacity: Callable[[], float] | None
    goal: float | None = None
    floor: float | None = None
    goal_is_rate: bool = False
    repeats: int = REPEATS
    note: str = ""
    clock: Callable[[], float] = time.process_time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        job, size, baseline, goal, floor, note: as in Contest; ``baseline`` is the limit of a Share.
        ratio: how many times as fast as the baseline, the share of the limit, or the rate; None without a baseline.
        unit: "x", "of the limit" or a rate.
        spread: (lowest, highest) of the single turns.
        seconds: processor seconds of one turn of ours.
        agreement: how the results agree.
        met: whether the goal is reached; None without a goal or a ratio.
    """

    job: str
    size: str
    baseline: str
    ratio: float | None
    unit: str
    spread: tuple[float, float] | None
    seconds: float
    goal: float | None
    floor: float | None
    met: bool | None
    agreement: str
    note: str


class Disagreement(DysyrError):
    """Kernel and baseline do not compute the same thing."""


def hold(contest):
    """Run a contest.

    Args:
        contest: Contest or Share.

    Returns:
        Row.

    Raises:
        Disagreement: the results differ by more than the contest allows.
    """
    if isinstance(contest, Share):
        return _share(contest)
    agreement = ""
    ours = contest.ours()
    if contest.theirs is not None:
        agreement = contest.compare(ours, contest.theirs())
    own, other = [], []
    for _ in range(contest.repeats):
        own.append(_timed(contest.ours, contest.clock)[0])
        if contest.theirs is not None:
            other.append(contest.scale * _timed(contest.theirs, contest.clock)[0])
    ratio = statistics.median(other) / statistics.median(own) if other else None
    turns = [b / a for a, b in zip(own, other, strict=False)]
    return Row(
        job=contest.job, size=contest.size, baseline=contest.baseline, ratio=ratio, unit="x",
        spread=(min(turns), max(turns)) if turns else None, seconds=statistics.median(own), goal=contest.goal,
        floor=contest.floor, met=_met(ratio, contest.goal), agreement=agreement, note=_scaled_note(contest),
    )  # fmt: skip


def _share(contest):
    contest.ours()
    if contest.capacity is not None:
        contest.capacity()
    own, rates, turns = [], [], []
    for _ in range(contest.repeats):
        seconds, _ = _timed(contest.ours, contest.clock)
        own.append(seconds)
        rate = contest.work / seconds / 1e9
        if contest.capacity is None:
            turns.append(rate)
            continue
        seconds, done = _timed(contest.capacity, contest.clock)
        rates.append(done / seconds / 1e9)
        turns.append(rate / rates[-1])
    rate = contest.work / statistics.median(own) / 1e9
    is_rate = contest.capacity is None or contest.goal_is_rate
    share = None if contest.capacity is None else rate / statistics.median(rates)
    text = f"{rate:.1f} {contest.unit}"
    if share is not None:
        text += f", {100 * share:.0f} % of {statistics.median(rates):.0f} {contest.unit}"
    scale = statistics.median(rates) if rates and is_rate else 1.0
    value = rate if is_rate else share
    return Row(
        job=contest.job, size=contest.size, baseline=contest.limit, ratio=value,
        unit=contest.unit if is_rate else "of the limit", spread=(scale * min(turns), scale * max(turns)),
        seconds=statistics.median(own), goal=contest.goal, floor=contest.floor, met=_met(value, contest.goal),
        agreement=text, note=contest.note,
    )  # fmt: skip


def _timed(run, clock):
    begun = clock()
    result = run()
    return max(clock() - begun, 1e-9), result


def _met(ratio, goal):
    return None if ratio is None or goal is None else bool(ratio >= goal)


def _scaled_note(contest):
    scaled = f"baseline did 1/{contest.scale:g} of the job, its time is scaled" if contest.scale != 1 else ""
    return "; ".join(part for part in (contest.note, scaled) if part)
