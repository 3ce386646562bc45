"""One evaluation of a candidate: a fit of some length, its criterion on held-out data, and the record of it."""

import dataclasses
import functools
import json
import math
import shutil
import time
from pathlib import Path

from sklearn.base import clone
from threadpoolctl import threadpool_limits

from dysyr.core.atomic import write_text
from dysyr.core.dataset import read_dataset, trajectories
from dysyr.core.errors import DysyrError, FormatError, InputError
from dysyr.core.measure import plain
from dysyr.core.run_folder import read_json
from dysyr.core.segments import cut, split

DATA, VALIDATION = "data/data.nc", "data/validation.nc"
BEST, WORK = "best", "unfinished"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A candidate on one rung.

    Attributes:
        out: folder of the search.
        name: of the candidate, see ``name_of``.
        divisor: the training is shorter than the full one by this factor.
        reconstructor: Reconstructor with all arguments of this fit.
        held_fraction: share of the data that is held out, where there are no validation data of their own.
        stamp: text that is another one for other data.
    """

    out: str
    name: str
    divisor: int
    reconstructor: object
    held_fraction: float
    stamp: str

    @property
    def path(self):
        """The file of its record."""
        return Path(self.out) / "evaluations" / self.name / f"length_1_{self.divisor}.json"

    @property
    def work(self):
        """The folder from which an interrupted fit goes on."""
        return Path(self.out) / WORK / f"{self.name}-1_{self.divisor}"

    def record(self):
        """The record, or None where there is none.

        Raises:
            FormatError: the file is damaged.
        """
        if not self.path.exists():
            return None
        content = read_json(self.path)
        if not isinstance(content, dict) or not {"criterion", "why", "final", "seconds"} <= set(content):
            raise FormatError(f"the record '{self.path}' is damaged", do="delete it")
        return content

    def write(self, criterion, *, why=None, final=True, seconds=None):
        """Write the record, whole; returns it."""
        content = {
            "format": 1, "method": type(self.reconstructor).__name__, "arguments": self.reconstructor.get_params(),
            "divisor": self.divisor, "criterion": criterion, "why": why, "final": final, "seconds": seconds,
        }  # fmt: skip
        write_text(self.path, json.dumps(plain(content), indent=1, allow_nan=False) + "\n")
        return content


def evaluate_candidate(evaluation):
    """Fit a candidate to the training part of the data, score it on the held-out part, and write the record.

    A candidate that cannot be fitted, or whose model cannot be scored, has no criterion and a reason.

    Args:
        evaluation: Evaluation.

    Returns:
        dict, the record.
    """
    fresh, start = not evaluation.work.exists(), time.process_time()
    data, validation = _read(evaluation.out, evaluation.stamp)
    train, held = held_out(data, validation, evaluation.held_fraction)
    criterion, why = None, None
    try:
        with threadpool_limits(1):
            made = clone(evaluation.reconstructor).fit(train, progress=False, checkpoint=evaluation.work)
            criterion = -made.score(held)
        if not math.isfinite(criterion):
            criterion, why = None, f"the criterion is {criterion}"
    except DysyrError as error:
        why = str(error)
    seconds = time.process_time() - start if fresh else None
    record = evaluation.write(criterion, why=why, seconds=seconds)
    shutil.rmtree(evaluation.work, ignore_errors=True)
    return record


def refit(evaluation):
    """Fit a candidate in full to all data, as ``dysyr fit`` would, and save it as the best one.

    Args:
        evaluation: Evaluation on the last rung.

    Returns:
        path of the run folder.

    Raises:
        DysyrError: the fit fails on all data.
    """
    out = Path(evaluation.out)
    data, validation = _read(evaluation.out, evaluation.stamp)
    with threadpool_limits(1):
        made = clone(evaluation.reconstructor).fit(
            data, validation=validation, progress=False, checkpoint=evaluation.work / "all"
        )
    shutil.rmtree(out / BEST, ignore_errors=True)
    made.save(out / BEST)
    shutil.rmtree(evaluation.work, ignore_errors=True)
    return str(out / BEST)


def held_out(data, validation, held_fraction):
    """(train, held): data and validation data as given, or two stretches of each trajectory of the data.

    Delay vectors at the begin of the held-out stretch, which have samples in common with the training part, are left
    out.

    Raises:
        InputError: a stretch comes out too short.
    """
    if validation is not None:
        return data, validation
    train, held = split(data, (1 - held_fraction, held_fraction))
    shape = json.loads(data.attrs.get("embedding", "{}"))
    shared = (shape["dim"] - 1) * shape["delay"] if shape else 0
    if shared == 0:
        return train, held
    starts = [start for _, start, _ in json.loads(held.attrs["split"])]
    pieces = [(k, shared if start else 0, None) for k, start in enumerate(starts)]
    shortest = min(len(x) - first for x, (_, first, _) in zip(trajectories(held), pieces, strict=True))
    if shortest < 2:
        raise InputError(
            "the held-out stretch has too few delay vectors", got=f"{shortest} of its own", expected="at least 2",
            do="hold out more",
        )  # fmt: skip
    return train, cut(held, pieces)


@functools.lru_cache(maxsize=2)
def _read(out, stamp):
    """Data and validation data of a search; a worker keeps those of the last two."""
    validation = Path(out) / VALIDATION
    return read_dataset(Path(out) / DATA), read_dataset(validation) if validation.exists() else None
