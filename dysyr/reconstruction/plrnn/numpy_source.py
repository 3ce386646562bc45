"""A fitted model as the text of a Python module that needs NumPy alone."""

from dysyr.core.version import VERSION

HEAD = '''"""{what}

States are arrays z (..., {latent_dim}); one step is DT time units. Written by dysyr {version}; needs NumPy alone.
"""

import numpy as np

DT = {dt!r}
NAMES = {names!r}
'''
DRIVEN = "((np.asarray(u) - input_mean) / input_sd) @ C.T"
FUNCTIONS = '''

def step(z{u}):
    """The state one step later{with_u}."""
{step}


def readout(z):
    """The observed variables of a state, (..., {n_observed}) in the units of the data."""
    return {seen} * scaler_sd + scaler_mean


def initial(x):
    """The state that one sample x (..., {n_observed}) of the data shows."""
    s = (np.asarray(x) - scaler_mean) / scaler_sd
    return {start}


def generate(n_steps, z{u}):
    """The observed variables at the n_steps states after z, (n_steps, ..., {n_observed}){with_us}."""
    out = []
    for t in range(n_steps):
        z = step(z{u_now})
        out.append(readout(z))
    return np.array(out)
'''


def numpy_source(model, what, lines):
    """The module's text.

    Args:
        model: RecurrentModel.
        what: its equation, the first line of the module's docstring.
        lines: body of ``step`` without inputs; the last one is an expression, the state after it.

    Returns:
        str. Numbers keep all their digits. Names of variables, which may come from a stranger's file, stand in it as
        literals.
    """
    arrays = {name: value for name, value in model.arrays().items() if value.size}
    driven = model.n_inputs > 0
    *before, after = lines
    step = [*before, f"return {after}" + (f" + {DRIVEN}" if driven else "")]
    if model.affine_readout:
        seen, start = "z @ B.T", "s @ np.linalg.pinv(B).T"
    else:
        seen = f"z[..., :{len(model.names)}]"
        start = "np.concatenate([s, s @ L.T], axis=-1)" if "L" in arrays else "s"
    return (
        HEAD.format(what=what, latent_dim=model.latent_dim, dt=model.dt, names=model.names, version=VERSION)
        + "".join(f"{name} = np.array({value.tolist()!r})\n" for name, value in arrays.items())
        + FUNCTIONS.format(
            step="\n".join(f"    {line}" for line in step), seen=seen, start=start, n_observed=len(model.names),
            u=", u" if driven else "", u_now=", u[t]" if driven else "",
            with_u=f", under inputs u (..., {model.n_inputs})" if driven else "",
            with_us=f", under inputs u (n_steps, ..., {model.n_inputs})" if driven else "",
        )
    )  # fmt: skip
