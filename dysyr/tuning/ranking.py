"""The order of candidates, and the table of a search."""

import dataclasses
import math

import pandas as pd

from dysyr.core.measure import plain


@dataclasses.dataclass(kw_only=True)
class Standing:
    """What is known of a candidate.

    Attributes:
        number: its place in the order in which candidates were given.
        name: see ``name_of``.
        settings: dict of the arguments that are varied.
        records: ``{divisor: record}`` of its evaluations.
    """

    number: int
    name: str
    settings: dict
    records: dict = dataclasses.field(default_factory=dict)

    @property
    def last(self):
        """The record of the longest training; None before the first one."""
        return self.records[min(self.records)] if self.records else None

    @property
    def failed(self):
        """Whether the last evaluation gave no criterion."""
        return self.last is not None and self.last["criterion"] is None

    def key(self):
        """Sort key: who was trained longest comes first, then who has the least criterion; who failed comes last."""
        if self.last is None:
            return True, math.inf, math.inf, self.number
        criterion = math.inf if self.failed else self.last["criterion"]
        return self.failed, min(self.records), criterion, self.number


def ranked(standings):
    """The standings, best first; equal ones as they were given."""
    return sorted(standings, key=Standing.key)


def table_of(standings):
    """One row per candidate, best first.

    Args:
        standings: list of Standing.

    Returns:
        pandas.DataFrame with ``rank``; a column for each varied argument; ``criterion`` of the longest training and its
        ``length`` as a share of the full one; where there are several lengths, the criteria of all, ``criterion_1/9``
        and so on; ``seconds`` of processor time of all its fits, empty where one was interrupted; ``why`` it failed;
        and ``name``, the folder of its records.
    """
    divisors = sorted({divisor for one in standings for divisor in one.records}, reverse=True)
    lengths = divisors if len(divisors) > 1 else []
    rows = []
    for rank, one in enumerate(ranked(standings), start=1):
        seconds = [record["seconds"] for record in one.records.values()]
        rows.append(
            {
                "rank": rank, **plain(one.settings), "criterion": None if one.last is None else one.last["criterion"],
                "length": None if one.last is None else f"1/{min(one.records)}",
                **{f"criterion_1/{d}": one.records.get(d, {}).get("criterion") for d in lengths},
                "seconds": None if None in seconds else sum(seconds),
                "why": "" if one.last is None else one.last["why"] or "", "name": one.name,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
