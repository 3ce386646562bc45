import json

import numpy as np
import pytest

from dysyr.core.dataset import make_dataset, read_dataset, sampling_interval, save_dataset, times, trajectories
from dysyr.core.errors import InputError
from dysyr.simulation.observation import (
    MODELS,
    DelayEmbedding,
    GaussianEmission,
    GaussianNoise,
    IrregularSampling,
    LabelFlips,
    MissingAtRandom,
    MissingBlocks,
    Ordinal,
    PartialObservation,
    PoissonSpikes,
    Readout,
    observe,
)

EXAMPLES = (
    GaussianNoise(0.1),
    PartialObservation(("z", "x")),
    Readout(np.eye(2, 3), offset=[1.0, -1.0], function="tanh"),
    PoissonSpikes(5, rate=20.0),
    Ordinal(4, noise=0.2),
    MissingAtRandom(0.2),
    MissingBlocks(0.3, 10),
    IrregularSampling(0.5),
    LabelFlips(0.25),
    GaussianEmission((0.0, 1.0, 3.0), (0.1, 0.2, 0.1)),
    DelayEmbedding(3, 5, "y"),
)


@pytest.fixture
def clean(rng):
    x = rng.normal(size=(2, 4000, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, -3.0]
    return make_dataset(
        x, dt=0.1, names=["x", "y", "z"], label=rng.integers(0, 3, (2, 4000)), u=rng.normal(size=(2, 4000, 1))
    )


def test_every_model_has_an_example_and_a_stream_of_its_own():
    assert {type(model) for model in EXAMPLES} == set(MODELS)
    assert len({model.stream for model in MODELS}) == len(MODELS)


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: type(model).__name__)
class TestEveryModel:
    def test_same_seed_same_bits_other_seed_other_bits(self, clean, model):
        assert model(clean, 1).identical(model(clean, 1))
        if not isinstance(model, (PartialObservation, Readout, DelayEmbedding)):
            assert not model(clean, 1).equals(model(clean, 2))

    def test_truth_and_settings_are_kept(self, clean, model):
        observed = model(clean, 1)
        if isinstance(model, IrregularSampling):
            kept = np.isin(clean["time"], times(observed)[0])
            np.testing.assert_array_equal(observed["x_true"][0], clean["x"][0, kept])
        else:
            lost = clean.sizes["time"] - observed.sizes["time"]
            np.testing.assert_array_equal(observed["x_true"], clean["x"][:, lost:])
        (record,) = json.loads(observed.attrs["observation"])
        assert record["model"] == type(model).__name__

    def test_observed_data_survive_the_file(self, clean, model, tmp_path):
        observed = model(clean, 1)
        save_dataset(observed, tmp_path / "d.nc")
        assert read_dataset(tmp_path / "d.nc").identical(observed)

    def test_clean_data_are_not_touched(self, clean, model):
        before = clean.copy(deep=True)
        model(clean, 1)
        assert clean.identical(before)


def test_noise_is_a_fraction_of_each_standard_deviation_and_white(clean):
    noisy = GaussianNoise(0.05)(clean, 3)
    noise = (noisy["x"] - noisy["x_true"]).values
    np.testing.assert_allclose(noise.std(axis=(0, 1)) / clean["x"].std(("trajectory", "time")), 0.05, rtol=0.03)
    flat = noise[..., 0].ravel() / noise[..., 0].std()
    assert abs(flat[1:] @ flat[:-1]) / len(flat) < 4 / np.sqrt(len(flat))
    assert abs(np.mean(flat**4) - 3) < 0.2


def test_partial_observation_keeps_the_order_asked_for(clean):
    observed = PartialObservation(("z", 0))(clean)
    assert list(observed["state"].values) == ["z", "x"]
    np.testing.assert_array_equal(observed["x"], clean["x"].values[..., [2, 0]])


def test_readout_is_the_formula(clean):
    matrix, offset = np.array([[1.0, 0.5, 0.0], [0.0, 0.1, 2.0]]), np.array([0.3, -0.2])
    observed = Readout(matrix, offset, "tanh", ("a", "b"))(clean)
    np.testing.assert_allclose(observed["x"], np.tanh(clean["x"].values @ matrix.T + offset))
    assert list(observed["state"].values) == ["a", "b"]


def test_spikes_are_poisson_counts_with_the_rate_asked_for(clean):
    observed = PoissonSpikes(40, rate=30.0, gain=0.5)(clean, 2)
    assert observed["x"].dtype == np.int64
    assert float(observed["x"].mean()) == pytest.approx(30.0 * 0.1, rel=0.02)
    still = PoissonSpikes(3, rate=30.0, gain=0.0)(clean, 2)["x"].values
    np.testing.assert_allclose(still.var(axis=(0, 1)) / still.mean(axis=(0, 1)), 1.0, atol=0.06)


def test_ratings_without_noise_are_quantile_ranks(clean):
    observed = Ordinal(5)(clean)
    shares = [(observed["x"] == level).mean() for level in range(5)]
    np.testing.assert_allclose(shares, 0.2, atol=1e-3)
    order = np.argsort(clean["x"].values[0, :, 1])
    assert (np.diff(observed["x"].values[0, order, 1]) >= 0).all()


def test_missing_shares_and_block_lengths(clean):
    alone = ~MissingAtRandom(0.2)(clean, 1)["mask"].values
    assert alone.mean() == pytest.approx(0.2, abs=0.01)
    blocks = ~MissingBlocks(0.3, 10)(clean, 1)["mask"].values
    assert blocks.mean() == pytest.approx(0.3)
    assert (blocks == blocks[..., :1]).all()
    edges = np.diff(np.concatenate([[0], blocks[0, :, 0].astype(int), [0]]))
    runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    assert (runs % 10 == 0).all()
    both = MissingBlocks(0.3, 10)(MissingAtRandom(0.2)(clean, 1), 1)
    assert (~both["mask"].values)[alone].all()


def test_irregular_sampling_takes_true_samples_in_order(clean):
    observed = IrregularSampling(0.5)(clean, 4)
    with pytest.raises(InputError, match="time step is not constant"):
        sampling_interval(observed)
    for x, t, whole in zip(trajectories(observed), times(observed), trajectories(clean), strict=True):
        assert len(x) == 2000 and (np.diff(t) > 0).all()
        np.testing.assert_array_equal(x, whole[np.rint(t / 0.1).astype(int)])


def test_flipped_labels_are_always_other_labels(clean):
    before, after = clean["label"].values, LabelFlips(0.3)(clean, 1)["label"].values
    assert (before != after).mean() == pytest.approx(0.3, abs=0.02)
    flips = np.bincount(((after - before) % 3).ravel(), minlength=3)
    assert flips[1] == pytest.approx(flips[2], rel=0.1)
    assert (LabelFlips(1.0)(clean, 1)["label"].values != before).all()


def test_observe_takes_names_models_and_noise(clean):
    assert observe(clean) is clean
    by_name = observe(clean, observe="x", observation_noise=0.1, seed=5)
    by_model = observe(clean, observe=[PartialObservation("x")], observation_noise=0.1, seed=5)
    np.testing.assert_array_equal(by_name["x"], by_model["x"])
    assert by_name["x_true"].shape[-1] == 3
    assert [m["model"] for m in json.loads(by_name.attrs["observation"])] == ["PartialObservation", "GaussianNoise"]
    twice = observe(clean, observe=[GaussianNoise(0.1), GaussianNoise(0.1)], seed=5)
    noise = (twice["x"] - clean["x"]).values
    np.testing.assert_allclose(noise.std(axis=(0, 1)) / clean["x"].std(("trajectory", "time")), 0.1414, rtol=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNoise(-0.1), "noise as a fraction of the standard deviation: -0.1; 0 or more"),
        (lambda: PartialObservation(("w",)), "unknown variable to observe: w; one of x, y, z"),
        (lambda: PartialObservation((7,)), "unknown variable to observe: 7"),
        (lambda: Readout(np.eye(2)), r"readout matrix: shape \(2, 2\); \(observed, 3\)"),
        (lambda: Readout(np.eye(3), function="sin"), "readout function: sin; tanh, exp"),
        (lambda: MissingAtRandom(1.0), "fraction of missing values: 1.0"),
        (lambda: Ordinal(1), "number of levels: 1; a whole number"),
        (lambda: IrregularSampling(0.0), "share of samples to keep"),
        (lambda: IrregularSampling("all"), "share of samples to keep: all"),
        (lambda: GaussianNoise("a"), "noise as a fraction of the standard deviation: a; 0 or more"),
        (lambda: MissingAtRandom("a"), "fraction of missing values: a"),
        (lambda: MissingBlocks("a", 3), "fraction of missing samples: a"),
        (lambda: MissingBlocks(0.1, 2.5), "length of a missing block: 2.5; 1 sample or more"),
        (lambda: Ordinal(2.5), "number of levels: 2.5; a whole number"),
        (lambda: Ordinal(3, noise="a"), "noise of ratings: a; 0 or more"),
        (lambda: PoissonSpikes(2.5, 1.0), "spikes: 2.5 neurons, rate 1.0; positive"),
        (lambda: PoissonSpikes(2, "a"), "spikes: 2 neurons, rate a; positive"),
        (lambda: PoissonSpikes(2, 1.0, gain="a"), "gain of spikes: a; a number"),
        (lambda: DelayEmbedding(3, 4000), "too short to be embedded"),
    ],
)
def test_settings_that_make_no_sense_are_refused(clean, make, message):
    with pytest.raises(InputError, match=message):
        make()(clean)


def test_labels_are_needed_to_flip_labels():
    with pytest.raises(InputError, match="label flips: a data set without labels"):
        LabelFlips(0.1)(make_dataset(np.arange(5), dt=1))


def test_what_cannot_be_observed_is_said(clean):
    with pytest.raises(InputError, match="cannot observe this: .*names or indices of variables"):
        observe(clean, observe=[1.5])
