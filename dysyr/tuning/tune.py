"""tune: the arguments with which a reconstructor does best on data that it was not fitted to."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from dysyr.api import load
from dysyr.core.arguments import number, whole
from dysyr.core.atomic import write_text
from dysyr.core.dataset import as_dataset, data_hash, save_dataset
from dysyr.core.errors import DysyrError, FormatError, InputError
from dysyr.core.measure import plain
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.run_folder import check_target, read_json
from dysyr.reconstruction import METHODS
from dysyr.tuning.candidates import candidates_of, name_of, with_arguments
from dysyr.tuning.evaluation import BEST, DATA, VALIDATION, WORK, Evaluation, evaluate_candidate, held_out, refit
from dysyr.tuning.halving import check_budget, plan, shortened
from dysyr.tuning.ranking import Standing, ranked, table_of
from dysyr.workers import MEMORY, Workers

NOTE, TABLE = "tune.json", "candidates.csv"
IDENTITY = ("method", "arguments", "held_fraction", "hashes")
"""What may not change when a search goes on; values may be added."""
SHOWN = 10
MOST_SEEDS = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """What a search led to.

    Attributes:
        best: the chosen settings, dict; with several seeds the seed of the kept fit as well.
        reconstructor: fitted with them, in full, to all data.
        table: pandas.DataFrame of all candidates, best first, see ``dysyr.tuning.ranking.table_of``.
        folder: where everything lies.
    """

    best: dict
    reconstructor: Reconstructor
    table: Any
    folder: Path

    def __str__(self):
        shown = self.table.drop(columns=["name"]).head(SHOWN)
        if not (shown["why"] != "").any():
            shown = shown.drop(columns=["why"])
        more = len(self.table) - len(shown)
        lines = [shown.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.4g}")]
        lines += [f"... and {more} more in {self.folder / TABLE}"] if more > 0 else []
        return "\n".join([*lines, f"{self.folder / BEST}: {self.reconstructor}"])


def tune(
    reconstructor, data, settings, *, out, dt=None, validation=None, held_fraction=0.2, n_rungs=None, reduction=3,
    n_seeds=1, workers=2, scheduler=None, memory=MEMORY, retry_failed=False, say=print,
):  # fmt: skip
    """Choose arguments of a reconstructor by successive halving.

    All combinations of the settings are candidates. On the first of K rungs every candidate is trained for
    1 / reduction^(K - 1) of its full length, and the best 1 / reduction of them go on to the next rung, where they are
    trained anew and ``reduction`` times longer; the last ones are trained in full. Candidates are compared by the
    shared validation criterion (``Reconstructor.score``) on data that none of them is fitted to: the last
    ``held_fraction`` of each trajectory, the same for all. What a method itself keeps for validation, it takes from the
    rest. The best candidate is then fitted in full to all data.

    With several seeds each candidate is fitted that many times on each rung, with its seed and those that follow it,
    and its criterion is their median, where a failed fit counts as infinite. The seed that did best on the last rung is
    that of the final fit.

    The length of training are the arguments in ``Reconstructor.budget``, all shortened alike. Methods without, which
    are fitted in closed form, have a single rung: a plain grid.

    ``out`` gets ``evaluations/``, one record per fit, written once and at once; ``candidates.csv``; and ``best``, the
    run folder of the best candidate. The same call again does only what is missing; more values may be added.

    Args:
        reconstructor: Reconstructor, not fitted, with the arguments that all candidates share, ``seed`` among them.
        data: whatever ``as_dataset`` takes.
        settings: ``{argument: list of values}``.
        out: folder, one that workers see under the same path.
        dt: sampling interval in system time units, where the data do not carry it.
        validation: data to compare candidates on, instead of a part of ``data``. Test data are for later.
        held_fraction: share of the data that is held out, in (0, 1).
        n_rungs: number of rungs; by default up to three, so many that two candidates or more are trained in full.
        reduction: see above.
        n_seeds: fits of each candidate on each rung; more than one for methods that use a seed only.
        workers: processes to start here; 0 runs all fits in this process, without Dask.
        scheduler: address of a Dask scheduler, ``"tcp://host:port"``; by default workers are started here.
        memory: of one worker that is started here; one that needs more is killed.
        retry_failed: try fits again that failed for want of a worker or by an error of the program.
        say: called with a line of text whenever something is done.

    Returns:
        Tuning.

    Raises:
        InputError: settings or data that do not suit.
        DysyrError: every candidate failed, the folder holds something else, Dask is missing, or the scheduler was lost.

    Reference: jamieson2016
    """
    if type(reconstructor) not in METHODS:
        raise InputError("what is tuned", got=type(reconstructor).__name__, expected="a method of dysyr, not fitted")
    candidates = candidates_of(reconstructor, settings)
    rungs = plan(reconstructor, len(candidates), n_rungs=n_rungs, reduction=reduction)
    check_budget(reconstructor, settings, rungs)
    if not number(held_fraction) or not 0 < held_fraction < 1:
        raise InputError("held_fraction", got=repr(held_fraction), expected="a number in (0, 1)")
    if not whole(workers, 0):
        raise InputError("workers", got=repr(workers), expected="a whole number of at least 0")
    _check_seeds(reconstructor, settings, n_seeds)
    data = as_dataset(data, dt=dt)
    if validation is not None:
        validation = as_dataset(validation, dt=data.attrs.get("dt"), mask=True)
    held_out(data, validation, held_fraction)
    folder, out = Path(out), Path(out).absolute()
    stamp = _claim(out, reconstructor, settings, data, validation, held_fraction)
    standings = [Standing(number=i, name=name_of(reconstructor, one), settings=one) for i, one in enumerate(candidates)]

    def evaluations(one, divisor):
        arguments = one.settings | shortened(reconstructor, divisor)
        return [
            Evaluation(
                out=str(out), name=name_of(reconstructor, one.settings | other), divisor=divisor, stamp=stamp,
                reconstructor=with_arguments(reconstructor, arguments | other), held_fraction=held_fraction,
            )
            for other in [{}, *({"seed": reconstructor.seed + k} for k in range(1, n_seeds))]
        ]  # fmt: skip

    with Workers(workers, scheduler=scheduler, memory=memory, say=say) as crew:
        alive = standings
        for k, rung in enumerate(rungs):
            alive = ranked(alive)[: rung.n_candidates]
            _climb(crew, [(one, evaluations(one, rung.divisor)) for one in alive], k + 1, len(rungs), retry_failed, say)
            write_text(out / TABLE, table_of(standings).to_csv(index=False))
            alive = [one for one in alive if not one.failed]
            if not alive:
                raise _all_failed(standings)
        best = ranked(alive)[0]
        chosen = evaluations(best, 1)[best.best_seed]
        _keep_best(crew, chosen, stamp, say)
    shutil.rmtree(out / WORK, ignore_errors=True)
    kept = best.settings | ({"seed": chosen.reconstructor.seed} if n_seeds > 1 else {})
    return Tuning(best=kept, reconstructor=load(out / BEST), table=table_of(standings), folder=folder)


def _check_seeds(reconstructor, settings, n_seeds):
    """Refuse numbers of seeds that make no sense."""
    if not whole(n_seeds, 1) or n_seeds > MOST_SEEDS:
        raise InputError("n_seeds", got=repr(n_seeds), expected=f"a whole number from 1 to {MOST_SEEDS}")
    if n_seeds > 1 and not reconstructor.uses_seed:
        raise InputError(
            f"{type(reconstructor).__name__} uses no seed", got=f"{n_seeds} seeds", expected="one",
            do="leave the number of seeds out",
        )  # fmt: skip
    if n_seeds > 1 and "seed" in settings:
        raise InputError(
            "seeds are fitted beside each other and searched as well", got=f"{n_seeds} seeds, several values of 'seed'",
            expected="one of the two", do="give one value of seed, the first one",
        )  # fmt: skip


def _climb(crew, candidates, number, n_rungs, retry_failed, say):
    """Evaluate the candidates of a rung, as far as there are no records, and enter all records in their standings.

    Args:
        crew: Workers.
        candidates: list of (Standing, list of Evaluation, one for each seed).
        number: of the rung, from 1.
        n_rungs: in all.
        retry_failed: see ``tune``.
        say: called with lines of text.
    """
    every = [evaluation for _, evaluations in candidates for evaluation in evaluations]
    records = {evaluation.name: evaluation.record() for evaluation in every}
    missing = [
        evaluation for evaluation in every
        if (known := records[evaluation.name]) is None or (retry_failed and not known["final"])
    ]  # fmt: skip
    divisor = every[0].divisor
    length = "the full length" if divisor == 1 else f"1/{divisor} of the length"
    seeds = f", {len(every)} fits" if len(every) > len(candidates) else ""
    say(f"rung {number}/{n_rungs}: {len(candidates)} candidates at {length}{seeds}, {len(missing)} of them to do")
    for i, (evaluation, record, reason) in enumerate(crew.run(evaluate_candidate, missing)):
        if reason is not None:
            record = evaluation.write(None, why=reason, final=False)
        records[evaluation.name] = record
        result = f"failed, {record['why']}" if record["criterion"] is None else f"{record['criterion']:.4f}"
        say(f"  {i + 1}/{len(missing)} {evaluation.name}: {result}")
    for one, evaluations in candidates:
        one.records[divisor] = [records[evaluation.name] for evaluation in evaluations]


def _keep_best(crew, evaluation, stamp, say):
    """Fit the best candidate to all data, unless its run is there already."""
    folder = Path(evaluation.out) / BEST
    if (folder / "config.json").exists():
        run = read_json(folder / "config.json")
        if run.get("parameters") == plain(evaluation.reconstructor.get_params()):
            return
    say(f"fitting {evaluation.name} to all data")
    for _, _, reason in crew.run(refit, [evaluation]):
        if reason is not None:
            raise DysyrError("the best candidate cannot be fitted to all data", got=reason, do="give another seed")


def _all_failed(standings):
    reasons = "; ".join(list(dict.fromkeys(one.why for one in standings if one.failed))[:3])
    return DysyrError("every candidate that came so far failed", got=reasons, do=f"look at the data and at {TABLE}")


def _claim(out, reconstructor, settings, data, validation, held_fraction):
    """Refuse a folder that holds another search, write down which one this is, and save its data.

    Returns:
        text that is another one for other data.
    """
    shared = {name: value for name, value in reconstructor.get_params().items() if name not in settings}
    hashes = {"data": data_hash(data), "validation": None if validation is None else data_hash(validation)}
    content = plain(
        {
            "format": 1, "method": type(reconstructor).__name__, "arguments": shared, "held_fraction": held_fraction,
            "hashes": hashes, "settings": settings,
        }
    )  # fmt: skip
    note = out / NOTE
    if note.exists():
        earlier = read_json(note)
        if not isinstance(earlier, dict):
            raise FormatError(f"'{note}' is damaged", do="delete it or choose another -o")
        different = [key for key in IDENTITY if earlier.get(key) != content[key]]
        if different:
            raise DysyrError(
                f"'{out}' holds another search", got=f"other {', '.join(different)}", do="choose another -o"
            )
    else:
        check_target(out, allow_run=False)
    write_text(note, json.dumps(content, indent=1) + "\n")
    for name, one in ((DATA, data), (VALIDATION, validation)):
        if one is not None and not (out / name).exists():
            save_dataset(one, out / name)
    return json.dumps(content["hashes"])
