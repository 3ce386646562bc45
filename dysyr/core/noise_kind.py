"""What kind of noise drives a stochastic equation: it decides which integrators apply."""

from dysyr.core.expressions import postorder


def noise_of(trees, dim):
    """Number of noise sources, and their kind.

        "additive"   no diffusion term depends on the state
        "diagonal"   each variable has a noise of its own, whose strength depends on that variable alone
        "scalar"     one source for all
        "general"    anything else

    Args:
        trees: expression trees of a definition with a diffusion.
        dim: number of state components.

    Returns:
        (n_noise, kind).

    Reference: kloeden1992
    """
    rows = trees.diffusion
    n_noise = dim if trees.diagonal else len(rows[0])
    if not any(node.op == "state" for row in rows for node in postorder(row)):
        return n_noise, "additive"
    here = (0,) * len(trees.lattice.axes)
    own = all(
        node.value == (name, here)
        for name, row in zip(trees.fields, rows, strict=True)
        for node in postorder(row)
        if node.op == "state"
    )
    if trees.diagonal and own:
        return n_noise, "diagonal"
    return n_noise, "scalar" if n_noise == 1 else "general"
