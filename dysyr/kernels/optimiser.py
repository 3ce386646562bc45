"""RAdam over one flat vector.

    m = beta1 m + (1 - beta1) g,            v = beta2 v + (1 - beta2) g^2
    rho_inf = 2 / (1 - beta2) - 1,          rho = rho_inf - 2 t beta2^t / (1 - beta2^t)
    rect^2 = (rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho)
    theta -= lr m / (1 - beta1^t) * (rect sqrt(1 - beta2^t) / (sqrt(v) + eps)  if rho > 5, else 1)

Source: liu2020radam. Equality with ``torch.optim.RAdam`` is a test.
"""

import math

from dysyr.kernels.jit import jit

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@jit
def radam_step(theta, gradient, first, second, count, learning_rate, decay, centre, max_norm):
    """One step in place; ``gradient`` is changed by the penalty and by clipping.

    Args:
        theta: (n,) parameters.
        gradient: (n,) gradient of the loss.
        first: (n,) first moments.
        second: (n,) second moments.
        count: number of this step, from 1.
        learning_rate: step length.
        decay: (n,) strengths of the quadratic penalty decay * (theta - centre)^2.
        centre: (n,) its centres.
        max_norm: bound on the norm of the gradient; 0 for none.
    """
    real = theta.dtype.type
    for i in range(theta.size):
        gradient[i] += real(2) * decay[i] * (theta[i] - centre[i])
    if max_norm > 0:
        total = 0.0
        for i in range(theta.size):
            total += float(gradient[i]) ** 2
        norm = math.sqrt(total)
        if norm > max_norm:
            shrink = real(max_norm / norm)
            for i in range(theta.size):
                gradient[i] *= shrink
    limit = 2 / (1 - BETA2) - 1
    correction1, correction2 = 1 - BETA1**count, 1 - BETA2**count
    rho = limit - 2 * count * BETA2**count / correction2
    adaptive = rho > 5
    rate = learning_rate / correction1
    if adaptive:
        rect = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        rate *= rect * math.sqrt(correction2)
    beta1, beta2, rest1, rest2 = real(BETA1), real(BETA2), real(1 - BETA1), real(1 - BETA2)
    length, epsilon = real(rate), real(EPSILON)
    for i in range(theta.size):
        g = gradient[i]
        first[i] = beta1 * first[i] + rest1 * g
        second[i] = beta2 * second[i] + rest2 * g * g
        if adaptive:
            theta[i] -= length * first[i] / (real(math.sqrt(second[i])) + epsilon)
        else:
            theta[i] -= length * first[i]


@jit
def radam_rows(theta, gradient, first, second, count, learning_rates, decay, centre, max_norms, alive):
    """One step for each row, which is a model of its own; rows that are not alive stay as they are.

    Args:
        theta, gradient, first, second: (model, n).
        count: number of this step, from 1.
        learning_rates: (model,).
        decay: (model, n).
        centre: (n,).
        max_norms: (model,).
        alive: (model,) bool.
    """
    for m in range(theta.shape[0]):
        if alive[m]:
            radam_step(
                theta[m], gradient[m], first[m], second[m], count, learning_rates[m], decay[m], centre, max_norms[m]
            )  # fmt: skip
