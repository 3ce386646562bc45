"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; may be given again.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
Dt = Annotated[float | None, typer.Option(help="Sampling interval in time units, where the file has none.")]
TimeColumn = Annotated[str | None, typer.Option("--time", help="Column that holds the times.")]
Columns = Annotated[str | None, typer.Option(help="Columns to use, separated by commas.")]
TrajectoryColumn = Annotated[str | None, typer.Option("--trajectory", help="Column that tells recordings apart.")]
Mask = Annotated[bool, typer.Option("--mask", help="Take empty and NaN cells as missing values.")]
Embed = Annotated[bool, typer.Option("--embed", help="Delay-embed a scalar series first.")]
Resample = Annotated[float | None, typer.Option(help="Put the data onto this sampling interval first.")]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; the same as --set device=...")]
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
NSteps = Annotated[int, typer.Option(help="Samples to produce.", min=1)]
