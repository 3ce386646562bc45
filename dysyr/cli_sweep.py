"""The command that runs sweeps."""

from pathlib import Path
from typing import Annotated

import typer

from dysyr.cli_output import teller


def sweep(
    file: Annotated[Path, typer.Argument(metavar="SWEEP", help="Sweep file (.toml): an experiment file with lists.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all results.")],
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, tcp://HOST:PORT.")] = None,
    workers: Annotated[int, typer.Option(help="Processes to start here; 0: this one, without Dask.", min=0)] = 2,
    memory: Annotated[str, typer.Option(help="Memory of one worker, such as 4GiB.")] = "4GiB",
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what workers died over.")] = False,
):
    """Run a sweep file: systems x methods x settings x seeds, and rank the methods.

    Every task is kept when it is finished, and only the rest is run when the same command is given again. The page is
    report.html in the folder, beside table.csv and table.nc.
    """
    from dysyr.benchmark.sweep_file import read_sweep
    from dysyr.benchmark.sweep_run import run_sweep

    page = run_sweep(
        read_sweep(file), output, scheduler=scheduler, workers=workers, memory=memory, retry_failed=retry_failed,
        say=teller(False),
    )  # fmt: skip
    typer.echo(page)


def is_sweep(folder):
    """Whether a folder is that of a sweep."""
    return (Path(folder) / "sweep.json").exists()


def write_ranking(folder, output):
    """Write the page of what a sweep has finished so far; returns its path."""
    from dysyr.benchmark.sweep_run import read_sweep_folder, write_results

    return write_results(read_sweep_folder(folder), folder, page=output)
