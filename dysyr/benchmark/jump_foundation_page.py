"""The page of results of JumpFoundation."""

import numpy as np

from dysyr.benchmark.rate_contest import METHODS

PUBLISHED = {1: 0.645, 30: 0.293, 100: 0.168, 300: 0.120, 1000: 0.225, 5000: 0.723}
"""The better of two published networks on the ratchet at V = 1, clean, 100-point grid; other contexts."""
HEAD = """# JumpFoundation beside other estimates of rates

Written by `python -m dysyr.benchmark.jump_foundation {arguments}`, weights {weights}.

Errors are root mean squared ones over the rates off the diagonal, in units of a tenth of the duration for the prior and
per time unit for the ratchet. All methods see the same paths. "Noise-aware MAP" is the converged posterior mode with
the Gamma(1.85, 3.5) prior and label noise learned, as `JumpEM(label_noise="learn")` finds it; MAP and maximum
likelihood take labels at their word. The network is trained on the prior alone; where it is not to be believed, as with
too many wrong labels or a too coarse grid, JumpFoundation gives the posterior mode. "Mode" is the share of such data.

"""


def page(results, arguments, weights):
    """The page of results.

    Args:
        results: list of (cell, records).
        arguments: those of the command, for its first line.
        weights: short name of the weights.

    Returns:
        Markdown.
    """
    text = HEAD.format(arguments=arguments, weights=weights)
    prior = [each for each in results if each[0]["kind"] == "prior"]
    if prior:
        text += f"## Unseen draws of the prior\n\n{prior[0][0]['n']} draws of 2 to 6 states in each row; "
        text += "regular and irregular grids alike. Mean / median / 95th percentile of the error; in brackets how "
        text += "many draws a method has no answer for.\n\n"
        text += _row("paths", "flips", *METHODS) + _rule(2 + len(METHODS))
        for cell, records in prior:
            text += _row(cell["paths"], f"{100 * cell['noise']:g} %", *(_three(records, name) for name in METHODS))
        text += "\nJumpFoundation minus noise-aware MAP: mean (standard error), in per cent of the latter, share of "
        text += (
            "the draws it wins; share of the true rates of edges inside its 68 % and 95 % intervals; share of pairs "
        )
        text += "rightly said to be an edge or none.\n\n"
        names = ("paths", "flips", "difference", "relative", "wins", "68 %", "95 %", "edges right", "mode")
        text += _row(*names) + _rule(len(names))
        for cell, records in prior:
            text += _row(
                cell["paths"], f"{100 * cell['noise']:g} %", *_paired(records), *_coverage(records), _mode(records)
            )
    sampler = [each for each in results if each[0]["kind"] == "sampler"]
    if sampler:
        text += f"\n## Beside a sampler of the exact posterior\n\n{sampler[0][0]['n']} clean draws of six states on a "
        text += "regular grid. The sampler (Metropolis-Hastings, 2,000 sweeps) knows that rates follow the published "
        text += "law, that labels are clean, and whether the graph is complete. Its error contains that of Monte "
        text += "Carlo, the root mean square of which over the rates is in the last column; 'beside the rest' has it "
        text += "taken off the square of the error of each draw. Relative: difference of the mean errors, with "
        text += "standard errors over draws.\n\n"
        names = (
            "paths", "sampler", "JumpFoundation", "difference (standard error)", "relative", "beside the rest",
            "Monte Carlo error",
        )  # fmt: skip
        text += _row(*names) + _rule(len(names))
        for cell, records in sampler:
            best, ours = (np.array([r["errors"][name] for r in records]) for name in ("sampler", "JumpFoundation"))
            monte = np.array([r["monte_carlo"] for r in records])
            rest = np.sqrt(np.maximum(best**2 - monte**2, 0))
            text += _row(
                cell["paths"], f"{best.mean():.4f}", f"{ours.mean():.4f}", _mean_error(ours - best),
                _per_cent(ours, best), _per_cent(ours, rest), f"{monte.mean():.4f}",
            )  # fmt: skip
    ratchet = [each for each in results if each[0]["kind"] == "ratchet"]
    if ratchet:
        text += "\n## Flashing ratchet, never seen in training\n\nSix states, potential V on or off, stationary start, "
        text += "100 regular times on [0, 2.5] or 50 sorted uniform times of each path's own. The constant is the mean "
        text += "of the true rates. Published: the better of two published networks (V = 1, regular, clean; other "
        text += "contexts).\n\n"
        names = (
            "V", "grid", "flips", "paths", "contexts", "constant", "noise-aware MAP", "JumpFoundation",
            "difference (standard error)", "published", "68 %", "95 %", "mode",
        )  # fmt: skip
        text += _row(*names) + _rule(len(names))
        for cell, records in ratchet:
            plain = cell["v"] == 1 and cell["regular"] and cell["noise"] == 0
            means = [np.mean([r["errors"][name] for r in records]) for name in names[5:8]]
            text += _row(
                f"{cell['v']:g}", "regular" if cell["regular"] else "irregular", f"{100 * cell['noise']:g} %",
                cell["paths"], cell["n"], *(f"{mean:.3f}" for mean in means),
                _paired(records)[0], f"{PUBLISHED[cell['paths']]:.3f}" if plain else "", *_coverage(records)[:2],
                _mode(records),
            )  # fmt: skip
    return text


def _row(*values):
    return "| " + " | ".join(str(value) for value in values) + " |\n"


def _rule(n):
    return "|" + "---|" * n + "\n"


def _three(records, name):
    errors = np.array([r["errors"][name] for r in records if r["errors"][name] is not None])
    if len(errors) == 0:
        return "none"
    missing = f" ({len(records) - len(errors)})" if len(errors) < len(records) else ""
    return f"{errors.mean():.3f} / {np.median(errors):.3f} / {np.percentile(errors, 95):.3f}{missing}"


def _mean_error(values):
    return f"{values.mean():+.4f} ({values.std(ddof=1) / np.sqrt(len(values)):.4f})"


def _per_cent(ours, theirs):
    """Difference of mean errors in per cent, with the standard error of paired differences."""
    scale = 100 / theirs.mean()
    error = (ours - theirs).std(ddof=1) / np.sqrt(len(ours))
    return f"{scale * (ours - theirs).mean():+.1f} % ({scale * error:.1f})"


def _paired(records):
    """Difference, relative difference and share of wins of JumpFoundation against noise-aware MAP."""
    ours, theirs = (np.array([r["errors"][m] for r in records]) for m in ("JumpFoundation", "noise-aware MAP"))
    relative = 100 * (ours.mean() / theirs.mean() - 1)
    return _mean_error(ours - theirs), f"{relative:+.1f} %", f"{100 * (ours < theirs).mean():.0f} %"


def _coverage(records):
    n_edges = sum(r["edges"] for r in records)
    inside = np.sum([r["inside"] for r in records], axis=0) / n_edges
    right = sum(r["right"] for r in records) / sum(r["pairs"] for r in records)
    return f"{100 * inside[0]:.1f}", f"{100 * inside[1]:.1f}", f"{100 * right:.1f}"


def _mode(records):
    return f"{100 * np.mean([r['source'] == 'map' for r in records]):.0f} %"
