"""Kernels of ``state_space_duality.py``: a block is a head of a row of the batch and runs through all times.

The state S is (dim, N). Sums over N are made where a thread holds a row of S (forward, and most of the backward
pass), sums over dims where a thread holds a column (the gradients of B and C), so that no sum of either needs the
other threads. What threads share, B and C or x and g, is staged in shared memory for some times at once. The rows
kernel keeps the state at the first of these times; the backward pass recomputes those in between, dC's kernel runs
forward again, and dB's needs no states.

Sums over the dims of a head for each time, over times, heads of a group and rows of the batch run in a fixed order:
the same input gives the same bits.
"""

import functools
import math
from collections import namedtuple

import numpy as np
from numba import cuda

from dysyr.kernels.cuda.compilation import kernel

SHARED_BYTES = 40_960
"""Shared memory for what is staged, and for the terms of sums over dims."""

Kernels = namedtuple("Kernels", "forward backward columns_forward columns_backward")


def checkpoint_for(n_dims, n_states, dtype):
    """Times staged at once, which is also the distance of two kept states."""
    size = 2 * (n_dims + n_states) * np.dtype(dtype).itemsize
    return next(times for times in (16, 8, 4) if times * size <= SHARED_BYTES)


@functools.cache
def step_kernels(dtype, softplus):
    """The kernel over all steps of all heads, one thread each: step sizes, decays, slopes of the softplus."""
    real = np.dtype(dtype).type
    one, far = real(1), real(20)

    @kernel
    def steps(dt, bias, A, step, decay, slope):
        i = cuda.grid(1)
        if i < dt.shape[0]:
            k = i % A.shape[0]
            raw = dt[i] + bias[k]
            size, rise = raw, one
            if softplus:
                size = raw if raw > far else real(math.log1p(math.exp(raw)))
                rise = one / (one + real(math.exp(-raw)))
            step[i] = size
            slope[i] = rise
            decay[i] = real(math.exp(size * A[k]))

    return steps


@functools.cache
def duality_kernels(dtype, n_dims, n_states, gated):
    """The kernels of literal sizes; blocks of n_dims threads, those of columns of n_states threads."""
    real = np.dtype(dtype).type
    zero, one = real(0), real(1)
    P, N, staged = n_dims, n_states, checkpoint_for(n_dims, n_states, dtype)
    history_size = staged * N

    @kernel(threads=P)
    def forward(x, step, decay, B, C, D, z, h0, y, last, checkpoints):
        B_of = cuda.shared.array((staged, N), real)
        C_of = cuda.shared.array((staged, N), real)
        S = cuda.local.array(N, real)
        own = cuda.local.array(staged, real)
        p, row, head = cuda.threadIdx.x, cuda.blockIdx.x // x.shape[2], cuda.blockIdx.x % x.shape[2]
        group = head // (x.shape[2] // B.shape[2])
        for n in range(N):
            S[n] = h0[row, head, p, n]
        for c in range(checkpoints.shape[1]):
            begin = c * staged
            count = min(staged, x.shape[1] - begin)
            for entry in range(p, count * N, P):
                j, n = entry // N, entry % N
                B_of[j, n] = B[row, begin + j, group, n]
                C_of[j, n] = C[row, begin + j, group, n]
            for j in range(staged):
                own[j] = x[row, begin + j, head, p] if j < count else zero
            for n in range(N):
                checkpoints[row, c, head, n, p] = S[n]
            cuda.syncthreads()
            for j in range(count):
                t = begin + j
                a = decay[row, t, head]
                entered = step[row, t, head] * own[j]
                value = D[head] * own[j]
                for n in range(N):
                    S[n] = a * S[n] + entered * B_of[j, n]
                    value += C_of[j, n] * S[n]
                if gated:
                    gate = z[row, t, head, p]
                    value = value * gate / (one + real(math.exp(-gate)))
                y[row, t, head, p] = value
            cuda.syncthreads()
        for n in range(N):
            last[row, head, p, n] = S[n]

    @kernel(threads=P)
    def backward(
        x, step, decay, slope, A, B, C, D, z, checkpoints, d_y, d_last, dx, d_dt, g, dz, dA, dD, d_bias, dh0
    ):
        B_of = cuda.shared.array((staged, N), real)
        C_of = cuda.shared.array((staged, N), real)
        entering = cuda.shared.array((staged, P), real)
        kept = cuda.shared.array((staged, P), real)
        history = cuda.local.array(history_size, real)
        S = cuda.local.array(N, real)
        dS = cuda.local.array(N, real)
        p, row, head = cuda.threadIdx.x, cuda.blockIdx.x // x.shape[2], cuda.blockIdx.x % x.shape[2]
        group = head // (x.shape[2] // B.shape[2])
        rate_sum, bias_sum, skip_sum = zero, zero, zero
        for n in range(N):
            dS[n] = d_last[row, head, p, n]
        for back in range(checkpoints.shape[1]):
            c = checkpoints.shape[1] - 1 - back
            begin = c * staged
            count = min(staged, x.shape[1] - begin)
            for entry in range(p, count * N, P):
                j, n = entry // N, entry % N
                B_of[j, n] = B[row, begin + j, group, n]
                C_of[j, n] = C[row, begin + j, group, n]
            for n in range(N):
                S[n] = checkpoints[row, c, head, n, p]
            cuda.syncthreads()
            for j in range(count):
                a = decay[row, begin + j, head]
                entered = step[row, begin + j, head] * x[row, begin + j, head, p]
                for n in range(N):
                    history[j * N + n] = S[n]
                    S[n] = a * S[n] + entered * B_of[j, n]
            for backwards in range(count):
                j = count - 1 - backwards
                t = begin + j
                a, size, value = decay[row, t, head], step[row, t, head], x[row, t, head, p]
                pull = d_y[row, t, head, p]
                if gated:
                    gate = z[row, t, head, p]
                    open_ = one / (one + real(math.exp(-gate)))
                    output = D[head] * value
                    for n in range(N):
                        output += C_of[j, n] * (a * history[j * N + n] + size * value * B_of[j, n])
                    dz[row, t, head, p] = pull * output * open_ * (one + gate * (one - open_))
                    pull = pull * gate * open_
                    g[row, t, head, p] = pull
                along, through = zero, zero
                for n in range(N):
                    total = dS[n] + C_of[j, n] * pull
                    along += total * B_of[j, n]
                    through += total * a * history[j * N + n]
                    dS[n] = a * total
                dx[row, t, head, p] = D[head] * pull + size * along
                entering[j, p] = value * along
                kept[j, p] = through
                skip_sum += pull * value
            cuda.syncthreads()
            for j in range(p, count, P):
                t = begin + j
                entered, through = zero, zero
                for other in range(P):
                    entered += entering[j, other]
                    through += kept[j, other]
                size_slope = (entered + A[head] * through) * slope[row, t, head]
                d_dt[row, t, head] = size_slope
                bias_sum += size_slope
                rate_sum += step[row, t, head] * through
            cuda.syncthreads()
        for n in range(N):
            dh0[row, head, p, n] = dS[n]
        entering[0, p] = rate_sum
        entering[1, p] = bias_sum
        entering[2, p] = skip_sum
        cuda.syncthreads()
        if p == 0:
            rate_sum, bias_sum, skip_sum = zero, zero, zero
            for other in range(P):
                rate_sum += entering[0, other]
                bias_sum += entering[1, other]
                skip_sum += entering[2, other]
            dA[row, head] = rate_sum
            d_bias[row, head] = bias_sum
            dD[row, head] = skip_sum

    @kernel(threads=N)
    def columns_forward(x, step, decay, B, h0, g, dC):
        """dC of each head: states again, a column of S for each thread."""
        driven = cuda.shared.array((staged, P), real)
        pulls = cuda.shared.array((staged, P), real)
        S = cuda.local.array(P, real)
        n, row, head = cuda.threadIdx.x, cuda.blockIdx.x // x.shape[2], cuda.blockIdx.x % x.shape[2]
        per_group = x.shape[2] // B.shape[2]
        group, member = head // per_group, head % per_group
        for p in range(P):
            S[p] = h0[row, head, p, n]
        for c in range((x.shape[1] + staged - 1) // staged):
            begin = c * staged
            count = min(staged, x.shape[1] - begin)
            for entry in range(n, count * P, N):
                j, p = entry // P, entry % P
                driven[j, p] = step[row, begin + j, head] * x[row, begin + j, head, p]
                pulls[j, p] = g[row, begin + j, head, p]
            cuda.syncthreads()
            for j in range(count):
                t = begin + j
                a, weight, total = decay[row, t, head], B[row, t, group, n], zero
                for p in range(P):
                    S[p] = a * S[p] + driven[j, p] * weight
                    total += pulls[j, p] * S[p]
                dC[member, row, t, group, n] = total
            cuda.syncthreads()

    @kernel(threads=N)
    def columns_backward(x, step, decay, C, d_last, g, dB):
        """dB of each head: a column of dS for each thread."""
        driven = cuda.shared.array((staged, P), real)
        pulls = cuda.shared.array((staged, P), real)
        dS = cuda.local.array(P, real)
        n, row, head = cuda.threadIdx.x, cuda.blockIdx.x // x.shape[2], cuda.blockIdx.x % x.shape[2]
        per_group = x.shape[2] // C.shape[2]
        group, member = head // per_group, head % per_group
        n_chunks = (x.shape[1] + staged - 1) // staged
        for p in range(P):
            dS[p] = d_last[row, head, p, n]
        for back in range(n_chunks):
            begin = (n_chunks - 1 - back) * staged
            count = min(staged, x.shape[1] - begin)
            for entry in range(n, count * P, N):
                j, p = entry // P, entry % P
                driven[j, p] = step[row, begin + j, head] * x[row, begin + j, head, p]
                pulls[j, p] = g[row, begin + j, head, p]
            cuda.syncthreads()
            for backwards in range(count):
                j = count - 1 - backwards
                t = begin + j
                a, weight, total = decay[row, t, head], C[row, t, group, n], zero
                for p in range(P):
                    slope = dS[p] + pulls[j, p] * weight
                    total += slope * driven[j, p]
                    dS[p] = a * slope
                dB[member, row, t, group, n] = total
            cuda.syncthreads()

    return Kernels(forward, backward, columns_forward, columns_backward)
