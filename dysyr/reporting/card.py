"""What one model scored on one truth, with everything needed to read and to repeat it."""

import dataclasses
from typing import Any

from dysyr.core.measure import Measure, plain
from dysyr.reporting.metrics_file import FORMAT, measures_table, no_silent_nulls
from dysyr.reporting.report_writer import ReportMakers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card(ReportMakers):
    """The evaluation of one model.

    Attributes:
        measures: ``{name: Measure}``, in the order in which they are shown.
        verdict: what the measures say in words; has ``verdict`` (str) and ``lines`` (the rules with their
            numbers, each with ``text`` and ``passed``: True, False, or None where the rule could not be
            applied).
        truth: Dataset the model was compared with.
        runs: Dataset of the free runs; ``attrs["status"]`` says what became of each.
        forecasts: what the model foretold from contexts of the truth (``dysyr.evaluation`` makes them), or
            None.
        rates: ``RateContext`` of labels: what measures of rates were computed from; None for values.
        windows: ``WindowContext`` of a model that draws windows; None for others.
        model: the evaluated ``Model``; None when a data set was evaluated.
        system: the ``System`` behind the truth; None when it is not known.
        inspection: ``Inspection`` of the truth; None when it was not made.
        training: ``Training`` that made the model; None when it is not known.
        provenance: dict of ``dysyr.core.provenance.provenance``.
        label: a short name, for example the method's.
    """

    measures: dict[str, Measure]
    verdict: Any
    truth: object
    runs: object
    forecasts: object = None
    rates: object = None
    windows: object = None
    model: object = None
    system: object = None
    inspection: object = None
    training: object = None
    provenance: dict = dataclasses.field(default_factory=dict)
    label: str = "model"

    def to_dict(self):
        """The card as JSON-ready values, in the format of ``metrics.json``.

        Returns:
            dict with ``format``, ``label``, ``measures``, ``verdict``, ``why``, ``provenance``.
        """
        return {
            "format": FORMAT,
            "label": self.label,
            "measures": {name: no_silent_nulls(measure.to_dict()) for name, measure in self.measures.items()},
            "verdict": self.verdict.verdict,
            "why": [{"text": line.text, "passed": plain(line.passed)} for line in self.verdict.lines],
            "provenance": plain(self.provenance),
        }

    def _page(self):
        from dysyr.reporting.report import render_report

        return render_report(self)

    def __str__(self):
        heading = f"{self.label}: {self.verdict.verdict}"
        why = [f"  {_MARKS[line.passed]} {line.text}" for line in self.verdict.lines]
        return "\n".join([heading, *why, "", measures_table(self.measures)])


_MARKS = {True: "+", False: "-", None: "?"}
