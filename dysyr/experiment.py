"""Run an experiment: data, fits of all methods and seeds, evaluation, one report."""

import dataclasses
import json
import time
from inspect import signature
from pathlib import Path
from typing import Any

from dysyr.api import evaluate, inspect, load
from dysyr.core.atomic import write_text
from dysyr.core.dataset import data_hash
from dysyr.core.errors import DivergedError, DysyrError, FormatError, NotConverged
from dysyr.core.measure import plain
from dysyr.core.provenance import provenance
from dysyr.core.run_folder import check_target, read_run
from dysyr.core.settings_text import check_keys
from dysyr.evaluation.window_set import WindowSet
from dysyr.experiment_data import make_data
from dysyr.experiment_file import Experiment, evaluation_settings, read_experiment
from dysyr.reconstruction import METHODS
from dysyr.reporting.card import Card
from dysyr.reporting.comparison import Comparison, compare, failure_card
from dysyr.reporting.metrics_file import read_metrics
from dysyr.reporting.report import render_report

__all__ = ["Experiment", "Result", "build_reconstructor", "read_experiment", "run_experiment"]

DATA_ENTRIES = ("name", "system", "data", "simulate", "split")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What an experiment led to.

    Attributes:
        comparison: Comparison over methods and seeds.
        chosen: ``{label: index of the seed with the best validation criterion}``.
        card: Card of the best method's chosen seed.
        folder: where everything lies.
    """

    comparison: Comparison
    chosen: dict
    card: Card
    folder: Path

    def to_dict(self):
        """The result as JSON-ready values, in the format of the experiment's ``metrics.json``."""
        seeds = {row.label: row.cards[self.chosen[row.label]]["provenance"]["seed"] for row in
                 self.comparison.rows if self.chosen.get(row.label) is not None}  # fmt: skip
        return {
            **self.comparison.to_dict(),
            "verdict": self.card.verdict.verdict,
            "chosen_seed": seeds,
            "report": str(self.folder / "report.html"),
        }

    def __str__(self):
        several = sum(len(row.cards) for row in self.comparison.rows) > 1
        seeds = f"{self.comparison}\n\n" if several else ""
        return f"{self.card}\n\n{seeds}report: {self.folder / 'report.html'}"


def run_experiment(experiment, out, *, say=print):
    """Run an experiment, or what is left of it.

    ``out`` gets ``data/`` (train, validation, test), one run folder per method and seed, ``metrics.json``
    (all methods and seeds) and ``report.html`` (the chosen model and the spread). The report shows the seed
    with the best validation criterion of the best method; the test data choose nothing among seeds.

    Args:
        experiment: Experiment.
        out: folder.
        say: called with a line of text whenever something is done.

    Returns:
        Result.

    Raises:
        DysyrError: every fit failed, the test data cannot judge a method, or a folder holds something else.
    """
    out = Path(out)
    fits = [
        (table["label"], build_reconstructor(table["method"], {**_arguments(table), "seed": seed}), seed)
        for table in experiment.reconstructors
        for seed in experiment.seeds
    ]
    _claim(out, experiment)
    say(f"{experiment.title}: making the data")
    data = make_data(experiment)
    data.save(out / "data")
    for _, reconstructor, _ in fits:
        if reconstructor.draws_windows:
            WindowSet.from_data(data.test, reconstructor.window, seed=reconstructor.seed)  # before the fit
    results = [
        fit_and_score(reconstructor, data, experiment, out / label / f"seed-{seed}", label=label, say=say)
        for label, reconstructor, seed in fits
    ]
    comparison = compare([scores for scores, _ in results])
    chosen = _chosen(comparison, results)
    card, place = _shown(comparison, chosen, results, experiment, data, out)
    card = dataclasses.replace(
        card,
        inspection=inspect(data.observed),
        provenance=provenance(seed=list(experiment.seeds), data_hash=data_hash(data.test)),
    )
    page = render_report(
        card, comparison=comparison, chosen=chosen, title=experiment.report.get("title", experiment.title),
        notes=experiment.report.get("notes", ""),
    )  # fmt: skip
    result = Result(comparison=comparison, chosen=chosen, card=card, folder=out)
    write_text(out / "metrics.json", json.dumps(plain(result.to_dict()), indent=2, allow_nan=False) + "\n")
    write_text(out / "report.html", page)
    say(f"{place} is shown in {out / 'report.html'}")
    return result


def build_reconstructor(method, arguments, methods=METHODS):
    """A reconstructor from the name of its method.

    Args:
        method: class name in lower case.
        arguments: constructor arguments.
        methods: classes that it may be of.

    Returns:
        Reconstructor, not fitted.

    Raises:
        InputError: unknown method or argument.
    """
    named = {each.__name__.lower(): each for each in methods}
    check_keys([str(method).lower()], named, what="method", where="dysyr")
    cls = named[str(method).lower()]
    known = [name for name in signature(cls.__init__).parameters if name != "self"]
    check_keys(arguments, known, what="argument", where=cls.__name__)
    return cls(**arguments)


def _arguments(table):
    return {key: value for key, value in table.items() if key not in ("method", "label")}


def _claim(out, experiment):
    """Refuse a folder that holds another experiment; write down which one this is."""
    settings = plain(dataclasses.asdict(experiment) | {"folder": None})
    note = out / "experiment.json"
    if note.exists():
        try:
            earlier = json.loads(note.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FormatError(f"'{note}' is damaged", do="delete it or choose another -o") from error
        different = [key for key in DATA_ENTRIES if earlier.get(key) != settings[key]]
        if different:
            raise DysyrError(
                f"'{out}' holds another experiment",
                got=f"other {', '.join(different)}",
                do="choose another -o",
            )
    else:
        check_target(out, allow_run=False)
    write_text(note, json.dumps(settings, indent=1) + "\n")


def fit_and_score(reconstructor, data, experiment, folder, *, label, say, fitted=None):
    """Fit and evaluate one method with one seed, or read its scores where both are done.

    Args:
        reconstructor: Reconstructor, not fitted; it has the seed.
        data: ExperimentData.
        experiment: Experiment, which says how to evaluate.
        folder: of this run; an interrupted fit in it is resumed.
        label: name of the method.
        say: called with a line of text whenever something is done.
        fitted: (error, seconds) of a fit that has been made already: the exception that it raised, or None where its
            run is in the folder; and its processor time.

    Returns:
        (scores, card or None): ``metrics.json`` content; the Card where it was made now. ``provenance`` of the scores
        has ``fit_seconds``, processor time, None where the fit was resumed or taken from an earlier run.

    Raises:
        DysyrError: data that do not suit, or a folder that holds something else.
    """
    seed = reconstructor.seed
    name = f"{label}, seed {seed}"
    stamp = {
        "hashes": data.hashes(),
        "evaluate": plain(experiment.evaluate),
        "arguments": plain(reconstructor.get_params()),
    }
    scores = _kept_scores(folder, stamp)
    if scores is not None:
        say(f"{name}: kept, {scores['verdict']}")
        return scores, None
    fresh, start = not folder.exists(), time.process_time()
    try:
        if fitted is not None and fitted[0] is not None:
            raise fitted[0]
        reconstructor = _fitted(reconstructor, data, folder, name, say)
    except (DivergedError, NotConverged) as failure:
        scores, card = failure_card(label, str(failure), seed=seed), None
        seconds = _seconds(start, fresh, fitted)
    else:
        seconds = _seconds(start, fresh, fitted)
        card = _card(reconstructor, data, experiment, label)
        scores = card.to_dict()
        scores["validation_criterion"] = plain(-reconstructor.score(data.validation))
    scores["provenance"] = {**scores["provenance"], "seed": seed, "stamp": stamp, "fit_seconds": seconds}
    write_text(folder / "metrics.json", json.dumps(scores, indent=2, allow_nan=False) + "\n")
    say(f"{name}: {scores['verdict']}")
    return scores, card


def _seconds(start, fresh, fitted):
    """Processor time of a fit; None where nobody knows."""
    if fitted is not None:
        return fitted[1]
    return time.process_time() - start if fresh else None


def _kept_scores(folder, stamp):
    """The scores of an earlier run with the same data and settings; None where there are none."""
    path = folder / "metrics.json"
    if not path.exists():
        return None
    scores = read_metrics(path)
    return scores if scores["provenance"].get("stamp") == stamp else None


def _fitted(reconstructor, data, folder, name, say):
    """The reconstructor, fitted now or taken from its run folder."""
    if (folder / "config.json").exists():
        run = read_run(folder)
        same_data = run["provenance"].get("data_hash") == data_hash(data.train)
        if same_data and run["parameters"] == plain(reconstructor.get_params()):
            say(f"{name}: already fitted")
            return load(folder)
        raise DysyrError(
            f"'{folder}' holds a run with other {'arguments' if same_data else 'data'}",
            do="choose another -o, or delete that folder",
        )
    say(f"{name}: fitting")
    reconstructor.fit(data.train, validation=data.validation, checkpoint=folder)
    reconstructor.save(folder)
    return reconstructor


def _card(reconstructor, data, experiment, label):
    options: dict[str, Any] = {k: v for k, v in experiment.evaluate.items() if k in ("measures", "seed")}
    settings = evaluation_settings(experiment.evaluate)
    return evaluate(
        reconstructor, data.test, reference=data.reference, settings=settings, label=label, **options
    )


def _chosen(comparison, results):
    """Index of the seed with the lowest validation criterion, per method; None where all failed."""
    criteria = {id(scores): scores.get("validation_criterion") for scores, _ in results}
    chosen = {}
    for row in comparison.rows:
        known = [
            (criteria[id(card)], i) for i, card in enumerate(row.cards) if criteria[id(card)] is not None
        ]
        chosen[row.label] = min(known)[1] if known else None
    return chosen


def _shown(comparison, chosen, results, experiment, data, out):
    """(card, name) of the model that the report shows; evaluated again where only its scores were kept."""
    for row in comparison.rows:
        if chosen[row.label] is None:
            continue
        scores = row.cards[chosen[row.label]]
        seed = scores["provenance"]["seed"]
        card = next(card for kept, card in results if kept is scores)
        if card is None:
            card = _card(load(out / row.label / f"seed-{seed}"), data, experiment, row.label)
        return card, f"{row.label}, seed {seed},"
    reasons = "; ".join(dict.fromkeys(scores["why"][0]["text"] for scores, _ in results))
    raise DysyrError(
        "every fit failed", got=reasons, do="look at the data with dysyr inspect, or change the arguments"
    )
