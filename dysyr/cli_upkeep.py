"""Commands about dysyr itself: its installation, its kernels, its shipped networks."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from dysyr.cli_options import Json, Seed
from dysyr.cli_output import must_be_writable, show

EXIT_FAILED = 1


def doctor(as_json: Json = False):
    """Check the installation: versions, devices, kernel cache, and a short simulation compared with SciPy."""
    from dysyr.doctor import examine

    health = examine()
    show(health.to_dict() if as_json else str(health), as_json)
    if not health.passed:
        raise typer.Exit(EXIT_FAILED)


def bench(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(help="ode, sde, jumps, spins, elementary, plrnn, scans, measures; all by default."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, few repeats.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    write: Annotated[Path | None, typer.Option(help="Markdown file to write the table into.")] = None,
    as_json: Json = False,
):
    """Run the kernels beside their baselines and print how many times as fast they are.

    Both run in turns in one process on one thread, and their results are compared first.
    """
    from dysyr.benchmark.speed.command import bench as run_contests
    from dysyr.benchmark.speed.command import line, table

    if write is not None:
        must_be_writable(write)
    say = None if as_json else lambda row: print(line(row), flush=True)
    rows = run_contests(quick=quick, device=device, subjects=subjects or None, say=say)
    if write is not None:
        from dysyr.core.atomic import write_text

        options = [*(subjects or []), "--quick" * quick, f"--device {device}" * (device != "cpu"), f"--write {write}"]
        write_text(write, table(rows, command=" ".join(["dysyr bench", *filter(None, options)])))
    if as_json:
        show([dataclasses.asdict(row) for row in rows], as_json)


def pretrain(
    what: Annotated[str, typer.Argument(help="jump: the network of JumpFoundation.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the weights; it is gone on with.")],
    n_contexts: Annotated[int | None, typer.Option(help="Data sets to train on.", min=1)] = None,
    n_updates: Annotated[int | None, typer.Option(help="Steps of training.", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Data sets of a step.", min=1)] = None,
    width: Annotated[int | None, typer.Option(help="Width of the network.", min=1)] = None,
    inner: Annotated[int | None, typer.Option(help="Width between its layers.", min=1)] = None,
    rounds: Annotated[int | None, typer.Option(help="Its rounds.", min=1)] = None,
    processes: Annotated[int, typer.Option(help="Processes that draw data sets.", min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Seed = 0,
):
    """Train a shipped network again."""
    import dysyr

    if what != "jump":
        raise typer.BadParameter(f"no such network: {what}", param_hint="WHAT")
    place = dysyr.pretrain_jump(
        output, n_contexts=n_contexts, n_updates=n_updates, batch_size=batch_size, width=width, inner=inner,
        rounds=rounds, processes=processes, device=device, seed=seed,
    )  # fmt: skip
    typer.echo(place)
