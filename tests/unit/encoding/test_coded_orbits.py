import json

import numpy as np
import pytest
from small_maps import coupled_tents, skew_tent
from symbol_sequences import encoding

from dysyr.core.errors import InputError
from dysyr.encoding.coded_orbits import coded_orbits
from dysyr.encoding.encode import encode


def test_regions_that_the_code_does_not_visit_have_no_symbol():
    model = skew_tent(0.5, -0.5, initial_states=[[0.1]])
    code = encode(model, n_steps=50)
    assert code.names == ("1",)
    orbits = coded_orbits(code, model, max_period=1)
    assert [(c.orbit.label, c.symbols) for c in orbits.fixed_points] == [("1", (0,))]
    escaping = skew_tent(1.5, -0.5, initial_states=[[0.1]])
    outside = coded_orbits(encode(escaping, n_steps=50), escaping, max_period=1)
    assert ("0", (None,)) in [(c.orbit.label, c.symbols) for c in outside.fixed_points]
    assert [c.orbit.label for c in outside.stable] == ["1"]


def test_stable_orbits_are_real_ones(rng):
    """x' = 1 - 1.1 x to the right has the virtual point of the left branch, x' = 1 + x / 2, at 2: stable, no orbit."""
    model = skew_tent(0.5, -1.1, initial_states=[[0.1]])
    orbits = coded_orbits(encode(model, n_steps=200), model, max_period=2)
    virtual = [c for c in orbits.fixed_points if not c.orbit.real]
    assert [c.orbit.stability for c in virtual] == ["stable"]
    assert [c.orbit.period for c in orbits.stable] == [2]


def test_json_of_many_orbits(rng):
    model = coupled_tents(rng, 4, 2)
    orbits = coded_orbits(encode(model, n_steps=2_000), model, max_period=3)
    whole = json.loads(json.dumps(orbits.to_dict(), allow_nan=False))
    assert [search["period"] for search in whole["orbit_searches"]] == [1, 2, 3]
    assert len(whole["fixed_points"]) == len(orbits.fixed_points) > 1
    assert np.array(whole["fixed_points"][0]["observed"]).shape == (1, 4)


def test_a_code_of_something_else_is_refused(rng):
    model = skew_tent(1.5, -2.2, initial_states=[[0.1]])
    with pytest.raises(InputError, match="not regions of this model: regions of 1 bits; a code of labels"):
        coded_orbits(encoding([0, 1, 0]), model, max_period=1)
    other = coupled_tents(rng, 4, 2)
    with pytest.raises(InputError, match="not regions of this model: regions of 1 bits; 2 bits"):
        coded_orbits(encode(other, n_steps=100), model, max_period=1)
    with pytest.raises(InputError, match="the model has no regions"):
        coded_orbits(encoding([0, 1, 0]), object(), max_period=1)
    with pytest.raises(InputError, match="max_period is not a positive whole number: -1"):
        coded_orbits(encode(model, n_steps=100), model, max_period=-1)
