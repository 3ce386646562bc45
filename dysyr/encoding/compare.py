"""Comparison of two symbolic codes, whatever their symbols are called."""

import dataclasses

import numpy as np
from scipy.special import comb

from dysyr.core.counts import check_counts
from dysyr.core.errors import InputError
from dysyr.encoding.encoding import Encoding
from dysyr.encoding.entropy import plain_entropy
from dysyr.encoding.matching import match_by_occurrence, match_by_structure
from dysyr.encoding.transitions import row_stochastic

LONGEST_BY_DEFAULT = 6
MANY_SYMBOLS = 200


@dataclasses.dataclass(frozen=True, eq=False)
class CodeComparison:
    """How alike two codes are, after the symbols of the one are matched to those of the other.

    Attributes:
        relabelling: (n_symbols of a,) the symbol of b for each symbol of a; numbers from b's n_symbols on have none.
        matched_by: ``"occurrence"`` (codes of the same samples) or ``"structure"`` (transitions).
        graph_agreement: transitions in both over transitions in either; 1: the same graph.
        visit_distance: total variation distance of the visits, 0 to 1.
        transition_distance: total variation distance of the frequencies of transitions, 0 to 1.
        matrix_distance: mean over symbols, weighted by visits to both, of the total variation distance of the rows of
            the transition matrices.
        word_length: length n of the words compared.
        word_distance: Jensen-Shannon divergence of the frequencies of words of length n, bits, 0 to 1.
        word_floor: what two samples of this size of one and the same frequencies have on average, were their words
            independent: (N - 1) (1 / c_a + 1 / c_b) / (8 ln 2) for N words and counts c; correlated words have more.
        entropies: dict of (a, b) pairs: topological, metric and Markov entropy, nats per time unit.
        mutual_information: of the symbols at the same samples, nats; None for unrelated samples.
        normalised_information: that over the mean of the two entropies, 0 to 1; 1 where both are constant.
        adjusted_rand: agreement of the two partitions of samples, 1: the same, 0 on average by chance; None likewise.
    """

    relabelling: np.ndarray
    matched_by: str
    graph_agreement: float
    visit_distance: float
    transition_distance: float
    matrix_distance: float
    word_length: int
    word_distance: float
    word_floor: float
    entropies: dict
    mutual_information: float | None
    normalised_information: float | None
    adjusted_rand: float | None

    def summary(self):
        """JSON-ready dict."""
        whole = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        entropies = {name: [h if np.isfinite(h) else None for h in pair] for name, pair in self.entropies.items()}
        return {**whole, "relabelling": self.relabelling.tolist(), "entropies": entropies}


def compare_codes(a, b, *, length=None, same_samples=None):
    """Compare two codes of one system, of two systems, or of two models of it.

    Args:
        a, b: Encodings.
        length: of the words to compare; by default the longest, at most 6, that is well sampled in both.
        same_samples: whether the two codes say something about the same samples, one by one. By default they do if
            both were made from, or along, the same data.

    Returns:
        CodeComparison. It does not change when the symbols of a or b are numbered otherwise, as long as the match is
        the best one: always up to 7 symbols, see ``match_by_structure`` beyond. A code that has symmetries can be
        matched in several ways that are equally good.

    Raises:
        InputError: same samples that are not the same, words that were not counted, more than 200 symbols, a code
            of jumps and one of samples.

    Reference: hubert1985, lin1991
    """
    if not isinstance(a, Encoding) or not isinstance(b, Encoding):
        found = f"{type(a).__name__} and {type(b).__name__}"
        raise InputError("two codes are compared", got=found, expected="two Encodings", do="make them with encode")
    k = max(a.n_symbols, b.n_symbols)
    if length is not None:
        check_counts(length=length)
    if k > MANY_SYMBOLS:
        raise InputError("too many symbols to be matched", got=str(k), expected=f"at most {MANY_SYMBOLS}")
    if a.step != b.step:
        raise InputError(
            "a code of jumps is compared with a code of samples", do="compare a.jumps() with b.jumps(), or a with b"
        )
    if a.step == "jump":
        if same_samples:
            raise InputError("entries of jump codes are not the same samples", do="leave out same_samples=True")
        same_samples = False
    if same_samples is None:
        hashes = a.source.get("data_hash"), b.source.get("data_hash")
        same_samples = hashes[0] is not None and hashes[0] == hashes[1] and _stretches(a) == _stretches(b)
    flows = [_frequencies(_padded(code.transition_counts, k)) for code in (a, b)]
    joint = _joint(a, b, k) if same_samples else None
    order = match_by_structure(*flows) if joint is None else match_by_occurrence(joint)
    first, second = flows[0], flows[1][np.ix_(order, order)]
    visits = [_frequencies(np.pad(code.visits, (0, k - code.n_symbols))) for code in (a, b)]
    length = _word_length(a, b) if length is None else length
    distance, floor = _word_distance(a, b, order, length)
    rows = 0.5 * np.abs(row_stochastic(first) - row_stochastic(second)).sum(axis=1)
    weight = visits[0] + visits[1][order]
    edges = first > 0, second > 0
    return CodeComparison(
        relabelling=order[: a.n_symbols], matched_by="structure" if joint is None else "occurrence",
        graph_agreement=float((edges[0] & edges[1]).sum() / (edges[0] | edges[1]).sum()),
        visit_distance=float(0.5 * np.abs(visits[0] - visits[1][order]).sum()),
        transition_distance=float(0.5 * np.abs(first - second).sum()),
        matrix_distance=float(rows @ weight / 2), word_length=int(length), word_distance=distance, word_floor=floor,
        entropies={
            name: (a.per_time(getattr(a, of)), b.per_time(getattr(b, of)))
            for name, of in (("topological", "topological_entropy"), ("metric", "metric_entropy"),
                             ("markov", "markov_rate"))
        },
        **_partition_agreement(joint),
    )  # fmt: skip


def _word_length(a, b):
    return min(a.sampled_length, b.sampled_length, LONGEST_BY_DEFAULT)


def _stretches(code):
    return list(zip(code.trajectories, map(len, code.symbols), code.start_times, strict=True))


def _joint(a, b, k):
    if [len(s) for s in a.symbols] != [len(s) for s in b.symbols]:
        raise InputError(
            "the two codes are not about the same samples",
            got=f"stretches of {[len(s) for s in a.symbols][:5]} and {[len(s) for s in b.symbols][:5]}",
            do="leave out same_samples=True",
        )  # fmt: skip
    pairs = np.concatenate(a.symbols) * k + np.concatenate(b.symbols)
    return np.bincount(pairs, minlength=k * k).reshape(k, k)


def _padded(matrix, k):
    return np.pad(matrix, ((0, k - len(matrix)), (0, k - len(matrix))))


def _frequencies(counts):
    return counts / counts.sum()


def _word_distance(a, b, order, length):
    """Jensen-Shannon divergence in bits of the words of one length, and what chance alone makes of it."""
    tables = a.words(length), b.words(length)
    words = np.concatenate([order[tables[0].words], tables[1].words])
    distinct, which = np.unique(words, axis=0, return_inverse=True)
    which = which.reshape(-1)
    n = len(distinct)
    p = _frequencies(np.bincount(which[: tables[0].n_words], tables[0].counts, minlength=n))
    q = _frequencies(np.bincount(which[tables[0].n_words :], tables[1].counts, minlength=n))
    middle = (p + q) / 2
    divergence = 0.5 * sum((r * np.log2(np.where(r > 0, r / middle, 1.0))).sum() for r in (p, q))
    floor = (n - 1) * sum(1 / table.counts.sum() for table in tables) / (8 * np.log(2))
    return float(max(0.0, divergence)), float(floor)


def _partition_agreement(joint):
    """Mutual information and adjusted Rand index of a table of joint counts."""
    if joint is None:
        return {"mutual_information": None, "normalised_information": None, "adjusted_rand": None}
    rows, columns, cells = joint.sum(axis=1), joint.sum(axis=0), joint[joint > 0]
    h_a, h_b = plain_entropy(rows[rows > 0]), plain_entropy(columns[columns > 0])
    information = max(0.0, h_a + h_b - plain_entropy(cells))
    together, in_a, in_b = (comb(n.astype(float), 2).sum() for n in (joint, rows, columns))
    by_chance = in_a * in_b / comb(float(joint.sum()), 2)
    most = (in_a + in_b) / 2
    return {
        "mutual_information": float(information),
        "normalised_information": float(2 * information / (h_a + h_b)) if h_a + h_b > 0 else 1.0,
        "adjusted_rand": float((together - by_chance) / (most - by_chance)) if most > by_chance else 1.0,
    }
