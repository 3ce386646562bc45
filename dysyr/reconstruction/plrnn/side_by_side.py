"""Searches that differ in their seed only, whose gradient descent runs side by side in one population.

Each comes out bit by bit as if it had run alone, and one that fails leaves the others as they are.
"""

import copy
import time

import numpy as np

from dysyr.reconstruction.plrnn import search as alone
from dysyr.reconstruction.plrnn.training import Attempt, Population


def advance_together(attempts, windows, n_updates):
    """Advance attempts of equal ``count`` side by side.

    Args:
        attempts: list of Attempt.
        windows: Windows, theirs.
        n_updates: how many.

    Returns:
        list of (n,) float64 losses, as ``Attempt.advance`` gives them.
    """
    joint = Population.joined([attempt.population for attempt in attempts], windows)
    losses = joint.advance(n_updates)
    own_losses = []
    for m, attempt in enumerate(attempts):
        finite = np.isfinite(losses[:, m])
        own_losses.append(losses[: len(losses) if finite.all() else int(np.argmin(finite)) + 1, m])
        for name in Population.STATE:
            getattr(attempt.population, name)[:] = getattr(joint, name)[m]
        attempt.population.count += len(own_losses[-1])
    return own_losses


def run_together(searches, checkpoints):
    """Run searches to their ends, check by check in turns.

    Args:
        searches: list of Search with the same recipe and windows.
        checkpoints: list of Checkpoint or None, as for ``Search.run``.

    Returns:
        list of what ``Search.run`` returns; the exception in its place where a search has raised one.
    """
    results, running, written = [None] * len(searches), [], time.monotonic()
    for k, (search, checkpoint) in enumerate(zip(searches, checkpoints, strict=True)):
        saved = _or_error(results, k, lambda checkpoint=checkpoint: checkpoint and checkpoint.read())
        if results[k] is None:
            if saved is not None:
                search.restore(*saved)
            running.append(k)
    while running:
        for group in _groups(searches, running):
            _advance(searches, group, results)
        late = time.monotonic() - written > alone.SECONDS_BETWEEN_WRITES
        written = time.monotonic() if late else written
        for k in running:
            if results[k] is None and checkpoints[k] is not None and (late or searches[k].finished):
                _or_error(results, k, lambda k=k: checkpoints[k].write(*searches[k].state()))
        running = [k for k in running if results[k] is None and not searches[k].finished]
    for k, search in enumerate(searches):
        if results[k] is None:
            results[k] = _or_error(results, k, lambda search=search: search.result or search.confirm(search.candidates))
    return results


def _groups(searches, running):
    """Lists of the searches that can advance side by side: those in gradient descent that have come equally far."""
    groups = {}
    for k in running:
        descends = isinstance(searches[k].trainer, Attempt)
        groups.setdefault(("updates", searches[k].trainer.count) if descends else k, []).append(k)
    return list(groups.values())


def _advance(searches, group, results):
    """Advance a group to its next checks; where a matrix is singular, each on its own: the others do not fail too."""
    losses = None
    if len(group) > 1:
        trainers = [searches[k].trainer for k in group]
        before = [copy.deepcopy(trainer.rng.bit_generator.state) for trainer in trainers]
        try:
            losses = advance_together(trainers, searches[group[0]].windows, searches[group[0]].block)
        except np.linalg.LinAlgError:
            for trainer, state in zip(trainers, before, strict=True):
                trainer.rng.bit_generator.state = state
    for m, k in enumerate(group):
        own = searches[k].check if losses is None else lambda k=k, m=m: searches[k].judge(losses[m])
        _or_error(results, k, own)


def _or_error(results, k, function):
    """What a function returns; where it raises an error, that becomes the result of search k."""
    try:
        return function()
    except Exception as error:
        results[k] = error
        return None
