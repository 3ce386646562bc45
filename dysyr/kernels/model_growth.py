"""Growth of tangent vectors of fitted models: the compiled kernel of their family, or their own step and Jacobian."""

from dysyr.core.errors import InputError
from dysyr.kernels.lyapunov import growth_of_map
from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.kernels.shallow_plrnn_growth import tangent_growth


def growth_of_model(model, z, n_steps, *, seed=0):
    """Logarithms of the growth of orthonormal tangent vectors, one QR decomposition per step.

    Args:
        model: an object with ``kernel()``, ``step`` and ``jacobian``.
        z: (batch, latent) states to start from.
        n_steps: number of steps.
        seed: of the first tangent vectors, where no compiled kernel serves the model.

    Returns:
        (batch, n_steps, latent) logarithms of the diagonal of R; NaN for orbits that diverge.
    """
    compiled = model.kernel()
    if compiled is None:
        return growth_of_map(model.step, model.jacobian, z, n_steps, seed=seed)[0]
    family, arrays = compiled
    if family != "shallow_plrnn":
        raise InputError("unknown family of compiled models", got=family, expected="shallow_plrnn")
    parameters = Parameters(*(arrays[name] for name in Parameters._fields))
    return tangent_growth(parameters, z, n_steps, clipped=arrays["clipped"])
