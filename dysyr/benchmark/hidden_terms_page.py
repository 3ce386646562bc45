"""The page of results of the benchmark of hidden terms."""

import numpy as np

from dysyr.benchmark.spread import number, spread

TWO_BOUNDS = 2.0


def page(cells, command, description):
    """The page as Markdown.

    Args:
        cells: dict from case to list of cells, see ``dysyr.benchmark.hidden_terms.run``.
        command: the command that wrote it.
        description: docstring of the benchmark.

    Returns:
        text.
    """
    body = description.split("\n\n", 2)[2]
    return (
        f"# Hidden terms\n\nWritten by `{command}`.\n\n{body}\nMedian, lowest and highest over seeds; errors of "
        "coefficients are those of the largest one in a fit, over the fits with the true form.\n\n"
        + summary(cells) + "\n" + beside_bound(cells.get("31 points, 5 %", [])) + "\n" + misses(cells)
    )  # fmt: skip


def summary(cells):
    """Table of all cases."""
    lines = [
        "| case | true form | error of coefficients | reduced chi-square | error up to t = 50 (in sd) | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in cells.items():
        right = [row for row in rows if row["form"]]
        errors = [100 * max(row["errors"]) for row in right]
        shown = "–" if not errors else (f"**{number(float(np.median(errors)))} %** [{number(min(errors))}, "
                                        f"{number(max(errors))}]")  # fmt: skip
        lines.append(
            f"| {name} | {len(right)} of {len(rows)} | {shown} | {spread([row.get('chi_square') for row in rows])} | "
            f"{spread([row.get('far_error') for row in rows])} | {spread([row['seconds'] for row in rows])} |"
        )
    return "\n".join(lines) + "\n"


def within_bounds(row):
    """Whether a fit has the true form and both coefficients within two Cramér-Rao standard deviations."""
    return row["form"] and all(
        abs(value - true) <= TWO_BOUNDS * sd
        for value, true, sd in zip(row["coefficients"], (-0.9, 0.8), row["bound"], strict=True)
    )


def beside_bound(rows):
    """Table of single fits at 5 % noise beside the bound."""
    if not rows:
        return ""
    bound = rows[0]["bound"]
    count = sum(within_bounds(row) for row in rows)
    lines = [
        f"Single fits of 31 points with 5 % noise. Cramér-Rao standard deviations: {number(bound[0])} and "
        f"{number(bound[1])}; {count} of {len(rows)} fits have the true form and both coefficients within two of them.",
        "", "| seed | found | standard errors | deviations, in bounds | reduced chi-square | error to t = 50 |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        found = ", ".join(f"{term} {value:.4g}" for term, value in row["found"].items())
        if row["form"]:
            errors = ", ".join(f"{e:.3g}" for e in row["stderr"])
            away = ", ".join(
                f"{(v - t) / sd:+.2f}" for v, t, sd in zip(row["coefficients"], (-0.9, 0.8), bound, strict=True)
            )
        else:
            errors = away = "–"
        lines.append(
            f"| {row['seed']} | {found} | {errors} | {away} | {number(row['chi_square'])} "
            f"| {number(row['far_error'])} |"
        )
    return "\n".join(lines) + "\n"


def misses(cells):
    """The fits with another form."""
    lines = [
        f"* {name}, seed {row['seed']}: " + ", ".join(f"{term} {value:.4g}" for term, value in row["found"].items())
        for name, rows in cells.items() for row in rows if not row["form"]
    ]  # fmt: skip
    return "Fits with another form:\n\n" + "\n".join(lines) + "\n" if lines else "No fit has another form.\n"
