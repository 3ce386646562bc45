"""Graphs whose edges carry symbols, each symbol at most once per state."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def essential(n_states, edges):
    """States of the components that are never left and hold a cycle.

    Args:
        n_states: number of states.
        edges: dict {(state, symbol): target}.

    Returns:
        list of states; states that end, since the data do, do not count as places where a walk stays.
    """
    alive = set(range(n_states))
    while True:
        following = {s for (s, _), t in edges.items() if s in alive and t in alive}
        if following == alive:
            break
        alive = following
    kept = sorted(alive)
    if not kept:
        return []
    number = {s: i for i, s in enumerate(kept)}
    pairs = np.array([(number[s], number[t]) for (s, _), t in edges.items() if s in alive and t in alive])
    graph = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(kept), len(kept)))
    _, component = connected_components(graph, directed=True, connection="strong")
    left = np.unique(component[pairs[component[pairs[:, 0]] != component[pairs[:, 1]], 0]])
    return [s for s in kept if component[number[s]] not in left]


def merged(states, edges):
    """Merge states from which the same words can be read, by refinement of partitions.

    Args:
        states: list of states, closed under edges but for edges that end.
        edges: dict {(state, symbol): target}.

    Returns:
        dict {state: first state of its class}.

    Reference: moore1956
    """
    inside = set(states)
    out = {s: {} for s in states}
    for (s, symbol), t in edges.items():
        if s in inside and t in inside:
            out[s][symbol] = t
    group = dict.fromkeys(states, 0)
    while True:
        signature = {s: (group[s], tuple(sorted((a, group[t]) for a, t in out[s].items()))) for s in states}
        names = {key: i for i, key in enumerate(dict.fromkeys(signature.values()))}
        finer = {s: names[signature[s]] for s in states}
        if len(names) == len(set(group.values())):
            break
        group = finer
    first = {}
    for s in states:
        first.setdefault(group[s], s)
    return {s: first[group[s]] for s in states}


def read_words(follow, tables):
    """Read the occurring words along walks that may begin in any state.

    Args:
        follow: (n_states, n_symbols) target, -1 where there is no edge.
        tables: WordTables of length 1, 2, ..., K.

    Returns:
        (readable, counts): (n_words,) bool, which words of length K some walk can produce; (n_states, n_symbols) how
        often each edge is taken by the last symbol of these words where the symbols before leave one state only.
    """
    sets, number = [frozenset(range(len(follow)))], {}
    number[sets[0]] = 0
    after = np.zeros(1, dtype=np.int64)
    for table in tables:
        before = after[table.prefix]
        last = table.words[:, -1]
        pairs, which = np.unique(before * follow.shape[1] + last, return_inverse=True)
        reached = []
        for members, symbol in (divmod(int(pair), follow.shape[1]) for pair in pairs):
            targets = follow[sorted(sets[members]), symbol]
            following = frozenset(targets[targets >= 0].tolist())
            if following not in number:
                number[following] = len(sets)
                sets.append(following)
            reached.append(number[following])
        after = np.array(reached)[which]
    alone = np.array([next(iter(members)) if len(members) == 1 else -1 for members in sets])
    empty = np.array([not members for members in sets])
    counts = np.zeros(follow.shape, dtype=np.int64)
    known = (alone[before] >= 0) & ~empty[after]
    np.add.at(counts, (alone[before[known]], last[known]), tables[-1].counts[known])
    return ~empty[after], counts


def accepted_words(follow, length):
    """Number of distinct words of one length that can be read along walks, by following sets of states.

    Args:
        follow: (n_states, n_symbols) target, -1 where there is no edge.
        length: of the words.

    Returns:
        int.
    """
    sets = {frozenset(range(len(follow))): 1} if len(follow) else {}
    for _ in range(length):
        following = {}
        for members, number in sets.items():
            for targets in follow[list(members)].T:
                reached = frozenset(targets[targets >= 0].tolist())
                if reached:
                    following[reached] = following.get(reached, 0) + number
        sets = following
    return sum(sets.values())
