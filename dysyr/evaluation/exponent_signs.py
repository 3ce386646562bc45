"""Do the leading Lyapunov exponents of model and truth have the same signs?"""

import dataclasses

import numpy as np

from dysyr.evaluation.rule_line import RuleLine

TRUTH_ZERO = 0.02
MODEL_ZERO = 0.1
N_STDERR = 3.0


def signs(exponents, stderr, *, zero):
    """Sign of each exponent, with a band that counts as zero.

    Args:
        exponents: (k,) largest first.
        stderr: (k,) or None.
        zero: half width of the band, at least ``3 stderr`` of each exponent.

    Returns:
        (k,) of -1, 0, 1.
    """
    exponents = np.asarray(exponents, dtype=np.float64)
    spread = np.zeros_like(exponents) if stderr is None else np.asarray(stderr, dtype=np.float64)
    band = np.maximum(zero, N_STDERR * np.nan_to_num(spread))
    return np.where(np.abs(exponents) <= band, 0, np.sign(exponents)).astype(int)


def zero_band(exponents, *, least=0.0):
    """Half width of the band in which an exponent of the truth counts as zero: 2 % of the larger of the first two.

    Args:
        exponents: Measure; where its settings say how many are zero, these are, and the band is 0.
        least: smallest half width otherwise.
    """
    if "n_zero" in exponents.settings:
        return 0.0
    return max(TRUTH_ZERO * float(np.abs(np.asarray(exponents.value)[:2]).max()), least)


def exponents_of_truth(spectrum):
    """The Measure of the truth's exponents beside those of a model.

    Args:
        spectrum: Measure of the model's exponents, or None.

    Returns:
        Measure, or None where the truth's are not known.
    """
    if spectrum is None or spectrum.truth is None:
        return None
    known = {"n_zero": spectrum.settings["truth_n_zero"]} if "truth_n_zero" in spectrum.settings else {}
    return dataclasses.replace(spectrum, value=spectrum.truth, stderr=spectrum.truth_stderr, settings=known)


def exponent_signs_line(measures):
    """The rule on the signs of the leading exponents.

    Leading are the positive and zero exponents of the truth and the one after them. An exponent of the truth is zero
    where its system's file says so, else within 2 % of the larger of the first two; one of the model within 10 %; and
    either within 3 standard errors. A positive exponent only has to be positive. Where only data are known, a truth
    that is shown to be chaotic asks for a model that is.

    Args:
        measures: dict name -> Measure.

    Returns:
        RuleLine; ``passed`` is None where the signs of the truth are not known.
    """
    spectrum, rate = measures.get("lyapunov_spectrum"), measures.get("divergence_rate")
    if spectrum is not None and spectrum.truth is not None:
        return _compare_spectra(spectrum)
    if rate is None:
        return RuleLine("signs of the exponents: not known for this truth", None)
    if not rate.settings["truth_chaotic"]:
        why = rate.settings["truth_checks"]
        return RuleLine(f"signs of the exponents: the data do not show chaos ({why})", None)
    if spectrum is not None:
        largest = spectrum.value[0]
        text = f"the data show chaos; largest exponent of the model {largest:.3g} per time unit"
        return RuleLine(text, bool(largest > 0))
    if "model_chaotic" not in rate.settings:
        return RuleLine(f"the data show chaos; free runs: {rate.status}", False)
    text = f"the data show chaos; free runs: {rate.settings['model_checks']}"
    return RuleLine(text, bool(rate.settings["model_chaotic"]))


def _compare_spectra(spectrum):
    truth = np.asarray(spectrum.truth, dtype=np.float64)
    scale = np.abs(truth[:2]).max()
    known = spectrum.settings.get("truth_n_zero") is not None
    of_truth = np.sign(truth).astype(int) if known else signs(truth, spectrum.truth_stderr, zero=TRUTH_ZERO * scale)
    if not of_truth.any():
        return RuleLine("signs of the exponents: those of the truth are all zero", None)
    n_leading = min(int((of_truth >= 0).sum()) + 1, len(truth), len(spectrum.value))
    value = np.asarray(spectrum.value[:n_leading], dtype=np.float64)
    stderr = None if spectrum.stderr is None else spectrum.stderr[:n_leading]
    of_model = signs(value, stderr, zero=MODEL_ZERO * scale)
    strict = signs(value, stderr, zero=0.0)
    same = np.where(of_truth[:n_leading] == 0, of_model == 0, strict == of_truth[:n_leading])
    text = (
        f"signs of the leading exponents {_marks(of_truth[:n_leading])}: "
        f"truth {_numbers(truth[:n_leading])}, model {_numbers(value)} per time unit"
    )
    return RuleLine(text, bool(same.all()))


def _marks(values):
    return "(" + ", ".join({1: "+", 0: "0", -1: "-"}[int(v)] for v in values) + ")"


def _numbers(values):
    return "(" + ", ".join(f"{v:.3g}" for v in values) + ")"
