"""KoopmanVAE on the data of the literature on time-series generation, complete and with missing rows.

    python -m dysyr.benchmark.koopman_windows -o FOLDER [--stocks FILE] [--seeds 5] [--rates 0 50 70 30] [--write FILE]
        [--archive FILE] [--finished]

Sines: 10,000 series of 24 samples of 5 independent sin(f j + phi), f and phi uniform in [0, 0.1], mapped to
(x + 1) / 2; the test has 4,000 fresh series. Stocks: daily rows of six columns in a file of the user's, order reversed;
windows of 24 that begin at every row, of which the generator sees all, as published. They are fitted as logarithms: of
the close, of open, high and low relative to it, of the volume; the adjusted close of the file is the close. A share of
the rows is missing where the table says so, all variables together, before windows are cut; the truth of the test is
complete. All scores are those of the data as they are in the file.

Scores are those of ``dysyr.evaluation.judged_scores``: judges see values and changes and are tested on series that
they were not trained on (sines: whole series; stocks: 40 blocks of the record), five judges a fit. Excess: accuracy
over that with true windows in the place of generated ones, the stricter score where series differ. Floor: halves of the
truth. Controls, worst of the seeds: time-shuffled, gaussian and linear autoregression. Of values: the milder judge that
sees no changes, as the published one, in square brackets its worst control. Predictive: mean over judges that learned
on generated windows, as a multiple of those that learned on other series of the truth. Novelty: median distance of
generated windows from the nearest one of the training data without gaps, as a multiple of that of true windows from the
nearest one they share no sample with; 0 for copies. Numbers are medians over seeds, brackets their range. Training is
processor time on one core that was shared with other work.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from dysyr.benchmark.kept import pack, unpack
from dysyr.core.atomic import write_text
from dysyr.core.dataset import make_dataset, trajectories
from dysyr.evaluation.judged_scores import DiscriminativeMeasure, PredictiveMeasure, standardised
from dysyr.evaluation.window_context import WindowContext
from dysyr.evaluation.window_distances import WINDOW_DISTANCES
from dysyr.evaluation.window_set import WindowSet
from dysyr.reconstruction.koopman_vae import KoopmanVAE

MODULE = "dysyr.benchmark.koopman_windows"
WINDOW = 24
N_TRAIN, N_TEST, N_GENERATED, N_SHOWN = 10_000, 4_000, 4_000, 500
N_NEIGHBOURS = 500
MISSING_SEED = 56789
COLUMNS = ("Open", "High", "Low", "Close", "Adj_Close", "Volume")


def sines(n, seed):
    """(n, 24, 5) series sin(f j + phi), mapped to [0, 1]."""
    rng = np.random.default_rng([seed, 0x73696E])
    f, phi = rng.uniform(0, 0.1, (2, n, 1, 5))
    return 0.5 * (np.sin(f * np.arange(WINDOW)[:, None] + phi) + 1)


def stocks(path):
    """(row, 6) daily rows, oldest first as the published protocol reverses the file."""
    return np.loadtxt(path, delimiter=",", skiprows=1)[::-1].copy()


def logarithms(rows):
    """(row, 5) logarithms of daily rows: close, open by close, high and low by the nearer of both, volume."""
    opened, high, low, close, _, volume = np.moveaxis(rows, -1, 0)
    above, below = np.maximum(opened, close), np.minimum(opened, close)
    return np.log(np.stack([close, opened / close, high / above, below / low, volume], axis=-1))


def prices(z):
    """(..., 6) rows from their logarithms; a high below open or close, or a low above, is moved there."""
    close, volume = np.exp(z[..., 0]), np.exp(z[..., 4])
    opened = close * np.exp(z[..., 1])
    high = np.maximum(opened, close) * np.exp(np.maximum(z[..., 2], 0.0))
    low = np.minimum(opened, close) * np.exp(-np.maximum(z[..., 3], 0.0))
    return np.stack([opened, high, low, close, close, volume], axis=-1)


def with_gaps(x, percent, seed):
    """The same with a share of rows (..., row, variable) missing."""
    x = x.copy()
    x[np.random.default_rng([MISSING_SEED, seed]).random(x.shape[:-1]) < percent / 100] = np.nan
    return x


def novelty(series, drawn, seed):
    """Median distance of drawn windows from the nearest true one, as a multiple of that of true windows.

    Distances are those of values and changes from sample to sample, each in standard deviations of the true ones. True
    windows are compared with those that begin at least a window's length away, or in another series.

    Args:
        series: (series, time, variable) array that the windows are cut out of, in the units of ``drawn``.
        drawn: (window, time, variable).
        seed: chooses 500 windows of both kinds.
    """
    windows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(series, WINDOW, axis=1), -1, 2)
    n_series, n_starts = windows.shape[:2]
    windows = windows.reshape(n_series * n_starts, WINDOW, -1)
    true, _, made, _ = standardised((windows, windows, drawn, windows[:1]))
    true, made = (x.reshape(len(x), -1).astype(np.float32) for x in (true, made))
    rng = np.random.default_rng([seed, 0x6E6577])
    chosen, taken = (rng.permutation(len(x))[:N_NEIGHBOURS] for x in (true, made))
    owner, start = np.divmod(np.arange(len(true)), n_starts)
    apart = (owner[chosen, None] != owner) | (np.abs(start[chosen, None] - start) >= WINDOW)
    own = np.where(apart, cdist(true[chosen], true), np.inf).min(axis=1)
    return float(np.median(cdist(made[taken], true).min(axis=1)) / np.median(own))


def cell(data, percent, seed, path):
    """One fit: (its scores as a dict, 500 true windows, 500 generated ones)."""
    if data == "sines":
        whole, truth = sines(N_TRAIN, seed), make_dataset(sines(N_TEST, 1000 + seed), dt=1.0)
    else:
        rows = stocks(path)
        whole, truth = logarithms(rows)[None], make_dataset(rows[None], dt=1.0, names=COLUMNS)
    train = make_dataset(with_gaps(whole, percent, seed), dt=1.0, mask=True)
    began = time.process_time()
    held = train if data == "stocks" else None
    fitted = KoopmanVAE(window=WINDOW, seed=seed).fit(train, validation=held, progress=False)
    seconds = time.process_time() - began
    drawn = np.stack(trajectories(fitted.generate(WINDOW, n_trajectories=N_GENERATED, seed=seed)))
    generated = prices(drawn) if data == "stocks" else drawn
    context = WindowContext(
        truth=WindowSet.from_data(truth, WINDOW, seed=seed), generated=generated, dt=1.0,
        names=tuple(map(str, truth["state"].values)), seed=seed,
    )  # fmt: skip
    left_out = float(fitted.history_["left_out"][0])
    found = {"seconds": seconds, "parameters": fitted.model_.n_parameters, "left_out": left_out}
    found["novelty"] = novelty(whole, drawn, seed)
    judges = (DiscriminativeMeasure(), DiscriminativeMeasure(judge="values"), PredictiveMeasure())
    for measure in (*judges, *WINDOW_DISTANCES):
        m = measure.compute(context)
        found[m.name] = {"value": m.value, "floor": m.floor, "controls": m.controls, "runs": list(m.runs)}
        found[m.name] |= {name: m.settings[name] for name in ("accuracy", "accuracy_of_truth") if name in m.settings}
    shown = np.random.default_rng(seed).permutation(len(context.truth.x))[:N_SHOWN]
    return found, context.truth.x[shown], context.generated[:N_SHOWN]


def main(arguments=None):
    """Compute what is missing in the folder, and write the page."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--stocks")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rates", type=int, nargs="+", default=[0, 50, 70, 30])
    parser.add_argument("--write")
    parser.add_argument("--archive", help="file of finished fits, taken over and added to")
    parser.add_argument("--finished", action="store_true", help="compute nothing, take what the folder has")
    options = parser.parse_args(arguments)
    if options.stocks is None:
        print("no file of stocks: that half of the table is left out", file=sys.stderr)
    sets, done = ["sines"] + (["stocks"] if options.stocks else []), {}
    if options.archive:
        unpack(options.archive, options.output)
    for seed in range(options.seeds):
        for percent in options.rates:
            for data in sets:
                place = Path(options.output) / f"{data}_{percent}_{seed}.json"
                if options.finished and not place.exists():
                    continue
                drawn = place.with_suffix(".npz")
                if not place.exists() or (seed == 0 and not drawn.exists() and not options.finished):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    found, *shown = cell(data, percent, seed, options.stocks)
                    if seed == 0:
                        np.savez_compressed(drawn, truth=shown[0], generated=shown[1])
                    write_text(place, json.dumps(found))
                    if options.archive:
                        pack(options.output, options.archive)
                done[data, percent, seed] = json.loads(place.read_text())
                print(line(data, percent, [done[data, percent, seed]]), flush=True)
    if options.archive and done:
        pack(options.output, options.archive)
    if options.write:
        text, wanted = page(done, shlex.join(["python", "-m", MODULE, *arguments_of(options)])), options.seeds
        wanted *= len(options.rates) * len(sets)
        if len(done) < wanted:
            text += f"\n{len(done)} of {wanted} fits; the command without `--finished` makes the others.\n"
        write_text(options.write, text)


def arguments_of(options):
    """The arguments as the page repeats them, without places of this machine."""
    stocks = ["--stocks", "stock_data.csv"] if options.stocks else []
    settings = ["--seeds", str(options.seeds), "--rates", *map(str, options.rates)]
    archive = ["--archive", "docs/results/koopmanvae.jsonl"] if options.archive else []
    finished = ["--finished"] if options.finished else []
    page = ["--write", "docs/results/koopmanvae.md"]
    return ["-o", "out/koopman_windows", *stocks, *settings, *archive, *finished, *page]


def page(done, command):
    """The page of results as Markdown."""
    head = ("data", "missing", "seeds", "discriminative", "excess", "floor", "worst control", "of values",
            "predictive / real", "novelty", "marginal", "its floor", "autocorrelation", "its floor", "training",
            "parameters")  # fmt: skip
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for data, percent in dict.fromkeys((data, percent) for data, percent, _ in done):
        rows.append(line(data, percent, [found for key, found in done.items() if key[:2] == (data, percent)]))
    text = __doc__.split("\n\n", 2)[2].strip()
    return "\n".join(["# KoopmanVAE: results", "", f"    {command}", "", text, "", *rows, ""])


def line(data, percent, cells):
    """One row of the table."""

    def each(pick, form="{:.3f}"):
        values = [pick(found) for found in cells]
        text = form.format(np.median(values))
        return text if len(values) == 1 else f"{text} ({form.format(min(values))}, {form.format(max(values))})"

    d, p, m, a = ("discriminative_score", "predictive_score", "window_marginal", "window_autocorrelation")
    worst = min(min(found[d]["controls"].values()) for found in cells)
    mild = d + "_of_values"
    weakest = min(min(found[mild]["controls"].values()) for found in cells)
    entries = [
        data, f"{percent} %", str(len(cells)), each(lambda c: c[d]["value"]),
        each(lambda c: c[d]["accuracy"] - c[d]["accuracy_of_truth"]), each(lambda c: c[d]["floor"]), f"{worst:.2f}",
        f"{each(lambda c: c[mild]['value'])} [{weakest:.2f}]",
        each(lambda c: c[p]["value"] / c[p]["floor"]), each(lambda c: c["novelty"], "{:.2f}"),
        each(lambda c: c[m]["value"]), each(lambda c: c[m]["floor"]),
        each(lambda c: c[a]["value"], "{:.4f}"), each(lambda c: c[a]["floor"], "{:.4f}"),
        each(lambda c: c["seconds"], "{:.0f}") + " s", f"{cells[0]['parameters']:,}",
    ]  # fmt: skip
    return f"| {' | '.join(entries)} |"


if __name__ == "__main__":
    main()
