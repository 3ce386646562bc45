"""A page for each system of the catalogue, from its file: portrait, equations, parameters, invariants."""

import re
import shutil
from importlib import resources
from pathlib import Path

import dysyr
from dysyr.core.catalogue import system_names
from extensions.portraits import caption, portrait

FOLDER = "generated/systems"
PAGE = "systems"
KINDS = {
    "ode": "ordinary differential equations",
    "pde": "partial differential equations, on a grid",
    "map": "map",
    "sde": "stochastic differential equations",
    "jump": "Markov jump process",
    "open_quantum": "open quantum system",
}


def write_pages(docs):
    """Write the pages and their portraits.

    Args:
        docs: folder of the documentation.
    """
    folder = Path(docs) / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in system_names():
        system = dysyr.load_system(name)
        definition = (resources.files("dysyr.systems") / f"{name}.toml").read_text(encoding="utf-8")
        shutil.copyfile(portrait(system, definition), folder / f"{name}.png")
        (folder / f"{name}.markdown").write_text(system_page(system, definition), encoding="utf-8")


def system_page(system, definition):
    """The page of a system as Markdown.

    Args:
        system: System.
        definition: text of its file.

    Returns:
        text.
    """
    lines = [
        f"# {system.title}",
        "",
        f"{system.description} (`{system.reference}`)",
        "",
        f"![Portrait of {system.title}]({system.name}.png)",
        "",
        caption(system),
        "",
        *_table(_facts(system)[1:], _facts(system)[0]),
        "",
        "## Equations",
        "",
    ]
    lines += [f"$$\n{line}\n$$\n" for line in system.latex()]
    lines += _parameters(system) + _invariants(system)
    lines += [
        "## Use",
        "",
        "```python",
        "import dysyr",
        "",
        f'data = dysyr.simulate(dysyr.load_system("{system.name}"))',
        "```",
        "",
        "```sh",
        f"dysyr simulate {system.name} -o {system.name}.nc",
        "```",
        "",
        "## The file",
        "",
        "```toml",
        definition.rstrip(),
        "```",
    ]
    return "\n".join(lines) + "\n"


def with_portraits(text):
    """The list of systems with a portrait of each before its table, and names that lead to their pages."""
    for name in system_names():
        text = text.replace(f"| `{name}` |", f"| [`{name}`]({FOLDER}/{name}.markdown) |")
    parts = re.split(r"(^## .+\n)", text, flags=re.M)
    for i in range(2, len(parts), 2):
        names = re.findall(rf"^\| \[`\w+`\]\({FOLDER}/(\w+)\.markdown\)", parts[i], flags=re.M)
        parts[i] = "\n" + _grid(names) + parts[i]
    pages = [f"{FOLDER}/{name}" for name in system_names()]
    return "".join(parts) + "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def _grid(names):
    figures = []
    for name in names:
        title = dysyr.load_system(name).title
        figures += [f"[![{title}]({FOLDER}/{name}.png) {title}]({FOLDER}/{name}.markdown)", ""]
    return "\n".join([":::{container} portraits", *figures, ":::", ""])


def _facts(system):
    defaults = system.to_dict()["defaults"]
    unit = "iterations" if system.kind == "map" else "time units"
    facts = [("name", f"`{system.name}`"), ("kind", KINDS[system.kind])]
    if system.jumps and system.jumps.states:
        facts.append(("states", ", ".join(f"`{name}`" for name in system.jumps.states)))
    else:
        fields = ", ".join(f"`{name}`" for name in system.fields)
        facts.append(("variables", fields if system.dim <= 12 else f"{fields}, {system.dim} in all"))
    if system.kind != "map":
        facts.append(("sampling interval", f"{defaults['dt']:g} {unit}"))
    if system.transient:
        facts.append(("dropped at the start", f"{system.transient:g} {unit}"))
    return facts


def _parameters(system):
    if not system.parameters:
        return []
    rows = [(f"`{name}`", f"{value:.8g}") for name, value in system.parameters.items()]
    return ["## Parameters", "", *_table(rows, ("parameter", "value")), ""]


def _invariants(system):
    if not system.invariants:
        return []
    unit = "per iteration" if system.kind == "map" else "per time unit"
    rows = []
    for known in system.invariants:
        title = known["name"].replace("_", " ")
        several = isinstance(known["value"], (list, tuple))
        pairs = zip(known["value"], known["stderr"], strict=True) if several else [(known["value"], known["stderr"])]
        value = ", ".join(f"{number:.6g} ± {error:.2g}" for number, error in pairs)
        where = f"{known['source']}: {known['method']}" if known.get("method") else known["source"]
        rows.append((f"{title}, {unit}" if known["name"] == "lyapunov_spectrum" else title, value, where))
    text = "With standard errors, as they stand in the file; [measures](../../measures.md) defines them."
    return ["## Invariants", "", text, "", *_table(rows, ("invariant", "value", "origin")), ""]


def _table(rows, heads):
    width = len(rows[0])
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * width]
    return lines + [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows]


def on_read(app, docname, source):
    """Add portraits to the list of systems."""
    if docname == PAGE:
        source[0] = with_portraits(source[0])


def setup(app):
    """Listen to pages that are read."""
    app.connect("source-read", on_read)
    return {"parallel_read_safe": True}
