"""The order of candidates, and the table of a search."""

import dataclasses
import math

import numpy as np
import pandas as pd

from dysyr.core.measure import plain


@dataclasses.dataclass(kw_only=True)
class Standing:
    """What is known of a candidate.

    Attributes:
        number: its place in the order in which candidates were given.
        name: see ``name_of``.
        settings: dict of the arguments that are varied.
        records: ``{divisor: list of records}`` of its evaluations, one for each seed.
    """

    number: int
    name: str
    settings: dict
    records: dict = dataclasses.field(default_factory=dict)

    def criterion(self, divisor):
        """Median over the seeds, infinite where a fit failed; None without any evaluation of that length."""
        if divisor not in self.records:
            return None
        return float(np.median([_of(record) for record in self.records[divisor]]))

    @property
    def longest(self):
        """The divisor of the longest training; None before the first one."""
        return min(self.records, default=None)

    @property
    def failed(self):
        """Whether the last evaluation gave no criterion, for half of the seeds or more."""
        return self.longest is not None and not math.isfinite(self.criterion(self.longest))

    @property
    def best_seed(self):
        """Place of the seed that did best in the longest training."""
        return int(np.argmin([_of(record) for record in self.records[self.longest]]))

    @property
    def why(self):
        """Why the first seed that failed in the longest training did, or an empty text."""
        records = [] if self.longest is None else self.records[self.longest]
        return next((record["why"] for record in records if record["criterion"] is None), "")

    def key(self):
        """Sort key: who was trained longest comes first, then who has the least criterion; who failed comes last."""
        if self.longest is None:
            return True, math.inf, math.inf, self.number
        return self.failed, self.longest, self.criterion(self.longest), self.number


def _of(record):
    return math.inf if record["criterion"] is None else record["criterion"]


def ranked(standings):
    """The standings, best first; equal ones as they were given."""
    return sorted(standings, key=Standing.key)


def table_of(standings):
    """One row per candidate, best first.

    Args:
        standings: list of Standing.

    Returns:
        pandas.DataFrame with ``rank``; a column for each varied argument; ``criterion`` of the longest training and its
        ``length`` as a share of the full one; where there are several seeds, the ``lowest`` and the ``highest``
        criterion of those that did not fail, and how many ``failed``; where there are several lengths, the criteria of
        all, ``criterion_1/9`` and so on; ``seconds`` of processor time of all its fits, empty where one was
        interrupted; ``why`` one failed; and ``name``, the folder of the records of the first seed.
    """
    divisors = sorted({divisor for one in standings for divisor in one.records}, reverse=True)
    lengths = divisors if len(divisors) > 1 else []
    several = any(len(records) > 1 for one in standings for records in one.records.values())
    rows = []
    for rank, one in enumerate(ranked(standings), start=1):
        seconds = [record["seconds"] for records in one.records.values() for record in records]
        rows.append(
            {
                "rank": rank, **plain(one.settings), "criterion": _finite(one, one.longest),
                "length": None if one.longest is None else f"1/{one.longest}", **(_spread(one) if several else {}),
                **{f"criterion_1/{d}": _finite(one, d) for d in lengths},
                "seconds": None if None in seconds else sum(seconds), "why": one.why, "name": one.name,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _finite(one, divisor):
    value = None if divisor is None else one.criterion(divisor)
    return value if value is not None and math.isfinite(value) else None


def _spread(one):
    criteria = [record["criterion"] for record in one.records.get(one.longest, ())]
    known = [value for value in criteria if value is not None]
    return {"lowest": min(known, default=None), "highest": max(known, default=None), "failed": criteria.count(None)}
