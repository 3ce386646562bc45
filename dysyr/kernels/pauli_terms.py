"""The generator of an open spin system applied to the expectation values of all Pauli strings, without a matrix.

    out_a = sum over entries of w x_(a ^ flip)  where a & mask = value

A string of N letters is a whole number of 2 N bits, two for each site, the last site lowest. An entry of a local
generator couples strings that agree off its sites, so that it is a condition on the row and a flip of bits that leads
to the column. The strings that differ in the last two sites only are a row of 16 lanes; entries that differ in their
condition on these sites alone are one group with a weight for each lane. Rows that differ in the three sites before
these are a tile, which stays in the first-level cache while all groups run over it, in stretches of rows.
"""

import dataclasses

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.ode_width import wide_vectors
from dysyr.kernels.pauli_rows import ADD_RUNS, finish_rows, scale_rows
from dysyr.kernels.vector_code import LANES, lane_zeros

LANE_SITES, TILE_SITES = 2, 3
LANE_BITS = 2 * LANE_SITES
MANY_TILES = 64
"""Tiles of one call in a thread."""

(
    add_0,
    add_1,
    add_2,
    add_3,
    add_4,
    add_5,
    add_6,
    add_7,
    add_8,
    add_9,
    add_10,
    add_11,
    add_12,
    add_13,
    add_14,
    add_15,
) = ADD_RUNS


@dataclasses.dataclass(frozen=True)
class PauliTerms:
    """Entries of the local generators, ready for the kernel.

    Attributes:
        n_sites: number of sites N >= 2.
        mask, value, flip: (entry,) condition and flip of each entry, over all bits.
        entries: (entry, term) entries at unit strength; the numbers are entries @ strengths.
        tile_rows: rows of a tile.
        groups: dict of arrays (group,): what the kernel needs to know of each group.
        group_of: (entry,) group of each entry, -1 for entries on the diagonal that have a place of their own.
        lanes: (entry, 16) whether the entry acts on a lane.
        start_at, starts, lengths: stretches of rows: list r has starts[start_at[r] : start_at[r + 1]], each of
            lengths[r] rows of a tile.
    """

    n_sites: int
    mask: np.ndarray
    value: np.ndarray
    flip: np.ndarray
    entries: np.ndarray
    tile_rows: int
    groups: dict
    group_of: np.ndarray
    lanes: np.ndarray
    start_at: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @property
    def n_tiles(self):
        """Number of tiles of a state."""
        return 4**self.n_sites // (LANES * self.tile_rows)

    def tables(self, strengths, shift=0.0):
        """Arguments of the kernel for given strengths of the terms.

        Args:
            strengths: (term,) coefficients and rates.
            shift: a number that is added to the diagonal.

        Returns:
            tuple of arrays.
        """
        w = self.entries @ np.asarray(strengths, float)
        weights = lane_zeros((len(self.groups["mask"]), LANES), np.float64)
        grouped = self.group_of >= 0
        np.add.at(weights, self.group_of[grouped], w[grouped, None] * self.lanes[grouped])
        lane = lane_zeros((LANES,), np.float64)
        lane += shift
        rows = np.arange(self.tile_rows) << LANE_BITS
        within = np.zeros(self.tile_rows)
        outer = []
        tile_mask = (self.tile_rows << LANE_BITS) - 1
        for e in np.flatnonzero(~grouped):
            if self.mask[e] < LANES:
                lane += w[e] * self.lanes[e]
            elif self.mask[e] <= tile_mask:
                within[(rows & self.mask[e]) == self.value[e]] += w[e]
            else:
                outer.append(e)
        shift_bits = tile_mask.bit_length()
        return (
            self.mask[outer] >> shift_bits, self.value[outer] >> shift_bits, w[outer], within, lane,
            *(self.groups[name] for name in ("mask", "value", "flip_tile", "flip_rows", "flip_lanes", "runs")),
            weights.reshape(-1), self.start_at, self.starts, self.lengths,
        )  # fmt: skip

    def bounds(self, strengths):
        """Bounds on the rows of the generator.

        Args:
            strengths: (term,).

        Returns:
            (largest sum of absolute values off the diagonal, smallest entry on the diagonal, mean entry there); the
            first two are bounds.
        """
        w = self.entries @ np.asarray(strengths, float)
        most, lowest, mean = 0.0, 0.0, 0.0
        for mask in np.unique(self.mask):
            own = (self.mask == mask) & (self.flip != 0)
            sums = [np.abs(w[own & (self.value == value)]).sum() for value in np.unique(self.value[own])]
            most += max(sums, default=0.0)
            own = (self.mask == mask) & (self.flip == 0)
            lowest += min(0.0, *w[own]) if own.any() else 0.0
            mean += w[own].sum() / 2.0 ** int(mask).bit_count()
        return most, lowest, mean


def pauli_terms(generators, n_sites, n_terms):
    """Sort the entries of local generators.

    Args:
        generators: list of (number of the term, sites, array (4^k, 4^k)).
        n_sites: number of sites N >= 2.
        n_terms: number of terms.

    Returns:
        PauliTerms.
    """
    found = {}
    for number, sites, generator in generators:
        shifts = [2 * (n_sites - 1 - site) for site in sites]
        spread = np.zeros(4 ** len(sites), np.int64)
        for j, shift in enumerate(shifts):
            spread |= ((np.arange(spread.size) >> 2 * (len(sites) - 1 - j)) & 3) << shift
        mask = sum(3 << shift for shift in shifts)
        for row, column in zip(*np.nonzero(generator), strict=True):
            key = (mask, int(spread[row]), int(spread[row] ^ spread[column]))
            found.setdefault(key, np.zeros(n_terms))[number] += generator[row, column]
    keys = np.array(list(found), np.int64).reshape(-1, 3)
    entries = np.array(list(found.values())).reshape(-1, n_terms)
    return _grouped(n_sites, *np.ascontiguousarray(keys.T), entries)


def apply_terms(tables, x, out, first, last, scale, total):
    """Rows of the tiles first, ..., last - 1 of scale times the generator times a state.

    Args:
        tables: as ``PauliTerms.tables`` gives them.
        x: (4^N,) expectation values.
        out: (4^N,) result.
        first, last: range of tiles.
        scale: a number.
        total: (4^N,) the result is added to it; an empty array where it is not wanted.

    Returns:
        largest absolute value of the result, 0 where ``total`` is empty.
    """
    return _apply(x, out, first, last, np.array([float(scale)]), total, *tables)


def apply_terms_reference(terms, strengths, x):
    """The slow twin: entry by entry.

    Args:
        terms: PauliTerms.
        strengths: (term,).
        x: (4^N,) expectation values.

    Returns:
        array (4^N,).
    """
    rows = np.arange(x.size)
    out = np.zeros(x.size)
    for mask, value, flip, w in zip(terms.mask, terms.value, terms.flip, terms.entries @ strengths, strict=True):
        own = rows[(rows & mask) == value]
        out[own] += w * x[own ^ flip]
    return out


@jit
def _apply(
    x, out, first, last, scale, total, d_mask, d_value, d_weight, within, lane, mask, value, flip_tile, flip_rows,
    flip_lanes, runs, weights, start_at, starts, lengths,
):  # fmt: skip
    wide_vectors()
    n_rows = within.size
    diagonal, peak = np.zeros(1), np.zeros(LANES)
    for tile in range(first, last):
        row = tile * n_rows
        diagonal[0] = 0.0
        for e in range(d_mask.size):
            if (tile & d_mask[e]) == d_value[e]:
                diagonal[0] += d_weight[e]
        scale_rows(out, row * LANES, x, row * LANES, within, 0, diagonal, 0, lane, n_rows)
        for g in range(mask.size):
            if (tile & mask[g]) != value[g]:
                continue
            column = (tile ^ flip_tile[g]) * n_rows
            run, f = runs[g], flip_lanes[g]
            a, b, length = start_at[run], start_at[run + 1], lengths[run]
            if f == 0:
                add_0(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 1:
                add_1(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 2:
                add_2(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 3:
                add_3(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 4:
                add_4(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 5:
                add_5(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 6:
                add_6(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 7:
                add_7(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 8:
                add_8(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 9:
                add_9(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 10:
                add_10(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 11:
                add_11(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 12:
                add_12(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 13:
                add_13(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 14:
                add_14(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
            elif f == 15:
                add_15(out, row, x, column, weights, g, starts, a, b, flip_rows[g], length)
        if total.size:
            finish_rows(out, row * LANES, total, scale, peak, n_rows)
    return peak.max()


def _grouped(n_sites, mask, value, flip, entries):
    tile_rows = 4 ** min(TILE_SITES, n_sites - LANE_SITES)
    low, inner = LANES - 1, tile_rows - 1
    bits = LANE_BITS + inner.bit_length()
    lanes = (np.arange(LANES) & (mask & low)[:, None]) == (value & low)[:, None]
    lists, groups, group_of = {}, {}, np.full(mask.size, -1, np.int64)
    for e in range(mask.size):
        m, v, f = int(mask[e]), int(value[e]), int(flip[e])
        places = (m & low > 0) + ((m >> LANE_BITS) & inner > 0) + (m >> bits > 0)
        if f == 0 and places == 1:
            continue
        group_of[e] = groups.setdefault((m & ~low, v & ~low, f), len(groups))
        lists.setdefault(((m >> LANE_BITS) & inner, (v >> LANE_BITS) & inner), len(lists))
    rows = np.arange(tile_rows)
    starts, lengths = [], []
    for m, v in lists:
        length = 4 ** (((m & -m).bit_length() - 1) // 2) if m else tile_rows
        lengths.append(length)
        starts.append(rows[((rows & m) == v) & (rows % length == 0)])
    keys = np.array(list(groups), np.int64).reshape(-1, 3)
    order = np.argsort(keys[:, 2] >> bits, kind="stable")
    place = np.argsort(order)
    keys = keys[order]
    runs = [lists[(int(m) >> LANE_BITS) & inner, (int(v) >> LANE_BITS) & inner] for m, v, _ in keys]
    return PauliTerms(
        n_sites=n_sites, mask=mask, value=value, flip=flip, entries=entries, tile_rows=tile_rows,
        groups={
            "mask": keys[:, 0] >> bits, "value": keys[:, 1] >> bits, "flip_tile": keys[:, 2] >> bits,
            "flip_rows": (keys[:, 2] >> LANE_BITS) & inner, "flip_lanes": keys[:, 2] & low,
            "runs": np.array(runs, np.int64),
        },
        group_of=np.where(group_of >= 0, place[group_of] if place.size else group_of, -1), lanes=lanes.astype(float),
        start_at=np.concatenate([[0], np.cumsum([len(s) for s in starts])]).astype(np.int64),
        starts=np.concatenate([*starts, np.zeros(0)]).astype(np.int64), lengths=np.array(lengths, np.int64),
    )  # fmt: skip
