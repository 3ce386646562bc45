"""The functions that join the layers: what needs systems, kernels, models and measures at once."""

import json
from pathlib import Path

import numpy as np

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import DivergedError, FormatError, InputError
from dysyr.core.model import StateSpace
from dysyr.core.system import System
from dysyr.spectrum import lyapunov_spectrum

LARGEST_SPECTRUM = 12
LONGEST_PATH = 1_000


def load_system(name_or_path, **parameters):
    """A system of the catalogue, or of a file.

    Args:
        name_or_path: name in the catalogue (``dysyr systems`` lists them), or path of a file that ends in
            .toml.
        **parameters: new values of the system's parameters, and new sizes of its lattice by index name.

    Returns:
        System.

    Raises:
        InputError: unknown name or parameter.
        FormatError: the file is missing or no system file.
    """
    if isinstance(name_or_path, Path) or str(name_or_path).endswith(".toml"):
        system = System.from_file(name_or_path)
    else:
        system = catalogue_system(str(name_or_path))
    sizes = {name: parameters.pop(name) for name in list(parameters) if name in system.sizes}
    system = system.with_size(**sizes) if sizes else system
    return system.with_parameters(**parameters) if parameters else system


def evaluate(
    model_or_dataset, truth, *, reference=None, measures=None, seed=0, settings=None, label=None,
    inspection=None, training=None,
):  # fmt: skip
    """Compare a model's free runs and forecasts with the truth.

    A rate model, and labels of discrete states (a variable ``label`` that equals the only variable), have measures of
    their own: errors of rates, occupation over time, invariants of the chain, a test of the Markov property. So have
    models that draw windows: scores of judges that were trained after the fact, distances of marginal laws and of
    autocorrelations; no exponents, and no claim about attractors.

    Args:
        model_or_dataset: Model, fitted Reconstructor, or free runs (whatever ``as_dataset`` takes, one
            trajectory per run).
        truth: data (whatever ``as_dataset`` takes), or a System, which is then simulated. A data set that
            names a system of the catalogue in its attributes brings that system's independent truth,
            exponents and own forecasts with it.
        reference: independent truth for the floors, at least as long as the truth; by default simulated where
            the system is known, else further trajectories of the truth, else its two halves. For labels it is the
            System behind them, a chain of states, where the truth does not name one of the catalogue.
        measures: names of the measures to compute; None for all that apply.
        seed: of free runs, forecasts, controls and directions.
        settings: ``dysyr.evaluation.settings.EvaluationSettings``; None for the defaults.
        label: a short name for tables; by default the reconstructor's class or the model's family.
        inspection: ``Inspection`` of the data, shown in the report.
        training: ``Training`` of the model, shown in the report; by default that of the reconstructor.

    Returns:
        Card.

    Raises:
        InputError: variables, sampling intervals or lengths do not fit, an unknown measure, one that was asked for
            and does not apply to labels, or a model of values for labels.
    """
    import xarray as xr

    from dysyr.core.arguments import check_seed
    from dysyr.core.dataset import as_dataset, data_hash, in_order, make_dataset, trajectories
    from dysyr.core.model import Model
    from dysyr.core.outcome_model import OutcomeModel
    from dysyr.core.provenance import provenance
    from dysyr.core.rate_model import RateModel
    from dysyr.core.reconstructor import Reconstructor
    from dysyr.core.state_reconstructor import StateReconstructor
    from dysyr.core.window_generator import WindowGenerator
    from dysyr.evaluation import select_measures
    from dysyr.evaluation.assemble import assemble, free_runs, independent_stretches, longest_stretch
    from dysyr.evaluation.rate_context import holds_labels
    from dysyr.evaluation.settings import EvaluationSettings
    from dysyr.evaluation.verdict import decide
    from dysyr.reporting.card import Card
    from dysyr.reporting.training import training_of
    from dysyr.truth import independent_truths, known_exponents, system_behind, true_flow

    settings = settings or EvaluationSettings()
    check_seed(seed)
    if isinstance(model_or_dataset, (StateReconstructor, OutcomeModel)):
        raise InputError("evaluate is for models of series", got="states of spins", do="take dysyr.compare_states")
    if isinstance(model_or_dataset, Reconstructor):
        training = training or training_of(model_or_dataset)
        label = label or type(model_or_dataset).__name__
        model_or_dataset = model_or_dataset.model_
    model = model_or_dataset if isinstance(model_or_dataset, Model) else None
    if isinstance(truth, System):
        from dysyr.simulation.simulate import simulate

        system = truth
        chain = system.jumps is not None and bool(system.jumps.states)
        n_paths = min(settings.n_truth_paths, max(settings.n_truth // 2, 1)) if chain else 1
        data = simulate(
            system, n_steps=settings.n_truth // n_paths, n_trajectories=n_paths, seed=seed,
            dt=None if model is None else model.dt,
        )  # fmt: skip
    else:
        dt = None if model is None or isinstance(truth, xr.Dataset) else model.dt
        shortest = 1 if isinstance(model, RateModel) else 2
        data = as_dataset(truth, dt=dt, mask=True, min_samples=shortest)
        data = data if model is None else in_order(data, getattr(model, "names", ()))
        system = system_behind(data)
    if isinstance(model, RateModel) or holds_labels(data):
        return _evaluate_rates(
            model, model_or_dataset, data, system=system, reference=reference, measures=measures, seed=seed,
            settings=settings, label=label, inspection=inspection, training=training,
        )  # fmt: skip
    if isinstance(model, WindowGenerator):
        return _evaluate_windows(
            model, data, system=system, reference=reference, measures=measures, seed=seed, settings=settings,
            label=label, inspection=inspection, training=training,
        )  # fmt: skip
    chosen = select_measures(measures)
    stretch = longest_stretch(data)
    if model is None:
        runs = as_dataset(model_or_dataset, dt=data.attrs.get("dt"), mask=True)
        runs = in_order(runs, [str(name) for name in data["state"].values])
    else:
        runs = free_runs(model, data, stretch, settings.n_runs, seed)
    n = min(stretch[2] - stretch[1], max(len(run) for run in trajectories(runs)))
    references, kind = None, "halves"
    if reference is not None:
        given = as_dataset(reference, dt=data.attrs.get("dt"), mask=True)
        given = in_order(given, [str(name) for name in data["state"].values])
        references, kind = independent_stretches(given, n, settings.n_truth_pairs), "given"
    elif system is not None:
        references, kind = independent_truths(system, data, n, n_pairs=settings.n_truth_pairs), "simulated"
    context = assemble(
        data, runs, stretch=stretch, settings=settings, seed=seed, model=model, system=system,
        references=references, reference_kind=kind,
        truth_exponents=None if system is None else known_exponents(system) or _computed_exponents(system),
        true_flow=None if system is None else true_flow(system, data),
    )  # fmt: skip
    computed = {measure.name: measure.compute(context) for measure in chosen}
    computed = {name: measure for name, measure in computed.items() if measure is not None}
    shown = make_dataset(
        context.runs, dt=context.dt, names=context.names, mask=True,
        attrs={**runs.attrs, "status": json.dumps(list(context.statuses))},
    )  # fmt: skip
    return Card(
        measures=computed,
        verdict=decide(context, computed),
        truth=data,
        runs=shown,
        forecasts=context.forecasts,
        model=model,
        system=system,
        inspection=inspection,
        training=training,
        provenance=provenance(seed=seed, data_hash=data_hash(data)),
        label=label or ("free runs" if model is None else model.family or type(model).__name__),
    )


def _evaluate_rates(
    model, runs, data, *, system, reference, measures, seed, settings, label, inspection, training
):  # fmt: skip
    """Card of a rate model, or of the labels of free runs, against labels."""
    from dysyr.core.dataset import as_dataset, data_hash
    from dysyr.core.provenance import provenance
    from dysyr.core.rate_model import RateModel
    from dysyr.evaluation import select_measures
    from dysyr.evaluation.assemble_rates import assemble_rates, compute_rates
    from dysyr.evaluation.rate_verdict import decide_rates
    from dysyr.reporting.card import Card

    if model is not None and not isinstance(model, RateModel):
        raise InputError(
            "the truth holds labels of states, the model foretells values", got=f"a model '{model.family}'",
            expected="a rate model", do="fit dysyr.JumpEM, or give values without a variable 'label'",
        )  # fmt: skip
    if model is not None and model.levels is not None and "label" not in data:
        raise InputError(
            "the truth is a signal", got="no labels", expected="the states behind it, which rates are about",
            do="give test data with a variable 'label', or look at model.pair_log_likelihood(data)",
        )  # fmt: skip
    if isinstance(reference, System):
        system = reference
    elif reference is not None:
        raise InputError(
            "reference", got=type(reference).__name__, expected="for labels the System behind them, or None",
            do="leave it out: floors then come from random halves of the paths",
        )  # fmt: skip
    chosen = select_measures(measures, kind="labels")
    given = None if model is not None else as_dataset(runs, dt=data.attrs.get("dt"), mask=True)
    context = assemble_rates(data, model=model, runs=given, system=system, settings=settings, seed=seed)
    computed = compute_rates(context, chosen, required=measures is not None)
    if model is not None:
        length = min(max(context.panel.labels.shape[1], 2), LONGEST_PATH)
        given = model.generate(length, n_trajectories=settings.n_runs, seed=seed)
    return Card(
        measures=computed, verdict=decide_rates(context, computed), truth=data, runs=given, rates=context, model=model,
        system=system, inspection=inspection, training=training,
        provenance=provenance(seed=seed, data_hash=data_hash(data)),
        label=label or ("free runs" if model is None else model.family or type(model).__name__),
    )  # fmt: skip


def _evaluate_windows(
    model, data, *, system, reference, measures, seed, settings, label, inspection, training
):  # fmt: skip
    """Card of a model that draws windows."""
    from dysyr.core.dataset import data_hash
    from dysyr.core.provenance import provenance
    from dysyr.evaluation import select_measures
    from dysyr.evaluation.assemble_windows import assemble_windows
    from dysyr.evaluation.window_verdict import decide_windows
    from dysyr.reporting.card import Card

    if reference is not None:
        raise InputError(
            "reference", got=type(reference).__name__, expected="None for a model that draws windows",
            do="leave it out: floors come from halves of the truth's own series",
        )  # fmt: skip
    chosen = select_measures(measures, kind="windows")
    context = assemble_windows(data, model, seed=seed)
    computed = {measure.name: measure.compute(context) for measure in chosen}
    return Card(
        measures=computed, verdict=decide_windows(computed), truth=data,
        runs=model.generate(model.window, n_trajectories=settings.n_runs, seed=seed), windows=context, model=model,
        system=system, inspection=inspection, training=training,
        provenance=provenance(seed=seed, data_hash=data_hash(data)), label=label or model.family,
    )  # fmt: skip


def _computed_exponents(system):
    """Spectrum of a small deterministic system whose file does not state it; None for all others."""
    if system.kind not in ("ode", "map") or system.dim > LARGEST_SPECTRUM:
        return None
    try:
        return lyapunov_spectrum(system, n_steps=20_000, n_trajectories=8)
    except DivergedError:
        return None


def save(obj, path):
    """Write a data set (.nc), a fitted reconstructor (run folder) or a card (metrics .json, page .html).

    Args:
        obj: Dataset, fitted method or Card.
        path: file or folder; written whole or not at all.

    Raises:
        InputError: an object or a file ending that does not fit.
    """
    import xarray as xr

    from dysyr.core.dataset import save_dataset
    from dysyr.core.reconstructor import Estimator
    from dysyr.reporting.card import Card

    suffix = Path(path).suffix.lower()
    if isinstance(obj, xr.Dataset):
        save_dataset(obj, path)
    elif isinstance(obj, Estimator):
        obj.save(path)
    elif isinstance(obj, Card) and suffix == ".json":
        obj.save_metrics(path)
    elif isinstance(obj, Card) and suffix in (".html", ".htm"):
        obj.to_html(path)
    else:
        raise InputError(
            f"cannot save a {type(obj).__name__} as '{path}'",
            expected="a data set (.nc), a fitted reconstructor (a folder), or a card (.json or .html)",
        )


def load(path):
    """Read what ``save`` wrote: a run folder gives the fitted reconstructor, a .nc file the data set.

    Nothing that is read is executed.

    Args:
        path: run folder or NetCDF file.

    Returns:
        fitted Reconstructor, or Dataset.

    Raises:
        FormatError: missing, damaged, foreign, or of another version.
    """
    from dysyr.core.dataset import read_dataset
    from dysyr.core.run_folder import read_run
    from dysyr.reconstruction import METHODS, MODELS, STATE_METHODS

    if Path(path).suffix.lower() == ".nc":
        return read_dataset(path)
    run = read_run(path)
    methods = {method.__name__: method for method in (*METHODS, *STATE_METHODS)}
    families = {model.family: model for model in MODELS}
    if run["method"] not in methods or run["model"].get("family") not in families:
        raise FormatError(
            f"the run '{path}' is of an unknown method", got=f"{run['method']}, {run['model'].get('family')}",
            expected=", ".join(methods),
        )  # fmt: skip
    try:
        reconstructor = methods[run["method"]](**run["parameters"])
        model = families[run["model"]["family"]].from_state(run["model"], run["arrays"])
        if isinstance(model, StateSpace):
            _try_a_step(model)
    except (TypeError, KeyError, ValueError, IndexError, RuntimeError) as error:
        # RuntimeError is what torch raises for weights that do not fit a network.
        raise FormatError(f"the run '{path}' is damaged", got=str(error), do="fit the model again") from error
    return reconstructor.restored(model, run["history"], run["provenance"])


def _try_a_step(model):
    """Raise ValueError where the arrays of a model do not fit one another."""
    z = np.asarray(model.initial_states[:1], dtype=float)
    ahead = model.trajectory(z, 1, np.zeros((1, 1, model.n_inputs)) if model.n_inputs else None)
    if ahead.shape != (1, 1, model.latent_dim) or model.readout(ahead).shape != (1, 1, len(model.names)):
        raise ValueError(f"arrays that do not fit {model.latent_dim} latent and {len(model.names)} observed variables")


def inspect(data, *, dt=None, seed=0):
    """Look at data before fitting; see ``dysyr.evaluation.inspection.inspect``.

    Args:
        data: whatever ``as_dataset`` takes.
        dt: sampling interval in system time units, where the data do not carry it.
        seed: of surrogates and subsamples.

    Returns:
        Inspection; a LabelInspection of labels of discrete states.
    """
    from dysyr.core.arguments import check_seed
    from dysyr.core.dataset import as_dataset
    from dysyr.evaluation.inspection import inspect as look

    check_seed(seed)
    return look(as_dataset(data, dt=dt, mask=True), seed=seed)
