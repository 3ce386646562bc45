"""ALRNN: the almost-linear RNN as a reconstructor."""

from dysyr.reconstruction.plrnn.arguments import require, whole
from dysyr.reconstruction.plrnn.elementwise_network import ElementwiseNetwork
from dysyr.reconstruction.plrnn.estimator import ForcedReconstructor

class ALRNN(ForcedReconstructor):
    def __init__(
        self, *, latent_dim=20, n_rectified=2, readout="identity", forcing="sparse", alpha="adaptive",
        alpha_estimator="arithmetic_mean", alpha_decay=None, forcing_interval=None, sequence_length=None, warm_up=0,
        batch_size=16, n_updates=20_000, n_refinements=0, learning_rate=3e-3, learning_rate_end=1e-5, weight_decay=0.0,
        readout_penalty=0.0, gradient_clip=0.0, smoothing="auto", jitter="auto", validation_fraction=0.2, n_checks=20,
        max_restarts=2, device="cpu", seed=0,
    ):  # fmt: skip
        self._store(locals())

    def _check_own_arguments(self):
        require(self, "n_rectified", "a whole number of at least 0", lambda v: whole(v) and v >= 0)

    def _networks(self, n_observed):
        return (ElementwiseNetwork(self.latent_dim or n_observed, n_rectified=self.n_rectified),)
