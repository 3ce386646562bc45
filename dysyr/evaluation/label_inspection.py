"""A look at labels of discrete states before anything is fitted."""

import dataclasses
import math
import textwrap

import numpy as np

from dysyr.core.json_attribute import json_attribute
from dysyr.core.labels import count_states, labels_of
from dysyr.core.measure import plain
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.requirements import REQUIREMENTS, unmet_by_labels

MOST_STATES_OF_A_COLUMN = 10
"""A single column of whole numbers is read as labels up to so many states; beyond that numbers are counts."""
COARSE = 0.3
FEW_VISITS = 5
LONE_SCORE, LONE_RATIO = 4.0, 1.5
MAX_SHOWN = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateInspection:
    """What was found about one state.

    Attributes:
        name: of the state.
        share: of all labels.
        visits: number of stretches of equal labels, over all paths.
        exits: number of them whose end was seen.
        dwell_time: time in the state for each exit, time units; NaN where none was seen.
    """

    name: str
    share: float
    visits: int
    exits: int
    dwell_time: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelInspection:
    """What labels look like; ``str`` gives the text, ``to_dict`` the numbers.

    Attributes:
        states: tuple of StateInspection.
        n_paths: number of paths.
        n_labels: labels that were seen.
        missing: share of missing samples.
        dt: sampling interval, time units; the median lag where times are irregular.
        regular: whether all lags are equal.
        duration: of all paths together, time units.
        changes: share of neighbouring labels that differ.
        lone: share of labels that differ from two equal neighbours.
        lone_expected: the same for a Markov chain with the observed transitions, in which all labels are right.
        lone_score: (observed - expected) / sqrt(expected), in numbers of labels.
        methods: (name, reasons) of each method; no reasons mean that it fits.
        warnings: sentences worth reading before fitting.
        time_unit: name of the time unit, or "".
    """

    states: tuple
    n_paths: int
    n_labels: int
    missing: float
    dt: float
    regular: bool
    duration: float
    changes: float
    lone: float
    lone_expected: float
    lone_score: float
    methods: tuple
    warnings: tuple = ()
    time_unit: str = ""

    @property
    def n_states(self):
        """Number of states."""
        return len(self.states)

    def to_dict(self):
        """The inspection as JSON-ready values; numbers that are not finite become None."""
        content = dataclasses.asdict(self)
        content["methods"] = {name: list(reasons) for name, reasons in self.methods}
        return plain(content)

    def __str__(self):
        return _text(self)


def holds_labels(ds):
    """Whether a data set is to be read as labels: it says so, or its only variable is a whole number from 0 to 9.

    Args:
        ds: Dataset.
    """
    n_states = count_states(ds)
    return n_states >= 2 if "label" in ds else 2 <= n_states <= MOST_STATES_OF_A_COLUMN


def inspect_labels(ds, *, requirements=None):
    """States, visits, dwell times, sampling, and signs of wrong labels.

    Labels that stand alone, a b a, are counted against what a Markov chain with the observed transitions p and shares
    w makes of them, sum over a, b of w_a p_ab p_ba. Wrong labels stand alone more often than that.

    Args:
        ds: Dataset with labels, at any times.
        requirements: mapping of method name to Requirements; by default those of this version.

    Returns:
        LabelInspection.

    Raises:
        InputError: no two labels in any path.
    """
    panel = LabelPanel.from_data(ds)
    names = json_attribute(ds, "states", []) or [str(state) for state in range(panel.n_states)]
    there = panel.labels >= 0
    lags = np.diff(panel.clock, axis=1)
    pairs = there[:, 1:] & there[:, :-1]
    changed = pairs & (panel.labels[:, 1:] != panel.labels[:, :-1])
    starts = np.column_stack([there[:, :1], changed])
    counts = np.zeros((panel.n_states, panel.n_states))
    np.add.at(counts, (panel.labels[:, :-1][pairs], panel.labels[:, 1:][pairs]), 1)
    lone, expected = _lone(panel.labels, counts)
    states = []
    for state in range(panel.n_states):
        here = panel.labels[:, :-1] == state
        exits = int((changed & here).sum())
        time = float(lags[pairs & here].sum())
        states.append(
            StateInspection(
                name=str(names[state]) if state < len(names) else str(state),
                share=float((panel.labels == state).sum() / panel.n_labels),
                visits=int((starts & (panel.labels == state)).sum()), exits=exits,
                dwell_time=time / exits if exits else math.nan,
            )
        )  # fmt: skip
    rows = np.concatenate(labels_of(ds))
    found = LabelInspection(
        states=tuple(states), n_paths=panel.n_paths, n_labels=panel.n_labels,
        missing=float((rows < 0).mean()), dt=float(np.median(lags[pairs])),
        regular=panel.dt is not None, duration=float(lags[pairs].sum()), changes=float(changed.sum() / pairs.sum()),
        lone=lone / panel.n_labels, lone_expected=expected / panel.n_labels,
        lone_score=(lone - expected) / math.sqrt(expected) if expected > 0 else (math.inf if lone else 0.0),
        methods=(), time_unit=str(ds.attrs.get("time_unit", "")),
    )  # fmt: skip
    methods = tuple(
        (name, unmet_by_labels(needs, found)) for name, needs in (requirements or REQUIREMENTS).items()
    )  # fmt: skip
    return dataclasses.replace(found, methods=methods, warnings=tuple(_concerns(found, "label" in ds)))


def _lone(labels, counts):
    """How many labels stand alone between two equal ones, and how many would in a chain with these transitions.

    Args:
        labels: (path, time) labels, -1 after the end.
        counts: (from, to) neighbouring labels.
    """
    before, at, after = labels[:, :-2], labels[:, 1:-1], labels[:, 2:]
    there = after >= 0
    lone = int((there & (before == after) & (before != at)).sum())
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    starts = np.bincount(before[there], minlength=len(p))
    returns = (p * p.T).sum(axis=1) - np.diag(p) ** 2
    return lone, float(starts @ returns)


def _concerns(found, declared):
    """What a careful reader would object to, in sentences."""
    if not declared:
        yield (
            f"The only variable holds whole numbers from 0 to {found.n_states - 1} and is read as labels of discrete "
            "states. If they are counts or measured values, what is said here does not apply."
        )
    never = [state.name for state in found.states if state.visits == 0]
    if never:
        yield f"Never seen: {_listed(never)}. Nothing can be learned of these states."
    rare = [state.name for state in found.states if 0 < state.visits < FEW_VISITS]
    if rare:
        yield f"Visited fewer than {FEW_VISITS} times: {_listed(rare)}. Their rates will have wide errors."
    kept = [state.name for state in found.states if state.visits and not state.exits]
    if kept:
        yield f"Never left: {_listed(kept)}. Absorbing, or the record is too short to see it."
    if found.lone_score > LONE_SCORE and found.lone > LONE_RATIO * found.lone_expected:
        yield (
            f"{found.lone:.1%} of the labels stand alone between two equal ones, {found.lone_expected:.1%} would in a "
            "Markov chain with these transitions: some labels are wrong, or a state hides several. Let "
            "JumpEM(label_noise='learn') tell."
        )
    if found.changes > COARSE:
        yield (
            f"{found.changes:.0%} of neighbouring labels differ: jumps are missed between samples, and rates depend on "
            "the model that fills them in."
        )


def _listed(names):
    return ", ".join(names[:MAX_SHOWN]) + (f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else "")


def _text(found):
    """The inspection as a text of at most 100 columns."""
    unit = f" {found.time_unit}" if found.time_unit else ""
    paths = f"{found.n_paths} paths, " if found.n_paths > 1 else ""
    grid = f"dt = {found.dt:g}{unit}" if found.regular else f"irregular, median lag {found.dt:g}{unit}"
    lines = [
        f"{paths}{found.n_labels:,} labels of {found.n_states} states, {grid}, length {found.duration:.6g}{unit}", "",
    ]  # fmt: skip
    width = max([5] + [len(state.name) for state in found.states[:MAX_SHOWN]])
    lines.append(f"{'state':<{width}} {'share':>8} {'visits':>8} {'exits':>8} {'dwell time':>11}")
    for state in found.states[:MAX_SHOWN]:
        dwell = "-" if math.isnan(state.dwell_time) else f"{state.dwell_time:.4g}"
        lines.append(
            f"{state.name:<{width}} {state.share:>8.1%} {state.visits:>8,} {state.exits:>8,} {dwell:>11}"
        )  # fmt: skip
    if found.n_states > MAX_SHOWN:
        lines.append(f"... and {found.n_states - MAX_SHOWN} more")
    lines += [
        "",
        f"missing                  {found.missing:.1%}",
        f"neighbours that differ   {found.changes:.1%}",
        f"labels that stand alone  {found.lone:.2%}, expected {found.lone_expected:.2%}",
    ]
    for name, reasons in found.methods:
        lines.append(f"{name:<24} {'fits' if not reasons else 'does not fit: ' + '; '.join(reasons)}")
    if found.warnings:
        lines.append("")
        for sentence in found.warnings:
            lines += textwrap.wrap(sentence, 98, initial_indent="* ", subsequent_indent="  ")
    return "\n".join(lines)
