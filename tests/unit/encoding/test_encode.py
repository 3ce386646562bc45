import dataclasses

import numpy as np
import pytest

from dysyr.core.dataset import as_dataset, make_dataset
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.model import PiecewiseLinear, StateSpace, repeat_step
from dysyr.encoding.compare import compare_codes
from dysyr.encoding.encode import encode
from dysyr.encoding.relabelling import by_visits, pack_bits
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN


class Tent(PiecewiseLinear):
    """z -> height min(z, 1 - z) with the cut at 1/2, so that the bit says right or left; full shift at height 2."""

    family = "tent"

    def __init__(self, height=1.9999999, gain=1.0, n_inputs=0):
        self.height, self.gain, self.inputs_taken = height, gain, n_inputs
        self.initial_states_ = np.linspace(0.11, 0.47, 7)[:, None]

    dt = property(lambda self: 0.5)
    names = property(lambda self: ("z",))
    latent_dim = property(lambda self: 1)
    n_bits = property(lambda self: 1)
    scale = property(lambda self: np.ones(1))
    n_inputs = property(lambda self: self.inputs_taken)
    initial_states = property(lambda self: self.initial_states_)

    def config(self):
        return {}

    def arrays(self):
        return {}

    @classmethod
    def from_state(cls, config, arrays):
        return cls()

    def initial(self, context, u=None):
        z = np.where(np.isnan(context[:, 0]), 0.3, context[:, 0])
        for t in range(1, context.shape[1]):
            z = self.step(z, None if u is None else u[:, t])
            z = np.where(np.isnan(context[:, t]), z, z + self.gain * (context[:, t] - z))
        return z

    def step(self, z, u=None):
        with np.errstate(over="ignore"):
            after = self.height * np.minimum(z, 1 - z)
        return after if u is None else after + u

    def jacobian(self, z, u=None):
        return np.where(z < 0.5, self.height, -self.height)[..., None]

    def readout(self, z):
        return z

    def trajectory(self, z, n_steps, u=None):
        return repeat_step(self, z, n_steps, u)

    def switches(self, z):
        return z - 0.5

    def affine(self, region):
        sign = np.where(region, -1.0, 1.0)
        return (self.height * sign)[..., None], self.height * np.asarray(region, dtype=float)


def smooth():
    """The same map by a model that does not say where it is linear."""
    contract = {name: value for name, value in vars(Tent).items() if name not in ("switches", "affine", "__dict__")}
    return type("Smooth", (StateSpace,), contract)()


def labelled(*labels):
    labels = [np.asarray(s) for s in labels]
    return make_dataset([np.zeros((len(s), 1)) for s in labels], dt=0.1, label=labels)


def test_free_run_has_the_regions_of_the_orbit_that_generate_returns():
    model = Tent()
    code = encode(model, n_steps=12_345, n_trajectories=3, transient=10_001, seed=4)
    x = model.generate(12_345, n_trajectories=3, transient=10_001, seed=4)["x"].values[..., 0]
    regions = np.array([name == "1" for name in code.names])
    assert len(code.symbols) == 3
    for s, run in zip(code.symbols, x, strict=True):
        np.testing.assert_array_equal(regions[s], run > 0.5)
    assert code.bits[:, 0].tolist() == regions.tolist()
    assert code.visits[0] >= code.visits[1]
    assert code.dt == 0.5
    assert code.source["kind"] == "free run"
    assert [status["finite"] for status in code.source["status"]] == [True] * 3


def test_tent_map_is_the_full_shift():
    code = encode(Tent(), n_steps=50_000)
    assert code.topological_entropy == pytest.approx(np.log(2), abs=1e-9)
    assert code.minimal_graph.n_states == 1
    assert code.per_time(code.metric_entropy) == pytest.approx(np.log(2) / 0.5, rel=0.01)


def test_golden_tent_map_is_the_golden_mean_shift():
    """With height (1 + sqrt 5) / 2 the cut has period 3, and left is never followed twice by left on the attractor."""
    golden = (1 + np.sqrt(5)) / 2
    code = encode(Tent(golden - 1e-10), n_steps=50_000)
    assert [tuple(code.names[s] for s in f.word) for f in code.forbidden_words] == [("0", "0")]
    assert code.topological_entropy == pytest.approx(np.log(golden), abs=1e-9)
    assert code.metric_entropy == pytest.approx(np.log(golden), abs=5e-3)


def test_metric_entropy_of_a_skew_tent_map_is_its_lyapunov_exponent():
    """Slopes 1.5 and -2.2, absolutely continuous measure: Pesin's formula."""
    model = ElementwisePLRNN.from_arrays(A=[1.5], W=[[-3.7]], h=[1.0], n_rectified=1, initial_states=[[0.1]])
    code = encode(model, n_steps=100_000, max_word=14)
    right = code.visits[code.names.index("1")] / code.n_samples
    exponent = right * np.log(2.2) + (1 - right) * np.log(1.5)
    assert code.metric_entropy == pytest.approx(exponent, rel=0.01)
    assert code.topological_entropy >= code.metric_entropy


def test_a_linear_model_has_one_region():
    model = ElementwisePLRNN.from_arrays(
        A=[0.6, 0.6], W=[[0, 0.8], [-0.8, 0]], h=[0, 0], n_rectified=0, initial_states=[[1, 0]]
    )
    code = encode(model, n_steps=50)
    assert code.names == ("",)
    assert code.bits.shape == (1, 0)
    assert code.summary()["n_regions_possible"] == 1


def test_states_along_data_are_those_of_the_contexts(rng):
    model = Tent(gain=0.3)
    x = np.clip(model.generate(300, seed=1)["x"].values[0] + 0.02 * rng.normal(size=(300, 1)), 0.01, 0.99)
    x[100:104] = np.nan
    data = make_dataset(x, dt=0.5, mask=True)
    code = encode(model, data=data, filter_steps=20)
    assert [len(s) for s in code.symbols] == [100, 196]
    assert code.start_times == (0.0, 52.0)
    assert code.trajectories == (0, 0)
    names = np.array(code.names)
    for s, part in zip(code.symbols, (x[:100], x[104:]), strict=True):
        for t in (0, 5, 19, 20, 50, len(part) - 1):
            z = model.initial(part[None, max(0, t - 19) : t + 1])
            assert names[s[t]] == str(int(z[0, 0] > 0.5))


def test_two_codes_along_the_same_data_are_compared_sample_by_sample():
    data = Tent().generate(2_000, seed=2)
    result = compare_codes(encode(Tent(), data=data), encode(Tent(1.99, gain=0.99), data=data))
    assert result.matched_by == "occurrence"
    assert result.adjusted_rand > 0.9


def test_inputs_act_on_free_runs_and_along_data():
    model = Tent(1.5, n_inputs=1)
    u = 0.2 * np.sin(np.arange(1_500) / 7)[:, None]
    code = encode(model, n_steps=1_000, transient=500, inputs=u, seed=3)
    x = model.generate(1_000, transient=500, inputs=u, seed=3)["x"].values[0, :, 0]
    np.testing.assert_array_equal(np.array(code.names)[code.symbols[0]] == "1", x > 0.5)
    along = encode(model, data=make_dataset(x, dt=0.5, u=u[500:]))
    np.testing.assert_array_equal(np.array(along.names)[along.symbols[0]] == "1", x > 0.5)
    with pytest.raises(InputError, match=r"needs its external inputs: none; \(1250, 1\)"):
        encode(model, n_steps=1_000)
    with pytest.raises(InputError, match="fitted without inputs"):
        encode(Tent(), n_steps=100, inputs=u)


def test_labels_are_numbered_by_visits():
    code = encode(labelled([7, 7, -2, -2, -2, 30]))
    assert code.names == ("-2", "7", "30")
    assert code.symbols[0].tolist() == [1, 1, 0, 0, 0, 2]
    assert code.bits is None
    np.testing.assert_allclose(code.times(0), 0.1 * np.arange(6))


def test_words_and_transitions_do_not_cross_gaps_missing_labels_or_trajectories():
    x = np.zeros((8, 1))
    x[3] = np.nan
    labels = [np.array([0, 1, 0, 5, 1, 1, 9, 1]), np.array([0, 0])]
    ds = make_dataset([x, np.zeros((2, 1))], dt=0.1, mask=True, label=labels)
    code = encode(ds, missing_label=9)
    assert [np.array(code.names)[s].tolist() for s in code.symbols] == [["0", "1", "0"], ["1", "1"], ["1"], ["0", "0"]]
    assert code.trajectories == (0, 0, 0, 1)
    np.testing.assert_allclose(code.start_times, [0.0, 0.4, 0.7, 0.0])
    assert code.transition_counts.sum() == 2 + 1 + 0 + 1
    assert len(code.word_tables) == 3


def test_missing_labels_may_be_nan():
    code = encode(labelled(np.array([1.0, 2.0, np.nan, 2.0, 2.0])))
    assert [len(s) for s in code.symbols] == [2, 2]
    assert code.names == ("2", "1")


def test_one_symbol_is_a_code_without_entropy():
    code = encode(labelled([4] * 50))
    assert code.n_symbols == 1
    assert code.topological_entropy == code.metric_entropy == code.markov_rate == 0
    assert code.transition_matrix.tolist() == [[1.0]]
    assert code.forbidden_words == []
    assert code.minimal_graph.n_states == 1
    assert code.summary()["n_symbols"] == 1


def test_a_diverging_run_is_refused():
    with pytest.raises(DivergedError, match=r"the free run diverges: run \d leaves 1e\+06 .* pass data=") as caught:
        encode(Tent(2.5), n_steps=20_000, n_trajectories=2)
    assert caught.value.time < 50


def test_what_has_no_symbols_is_refused(rng):
    with pytest.raises(InputError, match="the data have no labels: x; an integer variable label: give a label"):
        encode(make_dataset(np.zeros((5, 1)), dt=1.0))
    for odd in (0.5, 1e300, np.inf, -(2.0**63)):
        with pytest.raises(InputError, match="labels are not whole numbers below 2\\^63"):
            encode(labelled(np.array([odd, 1.0, 2.0])))
    with pytest.raises(InputError, match="this cannot be encoded: ndarray; a piecewise-linear model, or a Dataset"):
        encode(np.zeros(5))
    with pytest.raises(InputError, match="the model has no regions: Smooth; a piecewise-linear model: fit a"):
        encode(smooth())
    with pytest.raises(InputError, match="data= is for models"):
        encode(labelled([0, 1]), data=np.zeros((5, 1)))
    with pytest.raises(InputError, match="no two symbols follow each other"):
        encode(labelled([0], [1]))
    with pytest.raises(InputError, match="nothing to encode"):
        encode(labelled([3, 3]), missing_label=3)
    with pytest.raises(InputError, match="too many symbols for a code: 60 in 60 samples; at most max_symbols=50"):
        encode(labelled(np.arange(60)), max_symbols=50)
    with pytest.raises(InputError, match="max_word is not a word length: 1"):
        encode(labelled([0, 1]), max_word=1)
    irregular = make_dataset(np.zeros((4, 1)), time=[0.0, 1.0, 1.5, 7.0], label=np.array([0, 1, 0, 1]))
    with pytest.raises(InputError, match="time step is not constant"):
        encode(irregular)


def test_missing_rows_of_labelled_data_can_be_kept_as_missing():
    """Rows 3 of 0 ... 5 is not there: two stretches, as the message advises."""
    ds = make_dataset(np.arange(5.0), time=[0.0, 1.0, 2.0, 4.0, 5.0], label=[0, 1, 0, 1, 1])
    with pytest.raises(InputError, match=r"keep the missing samples as missing with dysyr\.as_dataset\(data, mask"):
        encode(ds)
    code = encode(as_dataset(ds, mask=True))
    assert [s.tolist() for s in code.symbols] == [[1, 0, 1], [0, 0]]
    assert code.start_times == (0.0, 4.0)


@pytest.mark.parametrize(("given", "match"), [
    ({"missing_label": [0, 1]}, "missing_label is not a whole number"), ({"max_symbols": None}, "max_symbols"),
    ({"missing_label": "a"}, "missing_label is not a whole number"), ({"seed": -1}, "seed is not a whole number"),
])  # fmt: skip
def test_arguments_of_labels_are_checked(given, match):
    with pytest.raises(InputError, match=match):
        encode(labelled([0, 1, 0]), **given)


def test_arguments_that_are_for_something_else_are_refused():
    with pytest.raises(InputError, match="missing_label= is for labelled data"):
        encode(Tent(), missing_label=1)
    with pytest.raises(InputError, match="inputs= and transient= are for free runs"):
        encode(Tent(), data=np.zeros((9, 1)), transient=3)


def test_more_runs_than_initial_states_are_refused():
    model = ElementwisePLRNN.from_arrays(
        A=[1.5], W=[[-3.7]], h=[1.0], n_rectified=1, initial_states=[[0.1], [0.2], [0.1]]
    )
    assert len(encode(model, n_steps=50, n_trajectories=2).symbols) == 2
    with pytest.raises(InputError, match="runs that repeat each other: 3 runs; at most 2"):
        encode(model, n_steps=50, n_trajectories=3)


def test_corrections_do_not_make_a_metric_entropy_negative():
    code = encode(labelled([3, 4] * 5))
    assert code.entropy_rates.min() < 0 and code.metric_entropy == 0.0


@pytest.mark.parametrize("wrong", [{"n_steps": 0}, {"n_trajectories": 1.5}, {"transient": -1}])
def test_counts_are_checked(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        encode(Tent(), **wrong)


def test_data_that_do_not_fit_the_model():
    with pytest.raises(InputError, match="other variables than the model: x0, x1; the model knows z"):
        encode(Tent(), data=np.zeros((9, 2)))
    with pytest.raises(InputError, match="another interval than the model: dt = 1; the model has 0.5"):
        encode(Tent(), data=make_dataset(np.zeros((9, 1)), dt=1.0))
    with pytest.raises(InputError, match="filter_steps"):
        encode(Tent(), data=np.zeros((9, 1)), filter_steps=0)
    with pytest.raises(DivergedError, match="diverges although the data pull it"):
        encode(Tent(1e300, gain=0.1), data=make_dataset(np.full((200, 1), 0.4), dt=0.5))


@pytest.mark.parametrize("n_bits", [1, 7, 64, 130])
def test_regions_with_many_bits_are_told_apart(n_bits, rng):
    regions = rng.random((6, n_bits)) < 0.5
    regions[:, 0] = [0, 1, 0, 1, 0, 1]
    at = rng.integers(0, 6, 500)
    symbols, packed = by_visits([pack_bits(regions[at])], 100)
    bits = np.unpackbits(packed.view(np.uint8), axis=1, count=n_bits, bitorder="little").astype(bool)
    np.testing.assert_array_equal(bits[symbols[0]], regions[at])
    assert len(bits) == len(np.unique(regions, axis=0))


def test_encodings_cannot_be_changed():
    code = encode(labelled([0, 1]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        code.dt = 2.0
