"""Exponentials, softplus and logistic function of a row of lanes.

    exp(x)      = 2^k (1 + r + r^2 q(r)),          k = round(x / ln 2), r = x - k ln 2
    exp2(x)     = 2^k (1 + s e(s)),                k = round(x), s = x - k
    softplus(x) = max(x, 0) + log(1 + exp(-|x|)),  log(1 + y) = 2 s (1 + s^2 p(s^2)), s = y / (2 + y)
    logistic(x) = e / (1 + e) or 1 / (1 + e),      e = exp(-|x|)

q, e and p are minimax polynomials (Remez exchange, 40 digits). Their errors in float32 and float64 are 3e-9 and 4e-18
for exp, 2e-9 and 3e-18 for exp2, 5e-9 and 2e-18 for the logarithm. The results are within 1 unit in the last place,
those of softplus within 3.5 and of the logistic function within 2.5. exp and exp2 are 0 where the result would be below
the smallest normal number or little above it, and infinite where it would be above 2^127.5 or 2^1023.5. NaN stays NaN.
A library call for each number would take ten times as long as the recurrence around it.
"""

from llvmlite import ir

from dysyr.kernels.scans.lanes import LANES, Row, function_of_row

_EXP = {
    True: (
        0.499999934125015657, 0.166665201078195894, 0.0416683942108938693, 0.00836878041118053365,
        0.00138144670593265106,
    ),
    False: (
        0.500000000000001072, 0.166666666666664102, 0.0416666666665291885, 0.00833333333349562379,
        0.0013888888943922655, 0.000198412695047653828, 2.48014927627818109e-05, 2.75575873421640255e-06,
        2.76303786252109873e-07, 2.49999653596405745e-08,
    ),
}  # fmt: skip
_EXP2 = {
    True: (
        0.693147202984859836, 0.240226478968822098, 0.0555033216315027921, 0.00961843860133132268,
        0.00133990033936443326, 0.00015353257894366427,
    ),
    False: (
        0.693147180559945326, 0.240226506959101319, 0.0555041086648200681, 0.00961812910759384627,
        0.00133335581467774235, 0.000154035304574930013, 1.52527334912289223e-05, 1.32154350770993381e-06,
        1.01782000404061913e-07, 7.07382084003184112e-09, 4.43474749080836245e-10,
    ),
}  # fmt: skip
_LOG1P = {
    True: (0.333332130304153352, 0.20010548879849761, 0.140037910514299948, 0.139937817452021629),
    False: (
        0.333333333333332089, 0.200000000000622302, 0.142857142756671664, 0.111111118905605946, 0.0909087492891352644,
        0.0769322259924193045, 0.0665117888168941631, 0.0604796364421577485, 0.0419080186517989291,
        0.0847309874081960567,
    ),
}  # fmt: skip
_LN2_HIGH = {True: 0.693359375, False: 0.6931471803691238}
_LN2_LOW = {True: -2.12194440054690583e-4, False: 1.9082149292705877e-10}
_LOG2_E = 1.4426950408889634


def _exp(x):
    single = x.is_single
    bits, mantissa, bias = (32, 23, 127) if single else (64, 52, 1023)
    magic = 1.5 * 2.0**mantissa
    # the low bits of the sum hold the nearest integer: no conversion, which NaN would make undefined
    shifted = x * _LOG2_E + magic
    k = shifted - magic
    r = x - k * _LN2_HIGH[single] - k * _LN2_LOW[single]
    value = (r * r) * _polynomial(_EXP[single], r) + r + 1.0
    builder = x.builder
    whole = ir.VectorType(ir.IntType(bits), LANES)
    exponent = builder.add(builder.bitcast(shifted.value, whole), ir.Constant(whole, [bias] * LANES))
    power = builder.shl(exponent, ir.Constant(whole, [mantissa] * LANES))
    result = value * Row(builder, builder.bitcast(power, x.value.type))
    result = x.choose("<", (1 - bias) / _LOG2_E, 0.0, result)
    return x.choose(">", (bias + 0.5) / _LOG2_E, float("inf"), result)


def _exp2(x):
    bits, mantissa, bias = (32, 23, 127) if x.is_single else (64, 52, 1023)
    # limits where the power below is zero and infinite
    x = x.choose(">", bias + 1.0, bias + 1.0, x)
    x = x.choose("<", -float(bias), -float(bias), x)
    # the low bits of the sum hold the nearest integer and the bias
    magic = 1.5 * 2.0**mantissa + bias
    shifted = x + magic
    s = x - (shifted - magic)
    value = s * _polynomial(_EXP2[x.is_single], s) + 1.0
    whole = ir.VectorType(ir.IntType(bits), LANES)
    power = x.builder.shl(x.builder.bitcast(shifted.value, whole), ir.Constant(whole, [mantissa] * LANES))
    return value * Row(x.builder, x.builder.bitcast(power, x.value.type))


def _softplus(x):
    y = _exp(_minus_magnitude(x))
    s = y / (y + 2.0)
    squared = s * s
    log1p = (s + s) * (squared * _polynomial(_LOG1P[x.is_single], squared) + 1.0)
    return x.choose(">", 0.0, x, 0.0) + log1p


def _logistic(x):
    e = _exp(_minus_magnitude(x))
    return x.choose(">", 0.0, 1.0, e) / (e + 1.0)


def _polynomial(coefficients, x):
    value = x.constant(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def _minus_magnitude(x):
    return x.choose(">", 0.0, x.constant(0.0) - x, x)


exp = function_of_row(_exp, "exp of each number of a row.")
exp2 = function_of_row(_exp2, "2 to the power of each number of a row.")
softplus = function_of_row(_softplus, "log(1 + exp) of each number of a row.")
logistic = function_of_row(_logistic, "1 / (1 + exp(-x)) of each number of a row.")
