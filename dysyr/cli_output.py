"""What the commands print, and whether what they write can be written."""

import json
import sys
import tempfile
from pathlib import Path

import typer

from dysyr.core.errors import DysyrError
from dysyr.core.measure import plain
from dysyr.core.rate_matrix import closed_classes


def must_be_writable(path):
    """Refuse before the work rather than after it when the result could not be written."""
    if path.is_dir():
        raise DysyrError(f"cannot write '{path}'", got="it is a folder", do="give the name of a file")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DysyrError(
            f"cannot write '{path}'", got=str(error.strerror or error), do="choose another place for -o"
        ) from error


def must_be_data_file(path):
    """Refuse before the work what is no name for a data set."""
    from dysyr.core.netcdf import check_ending

    must_be_writable(path)
    check_ending(path)


def default_name(name):
    """A file for results of a command without -o, in the current folder.

    Args:
        name: of the file.

    Raises:
        DysyrError: there is such a file already; only -o writes over one.
    """
    path = Path(name)
    if path.exists():
        raise DysyrError(f"'{name}' is there already", expected="a new file", do="give its name, or another, with -o")
    return path


def claim_run(folder, resume):
    """Refuse a folder that holds something, or that could not be written.

    Args:
        folder: of the run to be made.
        resume: whether what is in it is to be gone on with.
    """
    if not resume and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise DysyrError(
            f"'{folder}' is not empty", expected="a new or empty folder", do="choose another, or add --resume"
        )
    must_be_writable(folder / "config.json")


def show(value, as_json):
    """Print a value as it is, or as JSON."""
    typer.echo(json.dumps(plain(value), indent=2, allow_nan=False) if as_json else value)


def teller(as_json):
    """Where progress is told: standard output, or standard error when that is taken by JSON."""
    return lambda text: print(text, file=sys.stderr if as_json else sys.stdout, flush=True)


def status_text(data):
    """How many samples free runs or forecasts have, and what became of them."""
    statuses = json.loads(data.attrs.get("status", "[]"))
    words = {
        "diverged": sum(not s["finite"] for s in statuses),
        "at a fixed point": sum(bool(s["fixed_point"]) for s in statuses),
        "on a cycle": sum(s["cycle"] is not None for s in statuses),
    }
    said = [f"{count} {what}" for what, count in words.items() if count]
    shape = f"{data.sizes['trajectory']} x {data.sizes['time']} samples"
    return f"{shape}; {', '.join(said) if said else 'all finite'}"


def system_text(system):
    """A system with its equations, parameters and invariants."""
    states = system.jumps.states if system.jumps is not None else ()
    size = f"{len(states)} states: {', '.join(states)}" if states else f"{system.dim} variables"
    if system.spins is not None:
        size = f"{system.spins.lattice}, {system.dim} observables: {', '.join(system.variables)}"
    lines = [f"{system.title} ({system.name}), {system.kind}, {size}", ""]
    lines += [f"  {name}: {text}" for name, text in system.equations.items()]
    values = ", ".join(f"{name} = {value:g}" for name, value in system.parameters.items())
    lines += ["", f"parameters: {values or 'none'}"]
    lines.append(f"dt: {system.dt:g}, transient: {system.transient:g}")
    lines.append(f"reference: {system.reference}")
    if states and len(closed_classes(system.rate_matrix)) == 1:
        shares = ", ".join(f"{p:.4g}" for p in system.stationary_distribution())
        lines.append(f"stationary distribution: {shares}")
    for invariant in system.invariants:
        stderr = f", stderr {invariant['stderr']}" if "stderr" in invariant else ""
        name = invariant["name"].replace("_", " ")
        lines.append(f"{name}: {invariant['value']}{stderr} ({invariant['source']})")
    return "\n".join(lines)


def orbits_text(whole):
    """What the search for fixed points and cycles found, from the content of encoding.json; empty without a search."""
    if "orbit_searches" not in whole:
        return ""
    lines = []
    for search in whole["orbit_searches"]:
        period = search["period"]
        found = [o for o in (*whole["fixed_points"], *whole["cycles"]) if o["real"] and o["period"] == period]
        kinds = [orbit["stability"] for orbit in found]
        said = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "none"
        what = "fixed points" if period == 1 else f"cycles of {period} steps"
        lines.append(f"  {what}: {said} ({'all' if search['exhaustive'] else 'not all'} words searched)")
        lines += [_stable_text(orbit) for orbit in found if orbit["stability"] == "stable"]
    return "\n".join(lines)


def _stable_text(orbit):
    at = ", ".join(f"{value:.4g}" for value in orbit["observed"][0])
    what = "fixed point" if orbit["period"] == 1 else f"cycle of {orbit['period']} steps"
    return f"  warning: stable {what} at ({at}); runs can end there, and good scores hide it if the data do not"


def systems_table(known):
    """One line per system: name, kind, dimension, title."""
    width = max(len(s.name) for s in known)
    return "\n".join(f"{s.name:<{width}}  {s.kind:<12} {s.dim:>4}  {s.title}" for s in known)
