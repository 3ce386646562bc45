"""Stored Lyapunov spectra beside published and exact ones."""

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system

SPROTT_1994 = {
    "b": (0.210, -1.210), "c": (0.163, -1.163), "d": (0.103, -1.320), "e": (0.078, -1.078), "f": (0.117, -0.617),
    "g": (0.034, -0.634), "h": (0.117, -0.617), "i": (0.012, -1.012), "j": (0.076, -2.076), "k": (0.038, -0.890),
    "l": (0.061, -1.061), "m": (0.044, -1.044), "n": (0.076, -2.076), "o": (0.049, -0.319), "p": (0.087, -0.481),
    "q": (0.109, -0.609), "r": (0.062, -1.062), "s": (0.188, -1.188),
}  # fmt: skip
"""First and last exponent of cases B to S, table I of sprott1994; the second one is zero."""

SPROTT_2003 = {
    "delayed_logistic": (0.18312, -1.24199), "tinkerbell": (0.18997, -0.52091), "burgers_map": (0.12076, -0.22136),
    "holmes_cubic": (0.59458, -2.20402), "dissipative_standard": (1.46995, -3.77254),
    "discrete_predator_prey": (0.19664, 0.03276), "sine_map": (0.689067,), "ricker": (0.384846,),
    "sine_circle": (0.353863,),
}  # fmt: skip
"""Appendix A of sprott2003."""

EXACT = {
    "logistic": (np.log(2),),
    "cubic_map": (np.log(3),),
    "gauss_map": (np.pi**2 / (6 * np.log(2)),),
    "kaplan_yorke_map": (np.log(2), np.log(0.2)),
    "cat": (np.log((3 + np.sqrt(5)) / 2), -np.log((3 + np.sqrt(5)) / 2)),
}


def stored(name):
    spectrum = next(i for i in catalogue_system(name).invariants if i["name"] == "lyapunov_spectrum")
    return np.array(spectrum["value"]), np.array(spectrum["stderr"])


@pytest.mark.parametrize("letter", SPROTT_1994)
def test_the_simplest_quadratic_flows(letter):
    value, stderr = stored(f"sprott_{letter}")
    assert (np.abs(value[[0, 2]] - SPROTT_1994[letter]) <= 4 * stderr[[0, 2]] + 0.001).all()


@pytest.mark.parametrize("name", SPROTT_2003)
def test_maps_of_a_textbook(name):
    value, stderr = stored(name)
    assert (np.abs(value - SPROTT_2003[name]) <= 4 * stderr + 1e-4).all()


@pytest.mark.parametrize("name", EXACT)
def test_maps_whose_exponents_are_known(name):
    value, stderr = stored(name)
    assert (np.abs(value - EXACT[name]) <= 4 * stderr + 1e-6).all()


def test_the_simplest_jerk_flows():
    """Largest exponents of sprott1997 and linz1999."""
    for name, published in (("sprott_jerk", 0.0551), ("linz_sprott", 0.036)):
        value, stderr = stored(name)
        assert abs(value[0] - published) <= 4 * stderr[0] + 5e-4, name
