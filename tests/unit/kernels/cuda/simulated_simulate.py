"""simulate(device="cuda") beside simulate on the processor: run by test_kernels_run.py."""

import json

import numpy as np
import pytest

import dysyr

SHORT = {"n_steps": 4, "n_trajectories": 3, "seed": 2}


def both(system, **options):
    """Values on the processor and on the device, and the solver that the latter tells of."""
    found = [dysyr.simulate(system, device=device, **SHORT | options) for device in ("cpu", "cuda")]
    told = [{k: v for k, v in each.attrs.items() if k != "solver"} for each in found]
    assert told[0] == told[1]
    np.testing.assert_array_equal(found[0]["time"], found[1]["time"])
    return *(each["x"].values for each in found), json.loads(found[1].attrs["solver"])


@pytest.mark.parametrize(
    ("system", "options"),
    [("lorenz63", {"method": "rk4", "transient": 0.1, "dt": 0.02}),
     ("lorenz63", {"transient": 0.05, "dt": 0.02, "rtol": 1e-9}),
     ("lorenz63", {"method": "tsit5", "transient": 0.0, "n_steps": None, "times": [0.03, 0.05, 0.1]}),
     ("lorenz63", {"n_steps": 1, "transient": 0.05}),
     ("lorenz63", {"n_steps": 1, "transient": 0.0, "method": "rk4"}),
     ("henon", {"transient": 5}), ("henon", {"n_steps": 1, "transient": 0}),
     ("henon", {"n_steps": None, "times": [1, 2, 6], "transient": 3}),
     ("stochastic_lorenz63", {"transient": 0.05, "dt": 0.01, "substeps": 2}),
     ("stochastic_lorenz63", {"n_steps": 1, "transient": 0.0})],
    ids=str,
)  # fmt: skip
def test_values_are_those_of_the_processor(system, options):
    processor, device, solver = both(system, **options)
    assert processor.shape == device.shape
    np.testing.assert_allclose(device, processor, rtol=1e-7, atol=1e-7)
    assert solver["device"] == "cuda"


def test_steps_before_and_after_the_transient_are_counted():
    _, _, whole = both("lorenz63", transient=0.05, dt=0.02)
    _, _, after = both("lorenz63", transient=0.0, dt=0.02)
    assert whole["accepted"] > after["accepted"] > 0


def test_single_precision():
    processor, device, _ = both("lorenz63", method="rk4", dt=0.02, transient=0.0, dtype="float32")
    assert device.dtype == processor.dtype
    np.testing.assert_allclose(device, processor, rtol=1e-4)


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [("lorenz63", {"method": "radau"}, "method 'radau' computes on the processor: 'cuda': leave out device"),
     ("birth_death", {}, "this kind of system is simulated on the processor: kind jump, 'cuda'")],
    ids=str,
)  # fmt: skip
def test_what_only_the_processor_does_is_refused(system, options, message):
    with pytest.raises(dysyr.InputError, match=message):
        dysyr.simulate(system, device="cuda", **SHORT | options)
