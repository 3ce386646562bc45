"""How far the states of a model of outcomes are from exact ones."""

import dataclasses
import json

from dysyr.core.atomic import write_text
from dysyr.core.measure import plain
from dysyr.core.povm import along_sites, density_matrix
from dysyr.core.state_distance import classical_fidelity, smallest_eigenvalue, total_variation, trace_distance
from dysyr.evaluation.local_expectations import exact_expectations, model_expectations

MATRIX_SITES = 8
"""Up to here distances of whole states are computed."""
FORMAT = 1


@dataclasses.dataclass(frozen=True, eq=False)
class StateComparison:
    """A model's states beside exact ones.

    Attributes:
        states: list of dict, one for each state: ``time`` (None for a steady state), ``values`` and ``exact`` (see
            ``LocalExpectations.values``), ``stderr`` of X, Y and Z, ``max_error`` (largest error of X, Y, Z), and, to
            eight sites, ``total_variation``, ``trace_distance``, ``classical_fidelity`` (of the outcomes; no quantum
            fidelity), ``smallest_eigenvalue``.
        settings: what was compared: frame, number of sites, shots.
    """

    states: list
    settings: dict

    @property
    def max_error(self):
        """Largest error of a magnetisation over all states."""
        return max(state["max_error"] for state in self.states)

    def to_dict(self):
        """JSON-ready values."""
        return {"format": FORMAT, "max_error": self.max_error, "settings": self.settings, "states": self.states}

    def save_metrics(self, path):
        """Write ``to_dict`` as JSON.

        Args:
            path: file.
        """
        write_text(path, json.dumps(plain(self.to_dict()), indent=2, allow_nan=False) + "\n")

    def __str__(self):
        lines = [
            "      time        <X>        <Y>        <Z>      error     +- s.e.         TV  trace dist.  min. eig."
        ]
        for one in self.states:
            when = "steady" if one["time"] is None else f"{one['time']:.4g}"
            cells = [one["values"][letter] for letter in "XYZ"]
            rest = [one["max_error"], max(one["stderr"]), *(one.get(name) for name in _WHOLE)]
            numbers = [f"{value:10.5f}" for value in cells] + [
                f"{'-':>10}" if value is None else f"{value:10.2g}" for value in rest
            ]
            lines.append(f"{when:>10} " + " ".join(numbers))
        return "\n".join(lines)


_WHOLE = ("total_variation", "trace_distance", "smallest_eigenvalue")


def state_comparison(model, exact, ends, *, n_shots=None, seed=0):
    """Compare the states of a model with exact ones.

    Args:
        model: OutcomeModel.
        exact: (state, 4, ..., 4) expectation values of all Pauli strings, one for each state of the model.
        ends: (bond, 2) pairs of neighbouring sites.
        n_shots: samples for the expectation values; None for sums over all strings.
        seed: of the samples.

    Returns:
        StateComparison.
    """
    found = []
    times = list(model.times) if len(model.times) else [None]
    for k, (time, r) in enumerate(zip(times, exact, strict=True)):
        own = model_expectations(model, ends, state=k, n_shots=n_shots, seed=seed)
        values, truth = own.values(), exact_expectations(r, ends).values()
        row = {
            "time": None if time is None else float(time), "values": values, "exact": truth,
            "stderr": own.site_stderr.tolist(), "max_error": max(abs(values[s] - truth[s]) for s in "XYZ"),
        }  # fmt: skip
        if model.n_sites <= MATRIX_SITES:
            p, q = model.probabilities(k), along_sites(model.frame.to_outcomes, r)
            rho = model.frame.density_matrix(p)
            row |= {
                "total_variation": total_variation(p, q),
                "trace_distance": trace_distance(rho, density_matrix(r)),
                "classical_fidelity": classical_fidelity(p, q),
                "smallest_eigenvalue": smallest_eigenvalue(rho),
            }
        found.append(row)
    settings = {"frame": model.frame.name, "n_sites": model.n_sites, "n_shots": n_shots}
    return StateComparison(found, settings)
