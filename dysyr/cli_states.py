"""Commands for states of open quantum systems."""

from pathlib import Path
from typing import Annotated

import typer

from dysyr.cli_input import load_run, load_system, numbers, parse, refuse_options, refusing, score
from dysyr.cli_options import Json, Settings
from dysyr.cli_output import claim_run, show
from dysyr.core.errors import InputError

COMPARED_SITES = 9
"""Up to here the exact states are made for comparison."""
SHOTS = 10_000
"""Outcomes drawn from a larger model for its averages."""
REPORT = "report.html"


def solve(
    method: Annotated[str, typer.Argument(help="Method: its class name in lower case, for example povmtransformer.")],
    system: Annotated[str, typer.Argument(help="A system of the catalogue, or a system file (.toml).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder to write; by default METHOD-SYSTEM.")
    ] = None,
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

    --set gives the method's arguments, --parameter those of the system. The run folder gets a report.html, in which
    the states found are compared with exact ones where there are at most nine spins.
    """
    from dysyr.experiment import build_reconstructor
    from dysyr.reconstruction import STATE_METHODS

    arguments = parse(settings) | ({} if seed is None else {"seed": seed})
    made = refusing(build_reconstructor, method, arguments, STATE_METHODS)
    when = None if times is None else refusing(numbers, times)
    output = Path(f"{method}-{Path(system).stem}") if output is None else output
    claim_run(output, resume)
    model = load_system(system, parameters)
    made.solve(model, times=when, checkpoint=output)
    made.save(output)
    compared = comparison(made, model)
    compared.to_html(output / REPORT)
    if as_json:
        show({"run": str(output), "comparison": compared.to_dict()}, True)
        return
    last = ", ".join(f"{name} {float(column[-1]):.3g}" for name, column in made.history_.items() if len(column))
    typer.echo(f"{output}: {made}\n{last}\n{compared}\n{output / REPORT}")


def fitted_outcomes(made, data, output):
    """Write the report of a model that was fitted to outcomes.

    Args:
        made: fitted method.
        data: file of the outcomes.
        output: run folder.

    Returns:
        str for the terminal.
    """
    compared = comparison(made, None, data)
    compared.to_html(output / REPORT)
    return f"{output}: {made}\n{compared}\n{output / REPORT}"


def comparison(made, system, data=None):
    """StateComparison of a fitted method, with exact states where they are small enough.

    Args:
        made: fitted method.
        system: System, or None for that behind the data.
        data: file of outcomes, or None.
    """
    import dysyr

    small = made.model_.n_sites <= COMPARED_SITES
    return dysyr.compare_states(made, system, data=data, exact=small, n_shots=None if small else SHOTS)


def judged(model, truth, reference, measures, seed):
    """Card of a model of a series, StateComparison of states of spins.

    Args:
        model: path of a run folder, or of a file with free runs.
        truth: file of data or outcomes, name or file of a system; None for the system that states were solved for.
        reference, measures, seed: see :func:`dysyr.cli_input.score`.
    """
    from dysyr.core.state_reconstructor import StateReconstructor

    fitted = load_run(model)
    if not isinstance(fitted, StateReconstructor):
        if truth is None:
            raise typer.BadParameter("a model is judged by test data", param_hint="--truth")
        return score(model, fitted, truth, reference, measures, seed)
    refuse_options({"--reference": reference, "--measures": measures}, "states of spins")
    return _of_states(fitted, truth)


def _of_states(made, truth):
    """StateComparison with a system, or with outcomes and what is behind them."""
    import dysyr
    from dysyr.core.catalogue import system_names
    from dysyr.core.system import System

    definition = made.model_.config().get("system")
    is_system = truth is None or truth.endswith(".toml") or (truth in system_names() and not Path(truth).exists())
    if is_system and definition is None:
        raise InputError(
            "the run was fitted to outcomes, and a system does not tell when they were measured",
            got=truth or "no truth", expected="the file of the outcomes", do="--truth samples.nc",
        )  # fmt: skip
    if is_system:
        return comparison(made, System.from_dict(definition) if truth is None else dysyr.load_system(truth))
    return comparison(made, None, truth)
