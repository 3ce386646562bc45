"""DendPLRNN: the dendritic PLRNN as a reconstructor."""

from dysyr.core.arguments import TRUE_OR_FALSE, check_arguments, whole_from
from dysyr.reconstruction.plrnn.elementwise_network import ElementwiseNetwork
from dysyr.reconstruction.plrnn.estimator import ForcedReconstructor


class DendPLRNN(ForcedReconstructor):
    """Dendritic PLRNN: each unit has a linear spline with B bases, whose slopes all units share.

        z[t+1] = A * s[t] + W phi(s[t]) + h + C u[t+1],     phi(s)_m = sum_b alpha_b relu(s_m - H_mb)

    z (M,) is the latent state, s[t] the state after forcing, diag(W) = 0. The clipped form subtracts alpha_b relu(s_m)
    from each term and has bounded orbits where |A| < 1. The sides of the M B kinks, and of the M zeros in the clipped
    form, name the regions in which the map is affine.

    Args:
        latent_dim: M; None for the number of observed variables.
        n_bases: B.
        clipped: the clipped form.
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
        n_updates: updates of an attempt by gradient descent.
        n_refinements: Levenberg-Marquardt iterations after them; an adaptive alpha sinks to a twentieth in the second
            half. Cheap up to some 1,500 parameters; beyond, the cost grows with the cube of their number.
        n_generations: generations of an evolution after those, towards the states that the data visit and their
            spectrum; none with external inputs, nor where no stretch of 64 samples is complete.
        learning_rate: first learning rate of RAdam.
        learning_rate_end: last one; exponential in between.
        weight_decay: strength of the quadratic penalty (A is pulled to 1).
        readout_penalty: strength of the penalty on the condition number of an affine readout.
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
    check, ``chosen``: attempt, update and criterion of the model that was kept, ``smoothing``: window per variable);
    ``dt_``, ``n_features_in_``, ``provenance_``.

    Reference: brenner2022
    """

    def __init__(
        self, *, latent_dim=15, n_bases=20, clipped=True, readout="identity", forcing="sparse", alpha="adaptive",
        alpha_estimator="arithmetic_mean", alpha_decay=None, forcing_interval=None, sequence_length=None, warm_up=0,
        batch_size=16, n_updates=10_000, n_refinements=60, n_generations=0, learning_rate=3e-3,
        learning_rate_end=1e-5, weight_decay=0.0, readout_penalty=0.0, gradient_clip=0.0, smoothing="auto",
        jitter="auto", validation_fraction=0.2, n_checks=20, max_restarts=2, device="cpu", seed=0,
    ):  # fmt: skip
        self._store(locals())

    def _check_own_arguments(self):
        check_arguments(self, ("n_bases", *whole_from(1)), ("clipped", *TRUE_OR_FALSE))

    def _networks(self, n_observed):
        latent_dim = self.latent_dim or n_observed
        return (ElementwiseNetwork(latent_dim, n_bases=self.n_bases, clipped=bool(self.clipped), hollow=True),)
