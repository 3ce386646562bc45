"""What the commands read: settings, data, systems, and a model with its truth. Heavy imports happen inside."""

import json
from pathlib import Path

import typer

from dysyr.core.errors import InputError, NoSamplingInterval
from dysyr.core.settings_text import check_keys, parse_settings, parse_values

EXIT_USAGE = 2


def refusing(function, *args, **kwargs):
    """Call a function whose refusal means that the command was typed wrongly: exit code 2."""
    try:
        return function(*args, **kwargs)
    except InputError as error:
        typer.echo(f"dysyr: {error}", err=True)
        raise typer.Exit(EXIT_USAGE) from error


def parse(settings):
    """The ``--set`` options as a dict."""
    return refusing(parse_settings, settings or [])


def parse_choices(settings):
    """The ``--set`` options as a dict from key to a list of values."""
    return refusing(parse_settings, settings or [], parse_values)


def refuse_options(given, what):
    """Refuse options that say nothing for what is read.

    Args:
        given: dict from option to its value, None where it was not given.
        what: what is read.
    """
    for option, value in given.items():
        if value is not None:
            raise typer.BadParameter(f"{option} is not for {what}; leave it out")


def names(text):
    """Names separated by commas; None where there are none."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def numbers(text):
    """Numbers separated by commas.

    Raises:
        InputError: something else among them.
    """
    try:
        return [float(each) for each in names(text)]
    except ValueError as error:
        raise InputError("numbers separated by commas", got=repr(text)[:60]) from error


def load_system(name, settings):
    """A system with the parameters and sizes of ``--set``."""
    import dysyr

    values = parse(settings)
    system = dysyr.load_system(name)
    known = (*system.parameters, *system.sizes)
    refusing(check_keys, values, known, what="parameter", where=system.name)
    return dysyr.load_system(name, **values)


def read_data(text, dt=None, time=None, columns=None, trajectory=None, mask=False):
    """A data set from a file, or a shipped one by its name."""
    import dysyr
    from dysyr.core.shipped_data import DATASETS

    if text in DATASETS and not Path(text).exists():
        if any(given is not None for given in (dt, time, trajectory)):
            raise typer.BadParameter(f"'{text}' has its own times; leave out --dt, --time and --trajectory")
        return dysyr.as_dataset(dysyr.load_dataset(text), columns=names(columns))
    return dysyr.as_dataset(
        text, dt=dt, time=time, columns=names(columns), trajectory=trajectory, mask=True if mask else None
    )  # fmt: skip


def read_training(text, validation, dt, time, columns, trajectory, mask, resample, embed):
    """Data to fit and validation data, put onto a sampling interval and embedded alike where that is asked for.

    Args:
        text: file or name of data.
        validation: path of a file, or None.
        dt, time, columns, trajectory, mask: see ``read_data``.
        resample: sampling interval, or None.
        embed: whether to delay-embed.

    Returns:
        (Dataset, Dataset or None).
    """
    import dysyr
    from dysyr.experiment_data import embed_alike

    train = read_data(text, dt, time, columns, trajectory, mask)
    extra = None if validation is None else read_data(str(validation), dt, time, columns, trajectory, mask)
    if resample is not None:
        train = dysyr.resample(train, dt=resample)
        extra = None if extra is None else dysyr.resample(extra, dt=resample)
    if embed:
        train, *rest = embed_alike([train] if extra is None else [train, extra])
        extra = rest[0] if rest else None
    return train, extra


def like_training(text, fitted):
    """Data as the model knows them: of its sampling interval, and in its delay embedding.

    Empty cells are missing values. A table is read as that of the training data was: the same column of times, the same
    variables, the same column that tells recordings apart, as far as it has them. A file without times has the sampling
    interval that the training data had. Data are resampled if those were, unless they have the interval of the model.

    Args:
        text: file or name of data.
        fitted: fitted reconstructor, or None.
    """
    import dysyr
    from dysyr.core.known_data import apart
    from dysyr.core.reading import read_alike

    if fitted is None:
        return read_data(text, mask=True)
    reading = read_alike(fitted.provenance_.get("reading"), text)
    resampled = json.loads(fitted.provenance_.get("resampled", "{}"))
    try:
        data = dysyr.as_dataset(text, mask=True, **reading) if reading else read_data(text, mask=True)
    except NoSamplingInterval:
        if resampled.get("from") == "irregular":
            raise
        data = dysyr.as_dataset(text, dt=resampled.get("from", fitted.dt_), mask=True, **reading)
    if resampled and apart(data.attrs.get("dt", 0.0), fitted.dt_):
        data = dysyr.resample(data, dt=fitted.dt_)
    embedding = fitted.provenance_.get("embedding")
    if embedding and tuple(map(str, data["state"].values)) != fitted.model_.names:
        shape = json.loads(embedding)
        return dysyr.embed(data, dim=shape["dim"], delay=shape["delay"], variable=shape["variable"])
    return data


def load_run(path):
    """The fitted reconstructor of a run folder; None where the path is that of a data file."""
    import dysyr

    return dysyr.load(path) if path.is_dir() or not path.suffix else None


def series_run(path):
    """The fitted reconstructor of a run folder, which has to be one of series.

    Raises:
        InputError: a file, or the run holds states of spins.
    """
    from dysyr.core.state_reconstructor import StateReconstructor

    fitted = load_run(path)
    if fitted is None:
        got = "it is a file" if path.is_file() else "there is no such folder"
        raise InputError(f"'{path}' is no run", got=got, expected="a folder written by dysyr fit")
    if isinstance(fitted, StateReconstructor):
        raise InputError(f"'{path}' holds states of spins, no model of a series", do="compare them: dysyr evaluate")
    return fitted


def score(model, fitted, truth, reference, measures, seed):
    """Card of a run folder, or of a file with free runs, against data or a system.

    Args:
        model: path of the run folder or file.
        fitted: fitted reconstructor of the run folder; None for a file.
        truth: file or name of data, or name or file of a system.
        reference: file of independent truth, or None.
        measures: names separated by commas, or None.
        seed: seed.
    """
    import dysyr

    return dysyr.evaluate(
        dysyr.as_dataset(model, mask=True) if fitted is None else fitted,
        _read_truth(truth, fitted),
        reference=None if reference is None else like_training(str(reference), fitted),
        measures=names(measures),
        seed=seed,
    )


def _read_truth(text, fitted):
    """A data set where the text is a file or the name of one; else a system."""
    import dysyr
    from dysyr.core.catalogue import system_names

    if text.endswith(".toml") or (text in system_names() and not Path(text).exists()):
        return dysyr.load_system(text)
    return like_training(text, fitted)


def labels_in(path, column, **table):
    """What to encode: the path of a run or of a data set, or the data set of a table whose labels are in a column.

    Args:
        path: of the run, data set or table.
        column: of the labels, or None.
        **table: ``dt``, ``time`` and ``trajectory`` of ``as_dataset``.

    Raises:
        BadParameter: a table without a column of labels, or a folder with one.
    """
    if column is None:
        if any(given is not None for given in table.values()):
            names = ", ".join(f"--{name}" for name, given in table.items() if given is not None)
            raise typer.BadParameter(f"{names} can only be given for a table of labels; name its column with --label")
        if path.is_file() and path.suffix.lower() != ".nc":
            raise typer.BadParameter(f"'{path}' is a table; name the column that holds the labels with --label")
        return path
    if path.is_dir():
        raise typer.BadParameter(f"'{path}' is a folder; --label names a column of a table")
    return labelled(path, column, **table)


def labelled(path, column, **table):
    """A data set whose samples have the numbers of one column of a table as labels; empty cells are gaps."""
    import dysyr

    data = dysyr.as_dataset(path, columns=[column], mask=True, **table)
    return data.assign(label=(data["x"].dims[:2], data["x"].values[:, :, 0]))


def code_of(source, data, options, free):
    """The symbolic code of a run folder, or of a file with labels, and the fitted reconstructor or None.

    Args:
        source: path of the run folder or file, or a data set with labels.
        data: file or name of data to follow with the model, or None.
        options: arguments of ``dysyr.encode``.
        free: further ones, which only free runs have; None where they were not given.
    """
    import dysyr

    fitted = load_run(source) if isinstance(source, Path) else None
    free = {name: value for name, value in free.items() if value is not None}
    if free and (fitted is None or data is not None):
        option = f"--{next(iter(free)).replace('_', '-')}"
        raise typer.BadParameter(f"{option} is for free runs; leave it out with --data and with labels")
    if data is not None:
        data = like_training(data, fitted)
    given = dysyr.as_dataset(source, min_samples=1) if fitted is None else fitted
    return dysyr.encode(given, data=data, **options, **free), fitted
