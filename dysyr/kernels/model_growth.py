"""Growth of tangent vectors of fitted models: the compiled kernel of their family, or their own step and Jacobian."""

from dysyr.core.errors import InputError
from dysyr.kernels import elementwise_plrnn, elementwise_plrnn_growth, shallow_plrnn, shallow_plrnn_growth
from dysyr.kernels.lyapunov import growth_of_map


def growth_of_model(model, z, n_steps, *, n_vectors=None, seed=0):
    """Logarithms of the growth of orthonormal tangent vectors, one QR decomposition per step.

    Args:
        model: an object with ``latent_dim``, ``kernel()``, ``step`` and ``jacobian``.
        z: (batch, latent) states to start from.
        n_steps: number of steps.
        n_vectors: number of leading tangent vectors, 1 to ``latent_dim``; by default all.
        seed: of the first tangent vectors, where they are random.

    Returns:
        (batch, n_steps, n_vectors) logarithms of the diagonal of R; NaN for orbits that diverge.

    Raises:
        InputError: a family without a compiled kernel, or a wrong number of vectors.
    """
    if n_vectors is not None and not 1 <= n_vectors <= model.latent_dim:
        raise InputError("no such number of tangent vectors", got=str(n_vectors), expected=f"1 to {model.latent_dim}")
    compiled = model.kernel()
    if compiled is None:
        return growth_of_map(model.step, model.jacobian, z, n_steps, seed=seed, n_vectors=n_vectors)[0]
    family, arrays = compiled
    if family not in _FAMILIES:
        raise InputError("unknown family of compiled models", got=family, expected=" or ".join(_FAMILIES))
    return _FAMILIES[family](arrays, z, n_steps, n_vectors, seed)


def _of_shallow(arrays, z, n_steps, n_vectors, seed):
    parameters = shallow_plrnn.Parameters(*(arrays[name] for name in shallow_plrnn.Parameters._fields))
    growth = shallow_plrnn_growth.tangent_growth(parameters, z, n_steps, clipped=arrays["clipped"])
    return growth[:, :, :n_vectors]


def _of_elementwise(arrays, z, n_steps, n_vectors, seed):
    parameters = elementwise_plrnn.Parameters(*(arrays[name] for name in elementwise_plrnn.Parameters._fields))
    return elementwise_plrnn_growth.tangent_growth(
        parameters, z, n_steps, n_rectified=arrays["n_rectified"], clipped=arrays["clipped"], n_vectors=n_vectors,
        seed=seed,
    )  # fmt: skip


_FAMILIES = {"shallow_plrnn": _of_shallow, "elementwise_plrnn": _of_elementwise}
