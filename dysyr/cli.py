"""The command line: parses, calls the public functions, prints. Heavy imports happen inside the commands."""

import dataclasses
import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from dysyr import cli_states, cli_sweep, cli_tune, cli_upkeep
from dysyr.cli_input import (
    code_of,
    labels_in,
    like_training,
    load_system,
    names,
    parse,
    read_data,
    read_training,
    refuse_options,
    refusing,
    series_run,
)
from dysyr.cli_options import (
    Columns,
    Device,
    Dt,
    Embed,
    Json,
    Mask,
    NSteps,
    Output,
    Resample,
    Seed,
    Settings,
    TimeColumn,
    TrajectoryColumn,
)
from dysyr.cli_output import (
    claim_run,
    default_name,
    must_be_data_file,
    must_be_writable,
    orbits_text,
    show,
    status_text,
    system_text,
    systems_table,
    teller,
)
from dysyr.cli_upkeep import EXIT_FAILED
from dysyr.core.errors import DysyrError

EXIT_INTERRUPTED = 130


class _Commands(TyperGroup):
    """Turns what dysyr raises on purpose, and what files and memory refuse, into one line and an exit code."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except DysyrError as error:
            typer.echo(f"dysyr: {error}", err=True)
            raise typer.Exit(EXIT_FAILED) from error
        except (OSError, MemoryError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            what = "not enough memory" if isinstance(error, MemoryError) else "cannot use a file"
            typer.echo(f"dysyr: {what}: {error}", err=True)
            raise typer.Exit(EXIT_FAILED) from error
        except KeyboardInterrupt as error:
            typer.echo("dysyr: interrupted", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from error


app = typer.Typer(
    cls=_Commands,
    help="Reconstruct dynamical systems from time series, and say with numbers whether it worked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main():
    """Entry point of the command ``dysyr``; names that the terminal cannot show are printed with escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="dysyr")


def _version(wanted: bool):
    if wanted:
        from dysyr.core.version import VERSION

        typer.echo(f"dysyr {VERSION}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
):
    pass


@app.command()
def systems(
    name: Annotated[str | None, typer.Argument(help="A system of the catalogue, or a system file.")] = None,
    as_json: Json = False,
):
    """List or show the systems of the catalogue."""
    import dysyr
    from dysyr.core.catalogue import system_names

    if name is not None:
        system = dysyr.load_system(name)
        show(system.to_dict() if as_json else system_text(system), as_json)
        return
    known = [dysyr.load_system(each) for each in system_names()]
    if as_json:
        show([{"name": s.name, "kind": s.kind, "dim": s.dim, "title": s.title} for s in known], True)
        return
    typer.echo(systems_table(known))


@app.command()
def inspect(
    data: Annotated[str, typer.Argument(help="A data file, or the name of a shipped data set.")],
    dt: Dt = None,
    time: TimeColumn = None,
    columns: Columns = None,
    trajectory: TrajectoryColumn = None,
    mask: Mask = False,
    as_json: Json = False,
):
    """Look at data before fitting: noise, stationarity, sampling, nonlinearity, outliers, which methods fit."""
    import dysyr

    found = dysyr.inspect(read_data(data, dt, time, columns, trajectory, mask))
    show(found.to_dict() if as_json else str(found), as_json)


@app.command()
def simulate(
    system: Annotated[str, typer.Argument(help="A system of the catalogue, or a system file (.toml).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Data file to write; by default named after the system.")
    ] = None,
    settings: Settings = None,
    n_steps: Annotated[int | None, typer.Option(help="Samples per trajectory.", min=1)] = None,
    t_end: Annotated[float | None, typer.Option(help="Time of the last sample.")] = None,
    dt: Annotated[float | None, typer.Option(help="Sampling interval; by default the system's own.")] = None,
    n_trajectories: Annotated[int, typer.Option(help="Number of trajectories.", min=1)] = 1,
    transient: Annotated[float | None, typer.Option(help="Time to run and drop first.")] = None,
    method: Annotated[str | None, typer.Option(help="Integrator; by default one that suits.")] = None,
    observation_noise: Annotated[
        float, typer.Option(help="Noise on the observations, as a fraction of each variable's sd.", min=0.0)
    ] = 0.0,
    label_noise: Annotated[
        float, typer.Option(help="Chains of states: probability that a sample is reported as another state.", min=0.0)
    ] = 0.0,
    observe: Annotated[str | None, typer.Option(help="Variables to observe, separated by commas.")] = None,
    events: Annotated[bool, typer.Option("--events", help="Jump processes: keep every event between samples.")] = False,
    seed: Seed = 0,
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    device: Annotated[str, typer.Option(help="cpu; or cuda for maps, flows and SDEs.")] = "cpu",
    n_shots: Annotated[int | None, typer.Option(help="Spins: measurements at the last time.", min=1)] = None,
    frame: Annotated[str | None, typer.Option(help="Spins: what is measured: tetra_pos, tetra or pauli4.")] = None,
):
    """Simulate a system.

    --set gives its parameters and lattice sizes, for example --set rho=30.
    """
    import dysyr
    from dysyr.core.dataset import save_dataset

    output = default_name(f"{Path(system).stem}.nc") if output is None else output
    must_be_data_file(output)
    model = load_system(system, settings)
    data = dysyr.simulate(
        model, n_steps=n_steps, t_end=t_end, dt=dt, n_trajectories=n_trajectories, transient=transient,
        method=method, observation_noise=observation_noise, observe=names(observe), seed=seed, dtype=dtype,
        label_noise=label_noise, events=events, n_shots=n_shots, frame=frame, device=device,
    )  # fmt: skip
    save_dataset(data, output)
    sizes = data.sizes
    typer.echo(f"{output}: {sizes['trajectory']} x {sizes['time']} samples of {sizes['state']} variables")


@app.command()
def fit(
    method: Annotated[str, typer.Argument(help="Method: its class name in lower case, for example shplrnn.")],
    data: Annotated[str, typer.Argument(help="A data file, or the name of a shipped data set.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder to write; by default METHOD-DATA.")
    ] = None,
    settings: Settings = None,
    dt: Dt = None,
    time: TimeColumn = None,
    columns: Columns = None,
    trajectory: TrajectoryColumn = None,
    mask: Mask = False,
    embed: Embed = False,
    resample: Resample = None,
    validation: Annotated[Path | None, typer.Option(help="Data for the choice of a checkpoint.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same as --set seed=...")] = None,
    device: Device = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted fit.")] = False,
):
    """Fit a model to data.

    --set gives the method's arguments, for example --set latent_dim=3. The run folder holds all that the
    other commands need.
    """
    from dysyr.core.state_reconstructor import StateReconstructor
    from dysyr.experiment import build_reconstructor
    from dysyr.reconstruction import METHODS, STATE_METHODS

    arguments = parse(settings) | {k: v for k, v in (("seed", seed), ("device", device)) if v is not None}
    reconstructor = refusing(build_reconstructor, method, arguments, (*METHODS, *STATE_METHODS))
    output = Path(f"{method}-{Path(data).stem}") if output is None else output
    claim_run(output, resume)
    if isinstance(reconstructor, StateReconstructor):
        others = {"--dt": dt, "--time": time, "--columns": columns, "--resample": resample, "--validation": validation}
        others |= {"--trajectory": trajectory, "--mask": mask or None, "--embed": embed or None}
        refuse_options(others, "outcomes of measurements")
        reconstructor.fit(data, checkpoint=output)
        reconstructor.save(output)
        typer.echo(cli_states.fitted_outcomes(reconstructor, data, output))
        return
    train, extra = read_training(data, validation, dt, time, columns, trajectory, mask, resample, embed)
    reconstructor.fit(train, validation=extra, checkpoint=output)
    reconstructor.save(output)
    typer.echo(f"{output}: {reconstructor}")


@app.command()
def generate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    output: Output,
    n_steps: NSteps,
    n_trajectories: Annotated[int, typer.Option(help="Number of free runs.", min=1)] = 1,
    transient: Annotated[int | None, typer.Option(help="Steps to run and drop first.")] = None,
    context: Annotated[Path | None, typer.Option(help="Data to start from.")] = None,
    seed: Seed = 0,
):
    """Let a fitted model run free."""
    from dysyr.core.dataset import save_dataset

    must_be_data_file(output)
    fitted = series_run(run)
    free = fitted.generate(
        n_steps, n_trajectories=n_trajectories, transient=transient, seed=seed,
        context=None if context is None else like_training(str(context), fitted),
    )  # fmt: skip
    save_dataset(free, output)
    typer.echo(f"{output}: {status_text(free)}")


@app.command()
def forecast(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    context: Annotated[Path, typer.Option(help="Data up to now.")],
    output: Output,
    n_steps: NSteps,
):
    """Continue a context with a fitted model."""
    from dysyr.core.dataset import save_dataset

    must_be_data_file(output)
    fitted = series_run(run)
    ahead = fitted.forecast(like_training(str(context), fitted), n_steps=n_steps)
    save_dataset(ahead, output)
    typer.echo(f"{output}: {status_text(ahead)}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Run folder, or a data file with free runs.")],
    truth: Annotated[str, typer.Option(help="Test data, or a system of the catalogue.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="metrics.json to write.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Independent truth for the floors.")] = None,
    measures: Annotated[str | None, typer.Option(help="Measures, separated by commas.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
):
    """Score a model against the truth.

    Distances of free runs, forecasts and invariants, each beside the best and the worst that could be had.
    """
    if output is not None:
        must_be_writable(output)
    card = cli_states.judged(model, truth, reference, measures, seed)
    if output is not None:
        card.save_metrics(output)
    show(card.to_dict() if as_json else str(card), as_json)


@app.command()
def encode(
    source: Annotated[Path, typer.Argument(help="Run folder, or a data file whose samples have labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    data: Annotated[str | None, typer.Option(help="Data to follow with the model, instead of a free run.")] = None,
    n_steps: Annotated[int | None, typer.Option(help="Symbols per free run; by default 100000.", min=1)] = None,
    n_trajectories: Annotated[int | None, typer.Option(help="Number of free runs; by default 1.", min=1)] = None,
    transient: Annotated[int | None, typer.Option(help="Steps to run and drop first.", min=0)] = None,
    max_word: Annotated[int, typer.Option(help="Longest word to count.", min=2)] = 10,
    max_period: Annotated[int, typer.Option(help="Longest cycle to search; 1: fixed points, 0: none.", min=0)] = 3,
    jumps: Annotated[bool, typer.Option("--jumps", help="Collapse each stay in a region into one symbol.")] = False,
    label: Annotated[str | None, typer.Option(help="Column of a table that holds the labels, whole numbers.")] = None,
    missing_label: Annotated[int | None, typer.Option(help="Label that stands for a missing one.")] = None,
    dt: Dt = None,
    time: TimeColumn = None,
    trajectory: TrajectoryColumn = None,
    seed: Seed = 0,
    as_json: Json = False,
):
    """Write the symbolic code of a piecewise-linear model, or of labels.

    Tables of symbols, words and transitions, the transition graph as GraphML and DOT, all numbers as JSON, and
    figures.
    """
    import dysyr
    from dysyr.core.run_folder import read_json

    must_be_writable(output / "encoding.json")
    free = {"n_steps": n_steps, "n_trajectories": n_trajectories, "transient": transient}
    options = {"max_word": max_word, "missing_label": missing_label, "seed": seed}
    source = labels_in(source, label, dt=dt, time=time, trajectory=trajectory)
    code, fitted = code_of(source, data, options, free)
    code = code.jumps() if jumps else code
    files = dysyr.export_code(code, output, model=fitted, max_period=max_period, seed=seed)
    whole = read_json(output / "encoding.json")
    text = "\n".join(filter(None, [f"{output}: {len(files)} files", str(code), orbits_text(whole)]))
    show(whole if as_json else text, as_json)


@app.command()
def report(
    model: Annotated[Path, typer.Argument(help="Run folder, a data file with free runs, or the folder of a sweep.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")],
    truth: Annotated[str | None, typer.Option(help="Test data, or a system of the catalogue.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Independent truth for the floors.")] = None,
    measures: Annotated[str | None, typer.Option(help="Measures, separated by commas.")] = None,
    seed: Seed = 0,
):
    """Write the report of a model, or the ranking of a sweep.

    One HTML page that needs no other file and no network. A model needs --truth; a sweep and states of spins that were
    solved for have their own.
    """
    import dysyr
    from dysyr.reporting.card import Card

    must_be_writable(output)
    if cli_sweep.is_sweep(model):
        refuse_options({"--truth": truth, "--reference": reference, "--measures": measures}, "a sweep")
        typer.echo(cli_sweep.write_ranking(model, output))
        return
    card = cli_states.judged(model, truth, reference, measures, seed)
    if isinstance(card, Card):
        card = dataclasses.replace(card, inspection=dysyr.inspect(card.truth))
    card.to_html(output)
    typer.echo(f"{output}: {card.verdict.verdict}")


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (.toml).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all results.")],
    settings: Settings = None,
    as_json: Json = False,
):
    """Run an experiment file, data to report.

    Fits all methods and seeds, evaluates them and writes the report. What is finished is kept when the same
    command is given again. --set overrides entries of the file, for example --set simulate.n_steps=1000 or
    --set data=PATH.
    """
    from dysyr.experiment import read_experiment, run_experiment

    result = run_experiment(read_experiment(experiment, parse(settings)), output, say=teller(as_json))
    show(result.to_dict() if as_json else str(result), as_json)


for command in (
    cli_tune.tune, cli_states.solve, cli_sweep.sweep, cli_upkeep.doctor, cli_upkeep.bench, cli_upkeep.pretrain,
):  # fmt: skip
    app.command()(command)
