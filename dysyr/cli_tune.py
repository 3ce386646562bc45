"""The command that searches for the arguments of a method."""

from pathlib import Path
from typing import Annotated

import typer

from dysyr.cli_input import parse_choices, read_training, refusing
from dysyr.cli_options import Columns, Device, Dt, Embed, Mask, Resample, TimeColumn, TrajectoryColumn
from dysyr.cli_output import must_be_writable, teller


def tune(
    method: Annotated[str, typer.Argument(help="Method: its class name in lower case, for example shplrnn.")],
    data: Annotated[str, typer.Argument(help="A data file, or the name of a shipped data set.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all results.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUES", help="Values of an argument, with commas; may be given again."),
    ] = None,
    rungs: Annotated[
        int | None, typer.Option(help="Rounds of fits, each longer than the last; by default up to 3.")
    ] = None,
    reduction: Annotated[int, typer.Option(help="How many times fewer and longer the fits of the next rung are.")] = 3,
    held: Annotated[float, typer.Option(help="Share of the data on which candidates are compared.")] = 0.2,
    validation: Annotated[Path | None, typer.Option(help="Data to compare candidates on instead.")] = None,
    dt: Dt = None,
    time: TimeColumn = None,
    columns: Columns = None,
    trajectory: TrajectoryColumn = None,
    mask: Mask = False,
    embed: Embed = False,
    resample: Resample = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, tcp://HOST:PORT.")] = None,
    workers: Annotated[int, typer.Option(help="Processes to start here; 0: this one, without Dask.", min=0)] = 2,
    memory: Annotated[str, typer.Option(help="Memory of one worker, such as 4GiB.")] = "4GiB",
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what workers died over.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of all fits; the same as --set seed=...")] = None,
    seeds: Annotated[int, typer.Option(help="Fits of each candidate, with this many seeds; their median counts.")] = 1,
    device: Device = None,
):
    """Search for the arguments of a method by successive halving.

    --set gives the values to try, for example --set latent_dim=3,5,10, or one value that all fits share. Every fit is
    kept when it is finished, and only the rest is run when the same command is given again. best in the folder is the
    run of the best candidate, fitted to all data, and candidates.csv has them all.
    """
    import dysyr
    from dysyr.experiment import build_reconstructor

    choices = parse_choices(settings)
    shared = {key: values[0] for key, values in choices.items() if len(values) == 1}
    shared |= {key: value for key, value in (("seed", seed), ("device", device)) if value is not None}
    varied = {key: values for key, values in choices.items() if len(values) != 1}
    reconstructor = refusing(build_reconstructor, method, shared)
    must_be_writable(output / "candidates.csv")
    train, extra = read_training(data, validation, dt, time, columns, trajectory, mask, resample, embed)
    found = dysyr.tune(
        reconstructor, train, varied, out=output, validation=extra, held_fraction=held, n_rungs=rungs,
        reduction=reduction, n_seeds=seeds, workers=workers, scheduler=scheduler, memory=memory,
        retry_failed=retry_failed, say=teller(False),
    )  # fmt: skip
    typer.echo(found)
