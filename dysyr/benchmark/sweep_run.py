"""Sweeps: all tasks of a sweep file, on processes of this machine or on workers of a Dask scheduler."""

import csv
import functools
import io
import json
import time
from pathlib import Path

from dysyr.benchmark.sweep_claim import NOTE, claim, read_sweep_folder
from dysyr.benchmark.sweep_table import as_table, records_of, save_table
from dysyr.core.atomic import write_text
from dysyr.core.errors import DysyrError, FormatError
from dysyr.experiment import fit_and_score
from dysyr.experiment_data import make_data
from dysyr.reconstruction.plrnn import ForcedReconstructor, fit_seeds
from dysyr.reporting.comparison import failure_card
from dysyr.reporting.metrics_file import read_metrics
from dysyr.reporting.ranking import render_ranking
from dysyr.workers import MEMORY, Workers

BATCHES_PER_WORKER = 4


def run_sweep(sweep, out, *, scheduler=None, workers=2, memory=MEMORY, retry_failed=False, say=print):
    """Run a sweep, or what is left of it.

    Seeds of one setting of the PLRNN family are fitted side by side, see ``batches_of``; the result is the same.

    ``out`` gets ``sweep.json``, one run folder per task below ``runs/`` whose ``metrics.json`` is written once, last
    and at once; ``table.csv`` and ``table.nc`` with all scores; and ``report.html``, the page that ranks the methods. A
    task whose worker dies is given to another one, then counts as failed; interrupted fits go on where they were.

    Args:
        sweep: Sweep.
        out: folder, one that workers see under the same path.
        scheduler: address of a Dask scheduler, ``"tcp://host:port"``; by default workers are started here.
        workers: processes to start here; 0 runs all tasks in this process, without Dask.
        memory: of one worker that is started here; one that needs more is killed.
        retry_failed: try tasks again that failed for want of a worker or by an error of the program.
        say: called with a line of text whenever something is done.

    Returns:
        path of the page.

    Raises:
        DysyrError: the folder holds another sweep, Dask is missing, or the scheduler was lost.
    """
    out = Path(out).absolute()
    missing = [task for task in sweep.tasks() if not _finished(out, task, retry_failed)]
    claim(out, sweep, {task.condition for task in missing})
    say(f"{sweep.title}: {len(sweep.tasks())} tasks, {len(missing)} of them to do")
    done = 0
    with Workers(workers, scheduler=scheduler, memory=memory, say=say) as crew:
        batches = batches_of(sweep, missing, crew.size()) if missing else []
        for batch, verdicts, reason in crew.run(functools.partial(run_batch, str(out)), batches):
            for k, task in enumerate(batch):
                said = verdicts[k] if reason is None else _verdict_without_result(out, task, reason)
                done += 1
                say(f"{done}/{len(missing)} {_text(task)}: {said}{_why(out, task)}")
    return write_results(sweep, out)


def write_results(sweep, out, *, page=None):
    """Write tables and page of the finished tasks of a sweep.

    Args:
        sweep: Sweep.
        out: its folder.
        page: where the page goes; by default ``report.html`` in the folder.

    Returns:
        path of the page.

    Raises:
        DysyrError: no task is finished.
    """
    out = Path(out)
    page = out / "report.html" if page is None else Path(page)
    scores = [(task, _scores(out, task)) for task in sweep.tasks() if _has_scores(out, task)]
    if not scores:
        raise DysyrError("no task of the sweep is finished", do="run dysyr sweep again")
    records = records_of(scores)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(key for record in records for key in record)))
    writer.writeheader()
    writer.writerows(records)
    write_text(out / "table.csv", text.getvalue())
    save_table(as_table(records), out / "table.nc")
    cards = {name: [one for task, one in scores if task.condition == name] for name in sweep.conditions}
    write_text(page, render_ranking({name: found for name, found in cards.items() if found}, title=sweep.title))
    return page


def batches_of(sweep, tasks, workers):
    """Tasks that are run one after another by one worker.

    Seeds of a setting whose gradient descent can run side by side (``fit_seeds``) are one batch, or as many equal ones
    as it takes to have four for each worker: a worker that waits costs more than populations save. All others are
    alone.

    Args:
        sweep: Sweep.
        tasks: list of Task.
        workers: number of workers.

    Returns:
        list of tuples of Task, in the order of their first ones.
    """
    settings = {}
    for task in tasks:
        together = isinstance(sweep.reconstructor(task), ForcedReconstructor)
        settings.setdefault((task.condition, task.label, together or task.seed), []).append(task)
    several = sum(len(one) > 1 for one in settings.values())
    pieces = max(1, -(-BATCHES_PER_WORKER * workers // max(several, 1)))
    batches = [tuple(part) for one in settings.values() for part in _dealt(one, min(pieces, len(one)))]
    return sorted(batches, key=lambda batch: tasks.index(batch[0]))


def _dealt(tasks, n):
    """n lists of nearly equal length."""
    return [tasks[k::n] for k in range(n)]


def run_batch(out, batch):
    """Fit the tasks of a batch together, where there are several, and write the ``metrics.json`` of each.

    An error of one task is recorded as its failure and leaves the others as they are.

    Args:
        out: folder of the sweep.
        batch: tuple of Task, seeds of one setting.

    Returns:
        list of verdicts, one for each task.
    """
    if len(batch) == 1:
        return [run_task(out, batch[0])]
    out = Path(out)
    missing = [task for task in batch if not _finished(out, task, retry_failed=True)]
    fits, verdicts = _fit_batch(out, missing), {}
    for task in missing:
        try:
            verdicts[task] = run_task(out, task, fits.get(task))
        except Exception as error:
            verdicts[task] = _verdict_without_result(out, task, f"{type(error).__name__}: {error}")
    return [verdicts.get(task) or _scores(out, task)["verdict"] for task in batch]


def _fit_batch(out, tasks):
    """Fit the seeds of one setting side by side and save their runs, as far as there are none.

    Returns:
        ``{task: (error or None, processor seconds or None)}``; empty where nothing is to be fitted together, or where
        the data or the arguments suit no seed, which each of them then finds out alone.
    """
    tasks = [task for task in tasks if not (out / task.folder / "config.json").exists()]
    if len(tasks) < 2:
        return {}
    stamp = (out / NOTE).stat().st_mtime_ns
    folders = [out / task.folder for task in tasks]
    fresh, start = not any(folder.exists() for folder in folders), time.process_time()
    made = [_sweep(str(out), stamp).reconstructor(task) for task in tasks]
    try:
        data = _data(str(out), tasks[0].condition, stamp)
        errors = fit_seeds(made, data.train, validation=data.validation, checkpoints=folders)
    except DysyrError:
        return {}
    seconds = (time.process_time() - start) / len(tasks) if fresh else None
    for k, (reconstructor, folder) in enumerate(zip(made, folders, strict=True)):
        try:
            if errors[k] is None:
                reconstructor.save(folder)
        except DysyrError as error:
            errors[k] = error
    return {task: (error, seconds) for task, error in zip(tasks, errors, strict=True)}


def run_task(out, task, fitted=None):
    """Make the data of a task, fit, evaluate, and write ``metrics.json`` in its folder.

    Args:
        out: folder of the sweep.
        task: Task.
        fitted: see ``fit_and_score``.

    Returns:
        the verdict, a text.
    """
    out = Path(out)
    sweep = _sweep(str(out), (out / NOTE).stat().st_mtime_ns)
    experiment, folder = sweep.conditions[task.condition], out / task.folder
    try:
        data = _data(str(out), task.condition, (out / NOTE).stat().st_mtime_ns)
        (folder / "metrics.json").unlink(missing_ok=True)
        reconstructor = sweep.reconstructor(task)
        scores, _ = fit_and_score(
            reconstructor, data, experiment, folder, label=task.label, say=lambda text: None, fitted=fitted
        )
    except DysyrError as error:
        scores = _write_failure(out, task, str(error), final=True)
    return scores["verdict"]


@functools.lru_cache(maxsize=2)
def _sweep(out, stamp):
    return read_sweep_folder(out)


@functools.lru_cache(maxsize=2)
def _data(out, condition, stamp):
    """Data of a condition; a worker keeps those of the last two."""
    return make_data(_sweep(out, stamp).conditions[condition])


def _write_failure(out, task, message, *, final):
    """Record a task as failed; ``final`` failures are those that a second try would repeat."""
    scores = failure_card(task.label, message, seed=task.seed)
    scores["provenance"] |= {"final": final, "fit_seconds": None}
    write_text(out / task.folder / "metrics.json", json.dumps(scores, indent=2, allow_nan=False) + "\n")
    return scores


def _finished(out, task, retry_failed):
    if not _has_scores(out, task):
        return False
    return not retry_failed or _scores(out, task)["provenance"].get("final", True)


def _verdict_without_result(out, task, reason):
    """What is said of a task that came back without a verdict; where it has left no scores, that is recorded."""
    if _has_scores(out, task):
        return _scores(out, task)["verdict"]
    return _write_failure(out, task, reason, final=False)["verdict"]


def _why(out, task):
    """What is said of a failure after its verdict, else nothing."""
    scores = _scores(out, task)
    return f", {scores['why'][0]['text']}" if not scores["measures"] and scores["why"] else ""


def _has_scores(out, task):
    return (out / task.folder / "metrics.json").exists()


def _scores(out, task):
    """What a finished task has written.

    Raises:
        FormatError: the file is damaged.
    """
    path = out / task.folder / "metrics.json"
    try:
        return read_metrics(path)
    except FormatError as error:
        raise FormatError("a task of the sweep", got=str(error), do="or delete it and run the sweep again") from error


def _text(task):
    return f"{task.condition}, {task.label}, seed {task.seed}"
