"""Elementary functions of float64 for compiled loops: straight-line code without calls, so that a loop over lanes
that uses them is vectorised, and the same text serves the processor and CUDA.

The integer nearest to y is found as (y + 3·2^51) - 3·2^51, whose low bits then
hold it. Choices are selects, never branches. Coefficients are minimax, from Remez's exchange in 60 digits. The stated
errors hold for the round-to-nearest mode, with fused multiply-add where the processor has it, and are tested in
tests/unit/kernels/test_elementary.py against mpmath.

Reference:
    cody1980, muller2016
"""

import numpy as np

from dysyr.kernels.bits import bits_of, from_bits
from dysyr.kernels.jit import jit

_NEAREST = np.float64(1.5 * 2.0**52)
_ONE = np.float64(1.0)
_TWO = np.float64(2.0)
_THREE = np.float64(3.0)
_HALF = np.float64(0.5)
_QUARTER = np.float64(0.25)
_ZERO = np.float64(0.0)
_INFINITY = np.float64(np.inf)
_NAN = np.float64(np.nan)
_MANTISSA_BITS = np.uint64(52)
_MANTISSA = np.uint64(2**52 - 1)
_BIAS = np.uint64(1023)
_SIGN = np.uint64(2**63)
_UNIT = np.uint64(1)
_HEAD = np.uint64(2**64 - 2**27)

_EXP_LOWEST, _EXP_HIGHEST = np.float64(-746.0), np.float64(710.0)
_EXPM1_LOWEST = np.float64(-40.0)
_HALF_E, _LOG10_E = np.float64(1.3591409142295225), np.float64(0.4342944819032518)
_SINH_IS_EXP = np.float64(20.0)
_LOG2_E = np.float64(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float64(0.6931471803691238), np.float64(1.9082149292705877e-10)
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9 = (
    np.float64(c)
    for c in (
        0.5000000000000013, 0.166666666666667, 0.041666666666514335, 0.00833333333330702, 0.0013888888947328018,
        0.0001984126991779261, 2.4801489593443842e-05, 2.7557215930189143e-06, 2.763141289060293e-07,
        2.511797984217491e-08,
    )
)  # fmt: skip

_SMALLEST_NORMAL, _RAISED = np.float64(2.0**-1022), np.float64(2.0**54)
_RAISED_BY = np.float64(54.0)
_ROOT_HALF_BITS = np.uint64(np.float64(np.sqrt(0.5)).view(np.uint64))
_EXPONENT_OFFSET = np.uint64(1024 << 52)
_TWO_52_BITS, _TWO_52_OFFSET = np.uint64(np.float64(2.0**52).view(np.uint64)), np.float64(2.0**52 + 1024)
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7 = (
    np.float64(c)
    for c in (
        0.6666666666666666, 0.40000000000006264, 0.2857142856908019, 0.22222222647658277, 0.1818177559629739,
        0.15387093796255574, 0.13250049323899407, 0.13251957525537914,
    )
)  # fmt: skip

_TWO_THIRDS_HIGH, _TWO_THIRDS_LOW = np.float64(0.6666666567325592), np.float64(9.934107462565104e-09)
_WHOLE_ABOVE = np.float64(2.0**52)
_LARGEST_POWER = np.float64(2.0**65)

TURNS64 = 5.0e8
"""Largest argument of sin64, cos64 and sincos64 in absolute value; beyond it they are NaN."""

_LARGEST_ANGLE = np.float64(TURNS64)
_TWO_OVER_PI = np.float64(0.6366197723675814)
# π/2 in parts of 24 bits, of which any times j < 2^29 is exact, and a rest
_P0, _P1, _P2, _P3 = (
    np.float64(c) for c in (1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15, 3.2820035428735005e-22)
)
_S0, _S1, _S2, _S3, _S4, _S5 = (
    np.float64(c)
    for c in (
        -0.16666666666666632, 0.008333333333322316, -0.00019841269829725392, 2.755731366211182e-06,
        -2.5050753272013373e-08, 1.5896505341871916e-10,
    )
)  # fmt: skip
_C0, _C1, _C2, _C3, _C4, _C5 = (
    np.float64(c)
    for c in (
        0.0416666666666666, -0.001388888888887399, 2.4801587289395004e-05, -2.75573143260367e-07,
        2.087571955779092e-09, -1.1359448564078454e-11,
    )
)  # fmt: skip


@jit(inline="always")
def _power_of_two(k):
    """2^k for a whole number k of -1022 to 1023."""
    return from_bits((bits_of(k + _NEAREST) + _BIAS) << _MANTISSA_BITS)


@jit(inline="always")
def _expm1_kernel(r):
    """e^r - 1 for abs(r) <= ln(2)/2."""
    p = _E9
    p = p * r + _E8
    p = p * r + _E7
    p = p * r + _E6
    p = p * r + _E5
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
def exp64(x):
    """e^x = 2^k e^r, r = x - k ln 2; at most 1.5 ulp off."""
    x = _EXP_LOWEST if x < _EXP_LOWEST else x
    x = _EXP_HIGHEST if x > _EXP_HIGHEST else x
    k = (x * _LOG2_E + _NEAREST) - _NEAREST
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    return _scaled(_ONE + _expm1_kernel(r), k)


@jit(inline="always")
def expm1_64(x):
    """e^x - 1; at most 2.5 ulp off."""
    x = _EXPM1_LOWEST if x < _EXPM1_LOWEST else x
    x = _EXP_HIGHEST if x > _EXP_HIGHEST else x
    k = (x * _LOG2_E + _NEAREST) - _NEAREST
    q = _expm1_kernel((x - k * _LN2_HIGH) - k * _LN2_LOW)
    half = _power_of_two(k - _ONE)
    return _TWO * (half * q + (half - _HALF))


@jit(inline="always")
def parted64(x):
    """(f, k) of a normal x > 0: x = 2^k (1 + f), 1 + f within [sqrt(1/2), sqrt(2))."""
    shifted = bits_of(x) - _ROOT_HALF_BITS
    f = from_bits((shifted & _MANTISSA) + _ROOT_HALF_BITS) - _ONE
    exponent = (shifted + _EXPONENT_OFFSET) >> _MANTISSA_BITS
    k = from_bits(exponent | _TWO_52_BITS) - _TWO_52_OFFSET
    return f, k


@jit(inline="always")
def log_scaled64(f, k):
    """k ln 2 + ln(1 + f), 1 + f within [sqrt(1/2), sqrt(2)): 2 artanh(f/(2 + f)); at most 1 ulp off."""
    s = f / (_TWO + f)
    z = s * s
    p = _L7
    p = p * z + _L6
    p = p * z + _L5
    p = p * z + _L4
    p = p * z + _L3
    p = p * z + _L2
    p = p * z + _L1
    p = p * z + _L0
    h = _HALF * f * f
    return k * _LN2_HIGH - ((h - (s * (h + z * p) + k * _LN2_LOW)) - f)


@jit(inline="always")
def log64(x):
    """ln x = k ln 2 + ln m, m within [sqrt(1/2), sqrt(2)); at most 1 ulp off."""
    tiny = x < _SMALLEST_NORMAL
    raised = x * _RAISED if tiny else x
    f, k = parted64(raised)
    k = k - _RAISED_BY if tiny else k
    y = log_scaled64(f, k)
    y = x if x == _INFINITY else y
    y = -_INFINITY if x == _ZERO else y
    return y if x >= _ZERO else _NAN


@jit(inline="always")
def log10_64(x):
    """ln x/ln 10; at most 2.5 ulp off."""
    return log64(x) * _LOG10_E


@jit(inline="always")
def sincos_eighth64(r):
    """(sin r, cos r) for abs(r) <= π/4, an eighth of a turn either way; at most 1 ulp off."""
    z = r * r
    s = _S5
    s = s * z + _S4
    s = s * z + _S3
    s = s * z + _S2
    s = s * z + _S1
    s = s * z + _S0
    s = r + (r * z) * s
    c = _C5
    c = c * z + _C4
    c = c * z + _C3
    c = c * z + _C2
    c = c * z + _C1
    c = c * z + _C0
    h = _HALF * z
    w = _ONE - h
    c = w + (((_ONE - w) - h) + (z * z) * c)
    return s, c


@jit(inline="always")
def quarter_turned64(s, c, quadrant):
    """(sin, cos) of an angle plus so many quarter turns, from (sin, cos) of the angle; quadrant is uint64."""
    swapped = (quadrant & _UNIT) != np.uint64(0)
    sine, cosine = c if swapped else s, s if swapped else c
    sine_sign = (quadrant << np.uint64(62)) & _SIGN
    cosine_sign = ((quadrant + _UNIT) << np.uint64(62)) & _SIGN
    return from_bits(bits_of(sine) ^ sine_sign), from_bits(bits_of(cosine) ^ cosine_sign)


@jit(inline="always")
def sincos64(x):
    """(sin x, cos x), from x = j π/2 + r; at most 3 ulp off for abs(x) <= TURNS64, NaN beyond."""
    shifted = x * _TWO_OVER_PI + _NEAREST
    j = shifted - _NEAREST
    quadrant = bits_of(shifted)
    r = (((x - j * _P0) - j * _P1) - j * _P2) - j * _P3
    r = r if abs(x) <= _LARGEST_ANGLE else _NAN
    s, c = sincos_eighth64(r)
    return quarter_turned64(s, c, quadrant)


@jit(inline="always")
def sin64(x):
    """sin x; at most 3 ulp off for abs(x) <= TURNS64, NaN beyond."""
    return sincos64(x)[0]


@jit(inline="always")
def cos64(x):
    """cos x; at most 3 ulp off for abs(x) <= TURNS64, NaN beyond."""
    return sincos64(x)[1]


@jit(inline="always")
def tan64(x):
    """sin x/cos x; at most 5 ulp off for abs(x) <= TURNS64, NaN beyond."""
    sine, cosine = sincos64(x)
    return sine / cosine


@jit(inline="always")
def _half_exp(x):
    """e^x/2, also where e^x overflows."""
    return exp64(x - _ONE) * _HALF_E


@jit(inline="always")
def cosh64(x):
    """e^abs(x)/2 + e^-abs(x)/2; at most 3 ulp off."""
    growing = _half_exp(abs(x))
    return growing + _QUARTER / growing


@jit(inline="always")
def sinh64(x):
    """(e + e/(e + 1))/2 with e = expm1(abs(x)), e^abs(x)/2 where that is the same, and the sign of x; at most 3 ulp
    off."""
    size = abs(x)
    e = expm1_64(size)
    y = _half_exp(size) if size > _SINH_IS_EXP else _HALF * (e + e / (e + _ONE))
    return y if x > _ZERO else -y


@jit(inline="always")
def tanh64(x):
    """tanh x = -e/(e + 2) with e = expm1(-2 abs(x)), and the sign of x; at most 3 ulp off."""
    e = expm1_64(-_TWO * abs(x))
    y = -e / (e + _TWO)
    return y if x > _ZERO else -y


@jit(inline="always")
def _head(x):
    """x without the lower half of its digits: the product of two heads is exact."""
    return from_bits(bits_of(x) & _HEAD)


@jit(inline="always")
def _log_pair(x):
    """ln x of a finite x > 0 as a sum of two numbers, with some ten more bits than one holds.

    2 artanh(s) = 2/3 s (3 + s^2 + 3/2 s^4 p(s^2)), where p is the polynomial of log64 without its first term.
    """
    tiny = x < _SMALLEST_NORMAL
    raised = x * _RAISED if tiny else x
    f, k = parted64(raised)
    k = k - _RAISED_BY if tiny else k
    below = _TWO + f
    inverse = _ONE / below
    s = f * inverse
    s_high, below_high = _head(s), _head(below)
    s_low = ((f - s_high * below_high) - s_high * (f - (below_high - _TWO))) * inverse
    z = s * s
    p = _L7
    p = p * z + _L6
    p = p * z + _L5
    p = p * z + _L4
    p = p * z + _L3
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
def pow64(x, y):
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
