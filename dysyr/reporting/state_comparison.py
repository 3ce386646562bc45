"""States of a model of outcomes, beside exact ones and beside what was measured."""

import dataclasses

from dysyr.core.measure import plain
from dysyr.evaluation.verdict import Verdict
from dysyr.reporting.report_writer import ReportMakers

FORMAT = 1
_WHOLE = ("total_variation", "trace_distance", "smallest_eigenvalue")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class StateComparison(ReportMakers):
    """A model's states beside exact ones and beside outcomes, as far as these are known.

    Attributes:
        states: list of dict, one for each state: ``time`` (None for a steady state), ``values`` (see
            ``LocalExpectations.values``), ``stderr`` of X, Y and Z; where the exact state is known ``exact``,
            ``max_error`` (largest error of X, Y, Z) and ``max_correlator_error``; to nine sites
            ``smallest_eigenvalue`` and, beside exact states, ``total_variation``, ``trace_distance``,
            ``classical_fidelity`` (of the outcomes; no quantum fidelity) and ``scale``, what the two distances are of
            the mixed state, the product of the single spins, and, for the state farthest off, histograms.
        settings: what was compared: frame, number of sites, shots.
        verdict: Verdict.
        measured: averages of the model, of outcomes and of the true state, see ``measured_rows``; None where nothing
            was measured.
        model: OutcomeModel.
        exact: (state, 4, ..., 4) exact expectation values of all Pauli strings, or None.
        system: System behind the states, or None.
        training: ``Training`` that made the model, or None.
        history: dict of arrays: what each step of the method told.
        provenance: dict of ``dysyr.core.provenance.provenance``.
        label: a short name, for example the method's.
    """

    states: list
    settings: dict
    verdict: Verdict
    measured: dict | None = None
    model: object = None
    exact: object = None
    system: object = None
    training: object = None
    history: dict = dataclasses.field(default_factory=dict)
    provenance: dict = dataclasses.field(default_factory=dict)
    label: str = "model"

    @property
    def max_error(self):
        """Largest error of a magnetisation over all states; None where no exact state is known."""
        return None if self.exact is None else max(state["max_error"] for state in self.states)

    def to_dict(self):
        """JSON-ready values."""
        return plain(
            {
                "format": FORMAT, "max_error": self.max_error, "settings": self.settings,
                "verdict": self.verdict.verdict,
                "why": [{"text": line.text, "passed": line.passed} for line in self.verdict.lines],
                "states": self.states, "measured": self.measured, "provenance": self.provenance,
            }
        )  # fmt: skip

    def _page(self):
        from dysyr.reporting.state_report import render_states

        return render_states(self)

    def __str__(self):
        lines = [
            self.verdict.verdict,
            "      time        <X>        <Y>        <Z>      error     +- s.e.         TV  trace dist.  min. eig.",
        ]
        for one in self.states:
            when = "steady" if one["time"] is None else f"{one['time']:.4g}"
            if one["time"] is None and self.measured is not None:
                when = "measured"
            cells = [one["values"][letter] for letter in "XYZ"]
            rest = [one.get("max_error"), max(one["stderr"]), *(one.get(name) for name in _WHOLE)]
            numbers = [f"{value:10.5f}" for value in cells] + [
                f"{'-':>10}" if value is None else f"{value:10.2g}" for value in rest
            ]
            lines.append(f"{when:>10} " + " ".join(numbers))
        return "\n".join(lines)
