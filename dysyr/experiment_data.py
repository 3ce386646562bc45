"""The data of an experiment: simulated or read, split, embedded."""

import dataclasses
import json

from dysyr.api import load_system
from dysyr.core.catalogue import system_names
from dysyr.core.dataset import as_dataset, data_hash, save_dataset
from dysyr.core.embedding import embed
from dysyr.core.errors import InputError
from dysyr.core.resample import resample
from dysyr.core.segments import split
from dysyr.core.settings_text import check_keys
from dysyr.core.shipped_data import load_dataset
from dysyr.simulation.simulate import simulate

DEFAULT_VALIDATION = 0.15
DEFAULT_TEST = 0.25
N_REFERENCES = 20
REFERENCE_SEED = 1_000_003


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExperimentData:
    """Three data sets that share no sample.

    Attributes:
        train: Dataset for the fit.
        validation: Dataset for the choice of checkpoints and seeds.
        test: Dataset for the report.
        observed: the training data as they were before any embedding.
        reference: independent truths for the floors, where the system is not of the catalogue (of a chain of states
            the system itself); else None, and evaluation simulates them itself.
    """

    train: object
    validation: object
    test: object
    observed: object
    reference: object = None

    def parts(self):
        """``{"train", "validation", "test"}``: the three data sets."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def save(self, folder):
        """Write ``train.nc``, ``validation.nc`` and ``test.nc``."""
        for name, data in self.parts().items():
            save_dataset(data, folder / f"{name}.nc")

    def hashes(self):
        """``{"train", "validation", "test"}``: sha256 of each."""
        return {name: data_hash(data) for name, data in self.parts().items()}


def make_data(experiment):
    """Make or read the data of an experiment.

    The last part of the training data is kept for validation, the last part of all data for the test unless
    the test data are independent. Embedding is chosen on the training data and applied to all three after
    the split, so no vector reaches from one into the other.

    Args:
        experiment: Experiment.

    Returns:
        ExperimentData.

    Raises:
        InputError: the data do not suit.
    """
    reference = None
    if experiment.system is not None:
        train, test, reference = _simulated(experiment)
    else:
        train, test = _read(experiment)
    validation_share = experiment.split.get("validation", DEFAULT_VALIDATION)
    if test is None:
        test_share = experiment.split.get("test", DEFAULT_TEST)
        train, validation, test = split(
            train, (1 - validation_share - test_share, validation_share, test_share)
        )
    else:
        if "test" in experiment.split:
            raise InputError(
                "[split] gives a share for the test", got="test data of their own", do="leave it out"
            )
        train, validation = split(train, (1 - validation_share, validation_share))
    observed = train
    wanted = (experiment.data or {}).get("embed", False)
    if wanted is not False and not (wanted is True and train.sizes["state"] > 1):
        chosen = {} if wanted is True else wanted
        train, validation, test = embed_alike((train, validation, test), **chosen)
    return ExperimentData(
        train=train, validation=validation, test=test, observed=observed, reference=reference
    )


def experiment_system(experiment):
    """The System of an experiment; None when it starts from data."""
    if experiment.system is None:
        return None
    name = experiment.system["name"]
    if str(name).endswith(".toml"):
        name = experiment.folder / name
    system = load_system(name)
    values = {**experiment.system.get("parameters", {}), **experiment.system.get("size", {})}
    known = (*system.parameters, *system.sizes)
    check_keys(values, known, what="parameter", where=f"the system '{system.name}'")
    return load_system(name, **values)


def _simulated(experiment):
    system = experiment_system(experiment)
    settings = dict(experiment.simulate)
    different = settings.pop("test", {})
    train_settings = {"seed": 0, **settings}
    test_settings = {**train_settings, "seed": train_settings["seed"] + 1, **different}
    train = simulate(system, **train_settings).assign_attrs(title=system.title)
    test = simulate(system, **test_settings).assign_attrs(title=system.title)
    if system.name in system_names():
        return train, test, None
    if system.jumps is not None and system.jumps.states:
        return train, test, system
    other = {**test_settings, "seed": test_settings["seed"] + REFERENCE_SEED, "n_trajectories": N_REFERENCES}
    return train, test, simulate(system, **other)


def _read(experiment):
    table = experiment.data
    if "path" in table and "name" not in table:
        train = _file(experiment, table["path"]).assign_attrs(title=experiment.title)
    else:
        path = experiment.folder / table["path"] if "path" in table else None
        train = load_dataset(table["name"], path=path)
    test = _file(experiment, table["test"]).assign_attrs(title=experiment.title) if "test" in table else None
    if "resample" in table:
        train = resample(train, dt=_number(table["resample"]))
        test = None if test is None else resample(test, dt=_number(table["resample"]))
    return train, test


def _file(experiment, path):
    table = experiment.data
    return as_dataset(
        experiment.folder / path,
        dt=_number(table.get("dt")),
        time=table.get("time"),
        columns=table.get("columns"),
        trajectory=table.get("trajectory"),
        mask=True if table.get("mask") else None,
    )


def embed_alike(parts, **chosen):
    """Delay-embed several data sets with the delay and dimension of the first.

    Args:
        parts: sequence of Datasets of the same variables; delay and dimension are chosen on the first.
        **chosen: ``dim``, ``delay`` or ``variable`` where they are not to be chosen automatically.

    Returns:
        list of Datasets.
    """
    first = embed(parts[0], **chosen)
    found = json.loads(first.attrs["embedding"])
    same = {key: found[key] for key in ("dim", "delay", "variable")}
    return [first, *(embed(part, **same) for part in parts[1:])]


def _number(value):
    """A number, or a quotient written as text: ``"1/360"``."""
    if not isinstance(value, str):
        return value
    over, _, under = value.partition("/")
    try:
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(
            "cannot read a number", got=repr(value), expected='for example 0.01 or "1/360"'
        ) from error
