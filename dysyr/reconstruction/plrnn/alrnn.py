"""ALRNN: the almost-linear RNN as a reconstructor."""

from dysyr.core.arguments import NOT_NEGATIVE, check_arguments, whole, whole_from
from dysyr.core.errors import InputError
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN
from dysyr.reconstruction.plrnn.elementwise_network import ElementwiseNetwork
from dysyr.reconstruction.plrnn.estimator import ForcedReconstructor

LADDER = (1, 2, 3, 4, 6, 8, 12, 16)


class ALRNN(ForcedReconstructor):
    """Almost-linear RNN: all units linear but the last P, which are rectified.

        z[t+1] = A * s[t] + W phi(s[t]) + h + C u[t+1],     phi(s)_m = s_m, but relu(s_m) for the last P units

    z (M,) is the latent state, s[t] the state after forcing. The signs of the P rectified units name at most 2^P
    regions, in each of which the map is affine: they are the symbols that ``dysyr.encode`` writes.

    Args:
        latent_dim: M; None for the number of observed variables.
        n_rectified: P; ``"auto"`` fits P = 1, 2, 3, 4, 6, 8, 12, 16 (up to M) and keeps the smallest whose criterion is
            within 0.05 of the best: the plateau of quality against P is in ``history_``.
        readout: ``"identity"`` (the first N units are the data) or ``"affine"`` (x = B z with B learned).
        forcing: ``"generalized"``; ``"sparse"`` (replace the state every ``forcing_interval`` steps); ``"identity"``
            (replace it at every step: one-step prediction).
        alpha: generalized forcing strength: ``"adaptive"`` (from the Jacobians along the data), ``"annealed"`` (from 1
            to 0.02), or a constant in [0, 1].
        alpha_estimator: estimator of the adaptive strength, one of ``kernels.forcing.ESTIMATORS``.
        alpha_decay: how slowly the running estimate of the adaptive strength sinks, in (0, 1); by default so that it
            forgets its start within a twelfth of the training.
        forcing_interval: steps between two forced steps of sparse forcing; by default from the autocorrelation and
            mutual information of the data.
        sequence_length: forced steps per window; by default 200, or a quarter of the longest trajectory if that is
            less.
        warm_up: steps at the start of each window that are forced but not scored, where the noise of the first sample
            should not teach the model to contract.
        batch_size: windows per update.
        n_starts: initialisations of an attempt; the one whose free runs are nearest to the data after gradient descent
            goes on. One where there is no evolution either, for want of free runs to compare.
        n_updates: updates by gradient descent, for each of them.
        n_refinements: Levenberg-Marquardt iterations after them; an adaptive alpha sinks to a twentieth in the second
            half. Cheap up to some 1,500 parameters; beyond, the cost grows with the cube of their number.
        n_generations: generations of an evolution after those, towards the states that the data visit and their
            spectrum; none with external inputs, nor where no stretch of 64 samples is complete.
        n_evolutions: evolutions of an attempt, all from where gradient descent and refinements have ended; the one
            whose free runs end nearest to the data goes on.
        learning_rate: first learning rate of RAdam.
        learning_rate_end: last one; exponential in between.
        weight_decay: strength of the quadratic penalty (A is pulled to 1).
        readout_penalty: strength of the penalty on the condition number of an affine readout.
        coupling_penalty: strength of the penalty |relu(A + diag W - 0.05)|, in the updates by gradient descent.
        gradient_clip: bound on the norm of the gradient; 0 for none.
        smoothing: ``"auto"`` trains on local cubic fits of the samples, with the window by which neighbours predict a
            sample best (none where the data are no smooth curve); a whole odd number sets the window; None trains on
            the samples as they are. White noise in the forcing signal teaches the model to contract.
        jitter: standard deviation, in standard deviations of the data, of fresh noise on what the model is forced with
            (never on what it has to predict). It shows the model states beside the attractor; without any, clean data
            leave open what happens there, and models collapse. ``"auto"`` fills up to 0.03 what noise smoothing leaves.
            Refinements, which start from a model that has seen it, do without.
        validation_fraction: share at the end of each trajectory that is held out when ``fit`` gets no validation data.
        n_checks: validation checks during the updates of an attempt.
        max_restarts: further attempts after one that collapsed.
        device: ``"cpu"``; nothing else exists yet.
        seed: seed of initial parameters and windows.

    Attributes after fit: ``model_`` (ElementwisePLRNN); ``history_`` (update, attempt, loss, alpha, criterion per
    check, ``chosen``: attempt, update and criterion of the model that was kept, ``smoothing``: window per variable, and
    with ``n_rectified="auto"`` ``n_rectified`` and ``quality``, the criterion for each); ``dt_``, ``n_features_in_``,
    ``provenance_``.

    Reference: brenner2024
    """

    SWEPT = "n_rectified"

    def __init__(
        self, *, latent_dim=20, n_rectified=2, readout="identity", forcing="sparse", alpha="adaptive",
        alpha_estimator="arithmetic_mean", alpha_decay=None, forcing_interval=None, sequence_length=None, warm_up=0,
        batch_size=16, n_starts=4, n_updates=30_000, n_refinements=0, n_generations=200, n_evolutions=2,
        learning_rate=3e-3, learning_rate_end=1e-5, weight_decay=0.0, readout_penalty=0.0, coupling_penalty=0.0,
        gradient_clip=0.0, smoothing="auto", jitter="auto", validation_fraction=0.2, n_checks=20, max_restarts=2,
        device="cpu", seed=0,
    ):  # fmt: skip
        self._store(locals())

    @staticmethod
    def from_parameters(*, A, W, h, n_rectified, **others):
        """A model from given arrays, in its own units; see ``ElementwisePLRNN.from_arrays``."""
        return ElementwisePLRNN.from_arrays(A=A, W=W, h=h, n_rectified=n_rectified, **others)

    def _check_own_arguments(self):
        check_arguments(
            self,
            ("n_starts", *whole_from(1)),
            ("n_evolutions", *whole_from(1)),
            ("coupling_penalty", *NOT_NEGATIVE),
            ("n_rectified", "'auto' or a whole number of at least 0",
             lambda v: v == "auto" if isinstance(v, str) else whole(v, 0)),
        )  # fmt: skip

    def _networks(self, n_observed):
        latent_dim = self.latent_dim or n_observed
        if self.n_rectified == "auto":
            tried = [p for p in LADDER if p <= latent_dim]
        elif self.n_rectified <= latent_dim:
            tried = [self.n_rectified]
        else:
            raise InputError(
                "ALRNN has more rectified units than units", got=f"n_rectified={self.n_rectified}",
                expected=f"at most latent_dim={latent_dim}",
            )  # fmt: skip
        return tuple(ElementwiseNetwork(latent_dim, n_rectified=p) for p in tried)
