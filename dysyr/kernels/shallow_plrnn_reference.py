"""The shallow PLRNN under teacher forcing in plain torch: the specification of ``shallow_plrnn.py``."""

import torch


def step(p, s, u=None, *, clipped=False):
    """One step of the map, F(s) = A * s + W1 r + h1 + C u.

    Args:
        p: Parameters of tensors.
        s: (batch, M).
        u: (batch, K) or None.
        clipped: r = relu(W2 s + h2) - relu(W2 s) instead of relu(W2 s + h2).

    Returns:
        (batch, M).
    """
    active = s @ p.W2.T
    r = torch.relu(active + p.h2)
    if clipped:
        r = r - torch.relu(active)
    out = p.A * s + r @ p.W1.T + p.h1
    return out if u is None else out + u @ p.C.T


def predictions(p, seen, observed, u, strength, *, clipped, affine):
    """What the model says about each sample after the first, before it is forced with it.

    Args:
        p: Parameters of tensors; gradients by autograd, not through the pseudoinverse that forces.
        seen: (batch, n_steps + 1, N) what the model is forced with, zero where missing.
        observed: same shape, 1 where there is a value.
        u: (batch, n_steps + 1, K) or None.
        strength: (n_steps,) forcing strengths.
        clipped: the clipped form.
        affine: affine readout x = B z.

    Returns:
        (batch, n_steps, N).
    """
    batch, n, n_observed = seen.shape
    latent_dim = p.A.shape[0]
    if affine:
        pseudo = torch.linalg.pinv(p.B)
        z = seen[:, 0] @ pseudo.T
        zbar = seen @ pseudo.detach().T
        known = observed.amin(dim=2, keepdim=True).expand(batch, n, latent_dim)
    else:
        z = torch.cat([seen[:, 0], seen[:, 0] @ p.L.T], dim=1)
        hidden = torch.zeros(batch, n, latent_dim - n_observed, dtype=seen.dtype)
        zbar, known = torch.cat([seen, hidden], dim=2), torch.cat([observed, hidden], dim=2)
    out = []
    for t in range(n - 1):
        s = z + strength[t] * known[:, t] * (zbar[:, t] - z)
        z = step(p, s, None if u is None else u[:, t + 1], clipped=clipped)
        out.append(z @ p.B.T if affine else z[:, :n_observed])
    return torch.stack(out, dim=1)


def loss(p, x, seen, observed, counts, u, strength, *, clipped, affine):
    """Forced mean squared error of a batch of windows, as in ``shallow_plrnn.add_loss_and_gradient``.

    Args:
        p: Parameters of tensors.
        x: (batch, n_steps + 1, N) what is to be predicted, zero where missing.
        seen: the same with jitter: what the model is forced with.
        observed: same shape, 1 where there is a value.
        counts: same shape, weight in the loss.
        u: (batch, n_steps + 1, K) or None.
        strength: (n_steps,) forcing strengths.
        clipped: the clipped form.
        affine: affine readout x = B z.

    Returns:
        scalar tensor.
    """
    ahead = predictions(p, seen, observed, u, strength, clipped=clipped, affine=affine)
    return (((ahead - x[:, 1:]) * counts[:, 1:]) ** 2).sum() / counts[:, 1:].sum()
