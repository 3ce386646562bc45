"""Recurrent networks under teacher forcing in plain torch: the specification of ``forced_windows.py``."""

import torch


def predictions(step, p, seen, observed, u, strength, *, affine):
    """What a model says about each sample after the first, before it is forced with it.

    Args:
        step: function (p, s, u) of a family, one step of its map.
        p: its parameters, tensors; gradients by autograd, not through the pseudoinverse that forces.
        seen: (batch, n_steps + 1, N) what the model is forced with, zero where missing.
        observed: same shape, 1 where there is a value.
        u: (batch, n_steps + 1, K) or None.
        strength: (n_steps,) forcing strengths.
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
        z = step(p, s, None if u is None else u[:, t + 1])
        out.append(z @ p.B.T if affine else z[:, :n_observed])
    return torch.stack(out, dim=1)


def loss(step, p, x, seen, observed, counts, u, strength, *, affine):
    """Forced mean squared error of a batch of windows.

    Args:
        step: function (p, s, u) of a family.
        p: its parameters, tensors.
        x: (batch, n_steps + 1, N) what is to be predicted, zero where missing.
        seen: the same with jitter: what the model is forced with.
        observed: same shape, 1 where there is a value.
        counts: same shape, 1 where a value counts in the loss, else 0.
        u: (batch, n_steps + 1, K) or None.
        strength: (n_steps,) forcing strengths.
        affine: affine readout x = B z.

    Returns:
        scalar tensor.
    """
    ahead = predictions(step, p, seen, observed, u, strength, affine=affine)
    return (((ahead - x[:, 1:]) * counts[:, 1:]) ** 2).sum() / counts[:, 1:].sum().clamp(min=1)
