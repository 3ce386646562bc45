"""Elementary functions of float32 for compiled loops: as :mod:`dysyr.kernels.elementary64`, without any float64.

Reference:
    cody1980, muller2016
"""

import numpy as np

from dysyr.kernels.bits import bits_of, from_bits
from dysyr.kernels.jit import jit

_NEAREST = np.float32(1.5 * 2.0**23)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THREE = np.float32(3.0)
_HALF = np.float32(0.5)
_QUARTER = np.float32(0.25)
_ZERO = np.float32(0.0)
_INFINITY = np.float32(np.inf)
_NAN = np.float32(np.nan)
_MANTISSA_BITS = np.uint32(23)
_MANTISSA = np.uint32(2**23 - 1)
_BIAS = np.uint32(127)
_SIGN = np.uint32(2**31)
_UNIT = np.uint32(1)
_HEAD = np.uint32(2**32 - 2**12)

_EXP_LOWEST, _EXP_HIGHEST = np.float32(-105.0), np.float32(89.0)
_EXPM1_LOWEST = np.float32(-20.0)
_HALF_E, _LOG10_E = np.float32(1.35914091), np.float32(0.434294482)
_SINH_IS_EXP = np.float32(10.0)
_LOG2_E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693115234375), np.float32(3.19461849e-05)
_E0, _E1, _E2, _E3, _E4, _E5 = (
    np.float32(c) for c in (0.5, 0.166666672, 0.0416662693, 0.00833326392, 0.0013946176, 0.000199185102)
)

_SMALLEST_NORMAL, _RAISED = np.float32(2.0**-126), np.float32(2.0**25)
_RAISED_BY = np.float32(25.0)
_ROOT_HALF_BITS = np.uint32(np.float32(np.sqrt(0.5)).view(np.uint32))
_EXPONENT_OFFSET = np.uint32(128 << 23)
_TWO_23_BITS, _TWO_23_OFFSET = np.uint32(np.float32(2.0**23).view(np.uint32)), np.float32(2.0**23 + 128)
_Q0, _Q1, _Q2, _Q3, _Q4, _Q5, _Q6, _Q7, _Q8 = (
    np.float32(c)
    for c in (
        0.333333105, -0.249999866, 0.20002234, -0.166692615, 0.142185032, -0.123840615, 0.118739419, -0.117919914,
        0.0691570342,
    )
)  # fmt: skip
_L0, _L1, _L2, _L3 = (np.float32(c) for c in (0.666666667, 0.400003344, 0.285372734, 0.235828534))
_TWO_THIRDS_HIGH, _TWO_THIRDS_LOW = np.float32(0.66650390625), np.float32(0.000162760422)
_WHOLE_ABOVE = np.float32(2.0**23)
_LARGEST_POWER = np.float32(2.0**33)

TURNS32 = 1.0e5
"""Largest argument of sin32, cos32 and sincos32 in absolute value; beyond it they are NaN."""

_LARGEST_ANGLE = np.float32(TURNS32)
_TWO_OVER_PI = np.float32(0.636619772)
# π/2 in parts of 8 bits, of which any times j < 2^16 is exact, and a rest
_P0, _P1, _P2, _P3, _P4, _P5 = (
    np.float32(c)
    for c in (
        1.5703125, 0.0004825592041015625, 1.2665987014770508e-06,
        9.89530235528946e-10, 2.5579538487363607e-12, 5.390302953474238e-15,
    )
)  # fmt: skip
_S0, _S1, _S2 = (np.float32(c) for c in (-0.166666552, 0.00833217334, -0.000195166562))
_C0, _C1, _C2 = (np.float32(c) for c in (0.0416666456, -0.00138873619, 2.44377297e-05))


@jit(inline="always")
def _power_of_two(k):
    """2^k for a whole number k of -1022 to 1023."""
    return from_bits(np.uint32(np.uint32(bits_of(k + _NEAREST) + _BIAS) << _MANTISSA_BITS))


@jit(inline="always")
def _expm1_kernel(r):
    """e^r - 1 for abs(r) <= ln(2)/2."""
    p = _E5
    p = p * r + _E4
    p = p * r + _E3
    p = p * r + _E2
    p = p * r + _E1
    p = p * r + _E0
    return r + (r * r) * p


@jit(inline="always")
def _scaled(y, k):
    """y 2^k, in two steps, so that it may be subnormal or overflow."""
    first = (k * _HALF + _NEAREST) - _NEAREST
    return (y * _power_of_two(first)) * _power_of_two(k - first)


@jit(inline="always")
def exp32(x):
    """e^x = 2^k e^r, r = x - k ln 2; at most 1.5 ulp off."""
    x = _EXP_LOWEST if x < _EXP_LOWEST else x
    x = _EXP_HIGHEST if x > _EXP_HIGHEST else x
    k = (x * _LOG2_E + _NEAREST) - _NEAREST
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    return _scaled(_ONE + _expm1_kernel(r), k)


@jit(inline="always")
def expm1_32(x):
    """e^x - 1; at most 2.5 ulp off."""
    x = _EXPM1_LOWEST if x < _EXPM1_LOWEST else x
    x = _EXP_HIGHEST if x > _EXP_HIGHEST else x
    k = (x * _LOG2_E + _NEAREST) - _NEAREST
    q = _expm1_kernel((x - k * _LN2_HIGH) - k * _LN2_LOW)
    half = _power_of_two(k - _ONE)
    return _TWO * (half * q + (half - _HALF))


@jit(inline="always")
def parted32(x):
    """(f, k) of a normal x > 0: x = 2^k (1 + f), 1 + f within [sqrt(1/2), sqrt(2))."""
    shifted = np.uint32(bits_of(x) - _ROOT_HALF_BITS)
    f = from_bits(np.uint32((shifted & _MANTISSA) + _ROOT_HALF_BITS)) - _ONE
    exponent = np.uint32(shifted + _EXPONENT_OFFSET) >> _MANTISSA_BITS
    k = from_bits(np.uint32(exponent | _TWO_23_BITS)) - _TWO_23_OFFSET
    return f, k


@jit(inline="always")
def log_scaled32(f, k):
    """k ln 2 + ln(1 + f), 1 + f within [sqrt(1/2), sqrt(2)): a polynomial of f; at most 1 ulp off."""
    q = _Q8
    q = q * f + _Q7
    q = q * f + _Q6
    q = q * f + _Q5
    q = q * f + _Q4
    q = q * f + _Q3
    q = q * f + _Q2
    q = q * f + _Q1
    q = q * f + _Q0
    z = f * f
    return k * _LN2_HIGH + (f - (_HALF * z - ((f * z) * q + k * _LN2_LOW)))


@jit(inline="always")
def log32(x):
    """ln x = k ln 2 + ln m, m within [sqrt(1/2), sqrt(2)); at most 1 ulp off."""
    tiny = x < _SMALLEST_NORMAL
    raised = x * _RAISED if tiny else x
    f, k = parted32(raised)
    k = k - _RAISED_BY if tiny else k
    y = log_scaled32(f, k)
    y = x if x == _INFINITY else y
    y = -_INFINITY if x == _ZERO else y
    return y if x >= _ZERO else _NAN


@jit(inline="always")
def log10_32(x):
    """ln x/ln 10; at most 2.5 ulp off."""
    return log32(x) * _LOG10_E


@jit(inline="always")
def sincos_eighth32(r):
    """(sin r, cos r) for abs(r) <= π/4, an eighth of a turn either way; at most 1 ulp off."""
    z = r * r
    s = _S2
    s = s * z + _S1
    s = s * z + _S0
    s = r + (r * z) * s
    c = _C2
    c = c * z + _C1
    c = c * z + _C0
    h = _HALF * z
    w = _ONE - h
    c = w + (((_ONE - w) - h) + (z * z) * c)
    return s, c


@jit(inline="always")
def quarter_turned32(s, c, quadrant):
    """(sin, cos) of an angle plus so many quarter turns, from (sin, cos) of the angle; quadrant is uint32."""
    swapped = (quadrant & _UNIT) != np.uint32(0)
    sine, cosine = c if swapped else s, s if swapped else c
    sine_sign = (quadrant << np.uint32(30)) & _SIGN
    cosine_sign = ((quadrant + _UNIT) << np.uint32(30)) & _SIGN
    return from_bits(np.uint32(bits_of(sine) ^ sine_sign)), from_bits(np.uint32(bits_of(cosine) ^ cosine_sign))


@jit(inline="always")
def sincos32(x):
    """(sin x, cos x), from x = j π/2 + r; at most 4 ulp off for abs(x) <= TURNS32, NaN beyond."""
    shifted = x * _TWO_OVER_PI + _NEAREST
    j = shifted - _NEAREST
    quadrant = bits_of(shifted)
    r = (((((x - j * _P0) - j * _P1) - j * _P2) - j * _P3) - j * _P4) - j * _P5
    r = r if abs(x) <= _LARGEST_ANGLE else _NAN
    s, c = sincos_eighth32(r)
    return quarter_turned32(s, c, quadrant)


@jit(inline="always")
def sin32(x):
    """sin x; at most 4 ulp off for abs(x) <= TURNS32, NaN beyond."""
    return sincos32(x)[0]


@jit(inline="always")
def cos32(x):
    """cos x; at most 4 ulp off for abs(x) <= TURNS32, NaN beyond."""
    return sincos32(x)[1]


@jit(inline="always")
def tan32(x):
    """sin x/cos x; at most 6 ulp off for abs(x) <= TURNS32, NaN beyond."""
    sine, cosine = sincos32(x)
    return sine / cosine


@jit(inline="always")
def _half_exp(x):
    """e^x/2, also where e^x overflows."""
    return exp32(x - _ONE) * _HALF_E


@jit(inline="always")
def cosh32(x):
    """e^abs(x)/2 + e^-abs(x)/2; at most 3 ulp off."""
    growing = _half_exp(abs(x))
    return growing + _QUARTER / growing


@jit(inline="always")
def sinh32(x):
    """(e + e/(e + 1))/2 with e = expm1(abs(x)), e^abs(x)/2 where that is the same, and the sign of x; at most 3 ulp
    off."""
    size = abs(x)
    e = expm1_32(size)
    y = _half_exp(size) if size > _SINH_IS_EXP else _HALF * (e + e / (e + _ONE))
    return y if x > _ZERO else -y


@jit(inline="always")
def tanh32(x):
    """tanh x = -e/(e + 2) with e = expm1(-2 abs(x)), and the sign of x; at most 3 ulp off."""
    e = expm1_32(-_TWO * abs(x))
    y = -e / (e + _TWO)
    return y if x > _ZERO else -y


@jit(inline="always")
def _head(x):
    """x without the lower half of its digits: the product of two heads is exact."""
    return from_bits(np.uint32(bits_of(x) & _HEAD))


@jit(inline="always")
def _log_pair(x):
    """ln x of a finite x > 0 as a sum of two numbers, with some eight more bits than one holds.

    2 artanh(s) = 2/3 s (3 + s^2 + 3/2 s^4 p(s^2)), where 2/3 + z p(z) is that of 2 artanh(s).
    """
    tiny = x < _SMALLEST_NORMAL
    raised = x * _RAISED if tiny else x
    f, k = parted32(raised)
    k = k - _RAISED_BY if tiny else k
    below = _TWO + f
    inverse = _ONE / below
    s = f * inverse
    s_high, below_high = _head(s), _head(below)
    s_low = ((f - s_high * below_high) - s_high * (f - (below_high - _TWO))) * inverse
    z = s * s
    p = _L3
    p = p * z + _L2
    p = p * z + _L1
    z_high = s_high * s_high
    rest = s_low * (s_high + s) + (_ONE + _HALF) * (z * z) * p
    t_high = _head(_THREE + (z_high + rest))
    t_low = rest - ((t_high - _THREE) - z_high)
    u = s_high * t_high
    v = s_low * t_high + t_low * s
    u_high = _head(u + v)
    u_low = v - (u_high - u)
    high = u_high * _TWO_THIRDS_HIGH
    low = u_low * _L0 + u_high * _TWO_THIRDS_LOW
    whole = k * _LN2_HIGH
    total = whole + high
    return total, (high - (total - whole)) + (low + k * _LN2_LOW)


@jit(inline="always")
def pow32(x, y):
    """x^y = e^(y ln x) with ln x in two parts; at most 1 ulp off for abs(y ln x) <= 30, 8 ulp anywhere.

    A finite negative x needs a whole y, else the power is NaN; x^0 and 1^y are 1.
    """
    size = abs(x)
    high, low = _log_pair(size)
    log_high = _head(high)
    log_low = (high - log_high) + low
    power = _LARGEST_POWER if y > _LARGEST_POWER else y
    power = -_LARGEST_POWER if power < -_LARGEST_POWER else power
    power_high = _head(power)
    product = power_high * log_high
    rest = (power - power_high) * log_high + power * log_low
    exponent = product + rest
    rest = rest - (exponent - product)
    within = abs(exponent) < -_EXP_LOWEST
    exponent = _EXP_LOWEST if exponent < _EXP_LOWEST else exponent
    exponent = _EXP_HIGHEST if exponent > _EXP_HIGHEST else exponent
    rest = rest if within else _ZERO
    k = (exponent * _LOG2_E + _NEAREST) - _NEAREST
    r = (exponent - k * _LN2_HIGH) + (rest - k * _LN2_LOW)
    value = _scaled(_ONE + _expm1_kernel(r), k)
    growing = y > _ZERO
    value = (_INFINITY if growing else _ZERO) if size == _INFINITY else value
    value = (_ZERO if growing else _INFINITY) if size == _ZERO else value
    times = abs(y)
    is_whole = times >= _WHOLE_ABOVE or (times + _WHOLE_ABOVE) - _WHOLE_ABOVE == times
    half = _HALF * times
    is_odd = is_whole and half < _WHOLE_ABOVE and (half + _WHOLE_ABOVE) - _WHOLE_ABOVE != half
    signed = -value if is_odd else value
    signed = signed if is_whole or size == _INFINITY else _NAN
    value = signed if x < _ZERO else value
    value = value if x == x and y == y else _NAN
    return _ONE if y == _ZERO or x == _ONE else value
