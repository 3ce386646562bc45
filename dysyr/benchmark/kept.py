"""Tasks of a benchmark whose results are kept, one JSON file each, and not repeated; and archives of such files."""

import concurrent.futures
import json
import multiprocessing
from pathlib import Path

from dysyr.core.atomic import write_text
from dysyr.core.measure import plain


def run_kept(run, tasks, *, processes=1, usable=None):
    """Run the tasks that have no usable result yet, and read all results.

    Args:
        run: function of a module, of the arguments of a task -> dict; numbers that are not finite become null.
        tasks: dict from the path of a result to the arguments of its task, a tuple.
        processes: how many tasks run at once; one runs in this process.
        usable: function of (result, arguments) -> bool, whether a result of an earlier run may stay; None for all.

    Returns:
        list of dicts in the order of the tasks.
    """
    missing = {Path(path): task for path, task in tasks.items() if not is_kept(Path(path), task, usable)}
    for i, (path, result) in enumerate(_results(run, missing, processes)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(plain(result), indent=1) + "\n")
        print(f"{i + 1}/{len(missing)} {path.stem}", flush=True)
    return [read(path) for path in tasks]


def unpack(archive, folder):
    """Write the results of an archive into a folder, except those that the folder has.

    Args:
        archive: path of a file of lines {"task": name, "result": dict}; need not exist.
        folder: of JSON files, one for each result.
    """
    for name, result in _archived(archive).items():
        path = Path(folder) / f"{name}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(result, indent=1) + "\n")


def pack(folder, archive):
    """Write the results in a folder into an archive, sorted by name; what it holds beside them stays.

    Args:
        folder: of JSON files, one for each result.
        archive: path of a file of lines {"task": name, "result": dict}; need not exist.
    """
    results = _archived(archive) | {path.stem: read(path) for path in Path(folder).glob("*.json")}
    lines = [json.dumps({"task": name, "result": results[name]}) for name in sorted(results)]
    write_text(archive, "".join(line + "\n" for line in lines))


def _archived(archive):
    if not Path(archive).exists():
        return {}
    lines = map(json.loads, Path(archive).read_text(encoding="utf-8").splitlines())
    return {line["task"]: line["result"] for line in lines}


def read(path):
    """The result in a file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def is_kept(path, task, usable=None):
    """Whether there is a result in a file that may stay, see ``run_kept``."""
    return Path(path).exists() and (usable is None or usable(read(path), task))


def _results(run, missing, processes):
    """(path, result) of each task as it ends."""
    if processes == 1:
        for path, task in missing.items():
            yield path, run(*task)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {pool.submit(run, *task): path for path, task in missing.items()}
        for done in concurrent.futures.as_completed(running):
            yield running[done], done.result()
