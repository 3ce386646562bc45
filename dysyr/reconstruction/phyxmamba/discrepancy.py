"""Maximum mean discrepancy: how far two samples are from one law, with gradients."""

import torch

from dysyr.core.errors import InputError

BANDWIDTHS = (0.2, 0.5, 0.9, 1.3)
ESTIMATORS = ("v", "u")


def rational_quadratic(x, y, bandwidths=BANDWIDTHS):
    """Kernel matrix k(x, y) = sum_s s^2 / (s^2 + |x - y|^2).

    Args:
        x: (..., n, V) points.
        y: (..., m, V) points.
        bandwidths: the s.

    Returns:
        (..., n, m).
    """
    squares = x.square().sum(-1).unsqueeze(-1) + y.square().sum(-1).unsqueeze(-2) - 2.0 * (x @ y.transpose(-1, -2))
    return _SumOfKernels.apply(squares.clamp_min(0.0), bandwidths)


class _SumOfKernels(torch.autograd.Function):
    """k(q) = sum_s s^2 / (s^2 + q) of squared distances q, and k'(q) = -sum_s s^2 / (s^2 + q)^2 along with it.

    The derivative in closed form, since every intermediate array that automatic differentiation keeps is as large as
    the matrix of all pairs.
    """

    @staticmethod
    def forward(ctx, squares, bandwidths):
        wanted = ctx.needs_input_grad[0]
        kernel, slope = torch.zeros_like(squares), torch.zeros_like(squares) if wanted else None
        for s in bandwidths:
            inverse = (squares + s * s).reciprocal_()
            kernel.add_(inverse, alpha=s * s)
            if wanted:
                slope.addcmul_(inverse, inverse, value=-s * s)
        if wanted:
            ctx.save_for_backward(slope)
        return kernel

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        return upstream * ctx.saved_tensors[0], None


def squared_mmd(x, y, *, bandwidths=BANDWIDTHS, estimator="v"):
    """Squared maximum mean discrepancy of two samples.

        MMD^2 = <k(x, x')> + <k(y, y')> - 2 <k(x, y)>

    Estimator "v" takes the mean over all pairs, is at least 0 and biased upwards by about k(x, x) / n; "u" leaves a
    point paired with itself out, is unbiased, and can be negative.

    Args:
        x: (..., n, V) points.
        y: (..., m, V) points.
        bandwidths: of ``rational_quadratic``.
        estimator: "v" or "u".

    Returns:
        (...,) one value for each leading index.

    Raises:
        InputError: there is no such estimator, or a sample has fewer than 2 points for "u".

    Reference:
        gretton2012
    """
    if estimator not in ESTIMATORS:
        raise InputError("squared_mmd has no such estimator", got=repr(estimator), expected=f"one of {ESTIMATORS}")
    n, m = x.shape[-2], y.shape[-2]
    if estimator == "u" and min(n, m) < 2:
        raise InputError("the U-statistic needs pairs of different points", got=f"{n} and {m} points", expected="2")
    within = [_mean_pair(rational_quadratic(z, z, bandwidths), estimator) for z in (x, y)]
    value = within[0] + within[1] - 2.0 * rational_quadratic(x, y, bandwidths).mean((-2, -1))
    return value.clamp_min(0.0) if estimator == "v" else value


def median_bandwidth(x):
    """Median distance of two different points of x (n, V), a common bandwidth where the scale is not known."""
    return torch.pdist(x).median().item()


def _mean_pair(kernel, estimator):
    if estimator == "v":
        return kernel.mean((-2, -1))
    n = kernel.shape[-1]
    return (kernel.sum((-2, -1)) - kernel.diagonal(dim1=-2, dim2=-1).sum(-1)) / (n * (n - 1))
