"""How far the states of a model of outcomes are from exact ones, and from what was measured."""

import numpy as np

from dysyr.core.povm import along_sites, density_matrix
from dysyr.core.state_distance import classical_fidelity, smallest_eigenvalue, total_variation, trace_distance
from dysyr.evaluation.local_expectations import (
    exact_expectations,
    measured_expectations,
    model_expectations,
    shot_errors,
)

MATRIX_SITES = 9
"""Up to here distances of whole states are computed."""
N_DRAWS = 20
"""Histograms behind a floor."""
PLAIN = ("X", "Y", "Z", "XX", "YY", "ZZ")
CONNECTED = ("XX_connected", "YY_connected", "ZZ_connected")


def state_rows(model, exact, ends, *, n_shots=None, floor_shots=None, seed=0):
    """Each state of a model beside the exact one.

    Args:
        model: OutcomeModel.
        exact: (state, 4, ..., 4) expectation values of all Pauli strings, one for each state of the model; None where
            they are not known.
        ends: (bond, 2) pairs of neighbouring sites.
        n_shots: samples for the expectation values; None for sums over all strings.
        floor_shots: outcomes of the histograms that the state farthest off is held against; None for no histograms.
        seed: of the samples.

    Returns:
        list of dict, see ``StateComparison.states``.
    """
    found = []
    times = list(model.times) if len(model.times) else [None]
    for k, time in enumerate(times):
        p = model.probabilities(k) if model.n_sites <= MATRIX_SITES else None
        own = model_expectations(model, ends, state=k, probabilities=p, n_shots=n_shots, seed=seed)
        row = {
            "time": None if time is None else float(time), "values": own.values(), "stderr": own.site_stderr.tolist(),
        }  # fmt: skip
        if exact is not None:
            truth = exact_expectations(exact[k], ends).values()
            row |= {"exact": truth, "max_error": _largest(row["values"], truth, "XYZ")}
            if len(ends):
                row["max_correlator_error"] = _largest(row["values"], truth, CONNECTED)
        if p is not None:
            rho = model.frame.density_matrix(p)
            row["smallest_eigenvalue"] = smallest_eigenvalue(rho)
            if exact is not None:
                row |= _whole(model.frame, p, rho, exact[k])
                row["scale"] = _scale(model.frame, exact[k], None, seed)
        found.append(row)
    if floor_shots is not None and exact is not None and model.n_sites <= MATRIX_SITES:
        k = int(np.argmax([row["total_variation"] for row in found]))
        found[k]["scale"] = _scale(model.frame, exact[k], floor_shots, seed)
    return found


def measured_rows(model, outcomes, ends, exact=None, *, n_shots=None, seed=0):
    """Averages of the model's last state beside those of the outcomes, and both beside the true ones.

    Args:
        model: OutcomeModel.
        outcomes: whole numbers (shot, site).
        ends: (bond, 2) pairs of sites.
        exact: (4,) * N true expectation values of all Pauli strings, or None.
        n_shots: samples for the expectation values of the model; None for sums over all strings.
        seed: of the samples.

    Returns:
        dict with an entry for each of ``names``, X, Y, Z and, with bonds, XX, YY, ZZ: ``model``, ``measured``,
        ``stderr`` (of the measured ones), ``from_measured`` (deviation of the model from them, in stderr); with exact
        values ``exact``, ``exact_stderr`` (of an average over as many shots of the true state), ``model_off`` and
        ``measured_off`` (deviations in exact_stderr). Deviations of a model that was sampled are in standard errors of
        the difference. And ``n_shots``, and to nine sites ``histogram``, total
        variation of the histogram.
    """
    own = model_expectations(model, ends, n_shots=n_shots, seed=seed)
    seen = measured_expectations(model.frame, outcomes, ends)
    names = PLAIN if len(ends) else PLAIN[:3]
    drawn, stderr = (np.concatenate([one.site_stderr, one.bond_stderr])[: len(names)] for one in (own, seen))
    found = {
        "names": list(names), "n_shots": len(outcomes), "model": _named(own, names), "measured": _named(seen, names),
        "stderr": stderr.tolist(),
    }  # fmt: skip
    difference = np.array(found["model"]) - found["measured"]
    found["from_measured"] = (difference / np.maximum(np.hypot(stderr, drawn), 1e-300)).tolist()
    if exact is None:
        return found
    truth = np.array(_named(exact_expectations(exact, ends), names))
    q = along_sites(model.frame.to_outcomes, exact)
    exact_stderr = np.concatenate(shot_errors(model.frame, q, ends, len(outcomes)))[: len(names)]
    found |= {"exact": truth.tolist(), "exact_stderr": exact_stderr.tolist()}
    for name, error in (("model", np.hypot(exact_stderr, drawn)), ("measured", exact_stderr)):
        found[f"{name}_off"] = ((found[name] - truth) / error).tolist()
    if model.n_sites <= MATRIX_SITES:
        found["histogram"] = total_variation(histogram(outcomes), q)
    return found


def histogram(outcomes):
    """Shares of all strings among outcomes: (shot, site) -> (4,) * N."""
    shape = (4,) * outcomes.shape[1]
    keys = np.ravel_multi_index(np.asarray(outcomes, dtype=np.int64).T, shape)
    return np.bincount(keys, minlength=int(np.prod(shape))).reshape(shape) / len(outcomes)


def _largest(values, truth, names):
    return max(abs(values[name] - truth[name]) for name in names)


def _named(expectations, names):
    values = expectations.values()
    return [values[name] for name in names]


def _whole(frame, p, rho, r):
    q = along_sites(frame.to_outcomes, r)
    return {
        "total_variation": total_variation(p, q),
        "trace_distance": trace_distance(rho, density_matrix(r)),
        "classical_fidelity": classical_fidelity(p, q),
    }


def _scale(frame, r, n_shots, seed):
    """What the distances of whole states are held against.

    ``mixed`` knows nothing, ``single_spins`` is the product of the true states of single spins, ``histogram`` holds
    mean and 95 % range of histograms of ``n_shots`` outcomes of the true state. Each has a total variation and a trace
    distance.
    """
    q, sigma = along_sites(frame.to_outcomes, r), density_matrix(r)

    def distances(tensor):
        return [
            total_variation(along_sites(frame.to_outcomes, tensor), q),
            trace_distance(density_matrix(tensor), sigma),
        ]

    mixed, product = np.zeros_like(r), np.ones(())
    mixed[(0,) * r.ndim] = 1.0
    for site in range(r.ndim):
        kept = [0] * r.ndim
        kept[site] = slice(None)
        product = np.multiply.outer(product, r[tuple(kept)])
    found = {"mixed": distances(mixed), "single_spins": distances(product)}
    if n_shots is not None:
        rng = np.random.default_rng([seed, 0x666C6F72])
        drawn = rng.multinomial(n_shots, np.maximum(q, 0.0).ravel() / np.maximum(q, 0.0).sum(), size=N_DRAWS)
        far = np.array([distances(along_sites(frame.to_pauli, one.reshape(q.shape) / n_shots)) for one in drawn])
        low, high = np.quantile(far, [0.025, 0.975], axis=0)
        found["histogram"] = {"n_shots": n_shots, "mean": far.mean(axis=0), "low": low, "high": high}
    return found
