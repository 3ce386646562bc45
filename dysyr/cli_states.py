"""Commands for states of open quantum systems."""

from pathlib import Path
from typing import Annotated

import typer

from dysyr.cli_input import load_system, numbers, parse, refusing
from dysyr.cli_options import Json, Settings
from dysyr.cli_output import claim_run, show

COMPARED_SITES = 8
"""Up to here the exact states are made for comparison."""


def solve(
    method: Annotated[str, typer.Argument(help="Method: its class name in lower case, for example povmtransformer.")],
    system: Annotated[str, typer.Argument(help="A system of the catalogue, or a system file (.toml).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to write.")],
    settings: Settings = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="KEY=VALUE", help="A parameter or size of the system; again for more."),
    ] = None,
    times: Annotated[
        str | None, typer.Option(help="Times separated by commas; without them the steady state is found.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same as --set seed=...")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted solution.")] = False,
    as_json: Json = False,
):
    """Solve the equation of a system.

    --set gives the method's arguments, --parameter those of the system. The states found are compared with exact
    ones where there are at most eight spins.
    """
    import dysyr
    from dysyr.experiment import build_reconstructor
    from dysyr.reconstruction import STATE_METHODS

    arguments = parse(settings) | ({} if seed is None else {"seed": seed})
    made = refusing(build_reconstructor, method, arguments, STATE_METHODS)
    when = None if times is None else refusing(numbers, times)
    claim_run(output, resume)
    model = load_system(system, parameters)
    made.solve(model, times=when, checkpoint=output)
    made.save(output)
    small = made.model_.n_sites <= COMPARED_SITES
    compared = dysyr.compare_states(made, model) if small else None
    if as_json:
        show({"run": str(output), "comparison": compared.to_dict() if small else None}, True)
        return
    last = ", ".join(f"{name} {float(column[-1]):.3g}" for name, column in made.history_.items() if len(column))
    typer.echo(f"{output}: {made}\n{last}" + (f"\n{compared}" if small else ""))
