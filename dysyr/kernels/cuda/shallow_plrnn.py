"""The shallow PLRNN under teacher forcing on a device: loss and gradient of all windows in one launch.

The equations are those of :mod:`dysyr.kernels.shallow_plrnn`, with the identity readout. A block runs one window
of one model through all times, forward and backward. Weights stay with the threads:

* thread l is hidden unit l and keeps row l of W2 (backward: column l of W1, and the gradients of both)
* thread k = part*M + m sums, for latent unit m, a part of the hidden units and keeps those entries of W1
  (backward: of W2)

so that weights are read from global memory once, and a step costs three barriers. Sums run in a fixed order:
over parts in a step, over times in a thread, over windows in a second kernel. The same input gives the same bits.

Weights that exceed the registers of a thread (above M = 20 or so) spill to its local memory: correct, slower.
The slow twin is ``dysyr/kernels/shallow_plrnn_reference.py``.

Reference:
    hess2023
"""

import functools

import numpy as np
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.compilation import configured, kernel
from dysyr.kernels.cuda.device_arrays import float_dtype, on_device, summed

MOST_THREADS = 1024


def flat_size(latent_dim, hidden_dim, n_observed, n_inputs):
    """Length of the flat parameter vector [A, W1, W2, h1, h2, C, L], as ``shapes`` of the processor's kernel."""
    hidden = 2 * latent_dim * hidden_dim + hidden_dim
    return 2 * latent_dim + hidden + latent_dim * n_inputs + (latent_dim - n_observed) * n_observed


def loss_and_gradient(parameters, dimensions, x, seen, known, weight, u, strength, *, clipped=False):
    """Forced mean squared error of a batch of windows for each of several models, and its gradient.

    Args:
        parameters: (model, n) flat parameters [A, W1, W2, h1, h2, C, L] of each model.
        dimensions: (latent_dim M, hidden_dim H, n_observed N, n_inputs K).
        x: (model, window, n_steps + 1, N) what is to be predicted, zero where missing.
        seen: same shape, what the models are forced with.
        known: same shape, 1 where there is a value, else 0.
        weight: same shape, weights of the loss; those of time 0 are not used. Where all are zero the loss is zero.
        u: (model, window, n_steps + 1, K) inputs.
        strength: (model, n_steps) forcing strength of each step.
        clipped: the clipped form of the hidden layer.

    Returns:
        device arrays: loss (model,) and gradient (model, n).

    Raises:
        InputError: shapes, dtypes or sizes that do not fit, or no device.

    Reference:
        hess2023
    """
    dtype = float_dtype("parameters", parameters)
    latent_dim, hidden_dim, n_observed, n_inputs = _checked_sizes(dimensions)
    shape = tuple(x.shape)
    if len(shape) != 4 or shape[3] != n_observed or shape[2] < 2 or 0 in shape:
        raise InputError("shape of x", got=str(shape), expected=f"(model, window, n_steps + 1, {n_observed})")
    n_models, n_windows, n_times, _ = shape
    n_parameters = flat_size(latent_dim, hidden_dim, n_observed, n_inputs)
    parameters = on_device("parameters", parameters, (n_models, n_parameters), dtype)
    windows = [
        on_device(name, array, shape, dtype).reshape(n_models * n_windows, n_times, n_observed)
        for name, array in (("x", x), ("seen", seen), ("known", known), ("weight", weight))
    ]
    if n_inputs:
        u = on_device("u", u, (n_models, n_windows, n_times, n_inputs), dtype)
        u = u.reshape(n_models * n_windows, n_times, n_inputs)
    else:
        u = windows[0]
    strength = on_device("strength", strength, (n_models, n_times - 1), dtype)
    n_blocks, n_steps = n_models * n_windows, n_times - 1
    scale = cuda.device_array(n_models, dtype)
    update, weigh = shallow_plrnn_kernels(dtype, latent_dim, hidden_dim, n_observed, n_inputs, clipped)
    configured(weigh, n_models, 128)(windows[3], n_windows, scale)
    states = cuda.device_array((n_blocks, n_steps, latent_dim), dtype)
    active = cuda.device_array((n_blocks, n_steps, hidden_dim), dtype)
    slopes = cuda.device_array((n_blocks, n_steps, n_observed), dtype)
    losses = cuda.device_array((n_windows, n_models), dtype)
    gradients = cuda.device_array((n_windows, n_models, n_parameters), dtype)
    configured(update, n_blocks, threads_of(latent_dim, hidden_dim))(
        parameters, *windows, u, strength, scale, states, active, slopes, losses, gradients
    )
    return summed(losses), summed(gradients)


def threads_of(latent_dim, hidden_dim):
    """Threads of a block: one for each hidden and for each latent unit, a multiple of 32."""
    return 32 * -(-max(hidden_dim, latent_dim) // 32)


@functools.cache
def shallow_plrnn_kernels(dtype, latent_dim, hidden_dim, n_observed, n_inputs, clipped):
    """The kernel of a whole update for literal sizes, and that of 1 / (sum of loss weights, at least 1) of a model."""
    real = np.dtype(dtype).type
    zero, one, two = real(0), real(1), real(2)
    M, H, N, K = latent_dim, hidden_dim, n_observed, n_inputs
    threads = threads_of(M, H)
    n_parts = max(1, threads // M)
    length = -(-H // n_parts)
    n_parts = -(-H // length)
    room = max(K, 1)
    at_W1, at_W2 = M, M + M * H
    at_h1 = at_W2 + H * M
    at_h2 = at_h1 + M
    at_C = at_h2 + H
    at_L = at_C + M * K

    @kernel(threads=threads)
    def update(p, x, seen, known, weight, u, strength, scale, states, active, slopes, losses, gradients):
        s = cuda.shared.array(M, real)
        lam = cuda.shared.array(M, real)
        r = cuda.shared.array(H, real)
        partial = cuda.shared.array((n_parts, M), real)
        total = cuda.shared.array(N, real)
        row = cuda.local.array(M, real)
        part_of = cuda.local.array(length, real)
        k, block = cuda.threadIdx.x, cuda.blockIdx.x
        n_windows, n_steps = losses.shape[0], strength.shape[1]
        model, window = block // n_windows, block % n_windows
        latent, hidden, summing = k < M, k < H, k < n_parts * M
        m, begin = k % M, (k // M) * length
        shift = p[model, at_h2 + k] if hidden else zero
        diagonal = p[model, k] if latent else zero
        bias = p[model, at_h1 + k] if latent else zero
        for j in range(M):
            row[j] = p[model, at_W2 + k * M + j] if hidden else zero
        for j in range(length):
            inside = summing and begin + j < H
            part_of[j] = p[model, at_W1 + m * H + begin + j] if inside else zero
        z, loss = zero, zero
        if k < N:
            z = seen[block, 0, k]
        elif latent:
            for n in range(N):
                z += p[model, at_L + (k - N) * N + n] * seen[block, 0, n]
        for t in range(n_steps):
            if latent:
                if k < N:
                    z += strength[model, t] * known[block, t, k] * (seen[block, t, k] - z)
                s[k] = z
                states[block, t, k] = z
            cuda.syncthreads()
            if hidden:
                a = zero
                for j in range(M):
                    a += row[j] * s[j]
                active[block, t, k] = a
                value = max(a + shift, zero)
                if clipped:
                    value -= max(a, zero)
                r[k] = value
            cuda.syncthreads()
            if summing:
                value = zero
                for j in range(length):
                    if begin + j < H:
                        value += part_of[j] * r[begin + j]
                partial[k // M, m] = value
            cuda.syncthreads()
            if latent:
                value = diagonal * z + bias
                for part in range(n_parts):
                    value += partial[part, k]
                if K > 0:
                    for j in range(K):
                        value += p[model, at_C + k * K + j] * u[block, t + 1, j]
                z = value
                if k < N:
                    miss = z - x[block, t + 1, k]
                    pull = weight[block, t + 1, k] * miss * scale[model]
                    loss += pull * miss
                    slopes[block, t, k] = two * pull
        if k < N:
            total[k] = loss
        cuda.syncthreads()
        if k == 0:
            loss = total[0]
            for n in range(1, N):
                loss += total[n]
            losses[window, model] = loss

        row_gradient = cuda.local.array(M, real)
        column_gradient = cuda.local.array(M, real)
        input_gradient = cuda.local.array(room, real)
        d_shift, d_diagonal, d_bias, carried = zero, zero, zero, zero
        for j in range(M):
            row[j] = p[model, at_W1 + j * H + k] if hidden else zero
            row_gradient[j] = zero
            column_gradient[j] = zero
        for j in range(length):
            inside = summing and begin + j < H
            part_of[j] = p[model, at_W2 + (begin + j) * M + m] if inside else zero
        for j in range(room):
            input_gradient[j] = zero
        for back in range(n_steps):
            t = n_steps - 1 - back
            if latent:
                pull = carried
                if k < N:
                    pull += slopes[block, t, k]
                lam[k] = pull
                s[k] = states[block, t, k]
            cuda.syncthreads()
            if hidden:
                a = active[block, t, k]
                pull = zero
                for j in range(M):
                    pull += row[j] * lam[j]
                above = pull if a + shift > zero else zero
                value = max(a + shift, zero)
                d = above
                if clipped:
                    value -= max(a, zero)
                    d -= pull if a > zero else zero
                d_shift += above
                r[k] = d
                for j in range(M):
                    column_gradient[j] += lam[j] * value
                    row_gradient[j] += d * s[j]
            cuda.syncthreads()
            if summing:
                value = zero
                for j in range(length):
                    if begin + j < H:
                        value += part_of[j] * r[begin + j]
                partial[k // M, m] = value
            cuda.syncthreads()
            if latent:
                pull = lam[k]
                value = diagonal * pull
                for part in range(n_parts):
                    value += partial[part, k]
                kept = one
                if k < N:
                    kept -= strength[model, t] * known[block, t, k]
                carried = kept * value
                d_diagonal += pull * s[k]
                d_bias += pull
                if K > 0:
                    for j in range(K):
                        input_gradient[j] += pull * u[block, t + 1, j]
        if latent:
            gradients[window, model, k] = d_diagonal
            gradients[window, model, at_h1 + k] = d_bias
            if K > 0:
                for j in range(K):
                    gradients[window, model, at_C + k * K + j] = input_gradient[j]
            if k >= N:
                for n in range(N):
                    gradients[window, model, at_L + (k - N) * N + n] = carried * seen[block, 0, n]
        if hidden:
            gradients[window, model, at_h2 + k] = d_shift
            for j in range(M):
                gradients[window, model, at_W1 + j * H + k] = column_gradient[j]
                gradients[window, model, at_W2 + k * M + j] = row_gradient[j]

    @kernel
    def weigh(weight, n_windows, scale):
        parts = cuda.shared.array(128, real)
        k, model = cuda.threadIdx.x, cuda.blockIdx.x
        n_cells = n_windows * (weight.shape[1] - 1) * N
        value = zero
        for cell in range(k, n_cells, cuda.blockDim.x):
            time, n = cell // N, cell % N
            value += weight[model * n_windows + time // (weight.shape[1] - 1), 1 + time % (weight.shape[1] - 1), n]
        parts[k] = value
        cuda.syncthreads()
        if k == 0:
            value = zero
            for j in range(cuda.blockDim.x):
                value += parts[j]
            scale[model] = one / max(value, one)

    return update, weigh


def _checked_sizes(dimensions):
    latent_dim, hidden_dim, n_observed, n_inputs = (int(size) for size in dimensions)
    good = 1 <= n_observed <= latent_dim and hidden_dim >= 1 and n_inputs >= 0
    if not good or max(latent_dim, hidden_dim) > MOST_THREADS:
        raise InputError(
            "sizes of the shallow PLRNN",
            got=f"latent_dim {latent_dim}, hidden_dim {hidden_dim}, n_observed {n_observed}, n_inputs {n_inputs}",
            expected=f"n_observed <= latent_dim <= {MOST_THREADS} and hidden_dim <= {MOST_THREADS}",
        )
    return latent_dim, hidden_dim, n_observed, n_inputs
