"""Standard normal numbers from Philox words, by Box and Muller's transform.

    u = (w + 1/2) / 2^32,      n_1 = sqrt(-2 ln u_1) cos(2π u_2),      n_2 = sqrt(-2 ln u_1) sin(2π u_2)

One Philox call gives four words and so four normals. Their tail ends at sqrt(66 ln 2) = 6.76 standard
deviations.

Reference:
    box1958
"""

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.philox import philox4x32, philox4x32_reference

_SCALE = 2.0**-32
_TWO_PI = 2.0 * np.pi


@jit
def fill_normals(seed_low, seed_high, step, stream, first_lane, out):
    """out[j, i] = normal j of lane first_lane + i at this step; out (normal, lane), the seed as two 32-bit
    words."""
    n_normals, n = out.shape
    low, high = np.uint64(seed_low), np.uint64(seed_high)
    step_word, stream_word = np.uint64(step), np.uint64(stream)
    for draw in range((n_normals + 3) // 4):
        for i in range(n):
            w0, w1, w2, w3 = philox4x32(step_word, stream_word, np.uint64(first_lane + i), np.uint64(draw), low, high)
            j = 4 * draw
            radius = np.sqrt(-2.0 * np.log((w0 + 0.5) * _SCALE))
            angle = _TWO_PI * ((w1 + 0.5) * _SCALE)
            out[j, i] = radius * np.cos(angle)
            if j + 1 < n_normals:
                out[j + 1, i] = radius * np.sin(angle)
            if j + 2 < n_normals:
                radius = np.sqrt(-2.0 * np.log((w2 + 0.5) * _SCALE))
                angle = _TWO_PI * ((w3 + 0.5) * _SCALE)
                out[j + 2, i] = radius * np.cos(angle)
                if j + 3 < n_normals:
                    out[j + 3, i] = radius * np.sin(angle)


def normals_reference(seed, step, stream, lane, n_normals):
    """The slow twin of :func:`fill_normals` for one lane.

    Args:
        seed: integer below 2^64.
        step: step number.
        stream: number of the stream.
        lane: number of the trajectory.
        n_normals: how many.

    Returns:
        array (n_normals,).
    """
    key = (seed % 2**32, (seed >> 32) % 2**32)
    out = np.empty(4 * ((n_normals + 3) // 4))
    for draw in range(out.size // 4):
        u = (np.array(philox4x32_reference((step, stream, lane, draw), key)) + 0.5) / 2.0**32
        radius = np.sqrt(-2 * np.log(u[0::2]))
        angle = 2 * np.pi * u[1::2]
        out[4 * draw : 4 * draw + 4] = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).ravel()
    return out[:n_normals]
