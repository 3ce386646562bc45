"""HankelStNN: the structured network of the Hankel factorization as a reconstructor."""

from dysyr.core.errors import InputError
from dysyr.reconstruction.hankel_stnn.estimator import DelayReconstructor
from dysyr.reconstruction.hankel_stnn.layer import TRANSFORMS
from dysyr.reconstruction.hankel_stnn.model import HankelModel
from dysyr.reconstruction.hankel_stnn.network import HankelNetwork


class HankelStNN(DelayReconstructor):
    """Predicts the next sample from a long window of delays with few parameters.

        x[t+1] = x[t] + change * (sum_k C_k phi(u_k) + c),     u_k = H_k (w * window) + b_k

    The H_k are p trained products of the form J E^T G^* D F E: those of Hankel matrices at the beginning, in
    O(n log n); see ``HankelLayer``. The state of the model is the window.

    Args:
        window: samples n that the model sees, a power of two.
        n_blocks: p, even for Fourier transforms; there are p n units.
        transform: "fourier" (complex coefficients, begins with Hankel matrices) or "real" (real coefficients of the
            same sparsity: less than half of the work, as a rule less accurate).
        tied: the inverse transforms share the coefficients of the first one.
        activation: phi, "tanh", "relu" or "identity".
        residual: predict the change of the last sample; else the next sample itself.
        memory: decay in samples of the initial weights w of the window; "auto" takes the power of two with which a
            readout by least squares gives the best rollouts.
        n_rollout: steps of the rollouts that are trained.
        n_windows: rollouts in the sum.
        n_iterations: iterations of L-BFGS, two fifths of them on one step.
        jitter: standard deviation of noise on the windows from which rollouts start, in standard deviations of the
            data.
        validation_fraction: share at the end of each trajectory that is held out when ``fit`` gets no validation data.
        n_checks: looks at validation data; the parameters of the best one are kept.
        seed: seed of initial parameters, windows and noise.

    Attributes after fit: ``model_`` (HankelModel, with ``n_parameters`` and ``n_flops``); ``history_`` (iteration,
    rollout, loss, criterion per check; ``chosen``: iteration and criterion of what was kept; ``memory``); ``dt_``,
    ``n_features_in_``, ``provenance_``.

    Reference: aluvihare2025
    """

    def __init__(
        self, *, window=64, n_blocks=4, transform="fourier", tied=False, activation="tanh", residual=True,
        memory="auto", n_rollout=6, n_windows=256, n_iterations=100, jitter=0.01, validation_fraction=0.2,
        n_checks=5, seed=0,
    ):  # fmt: skip
        self.window = window
        self.n_blocks = n_blocks
        self.transform = transform
        self.tied = tied
        self.activation = activation
        self.residual = residual
        self.memory = memory
        self.n_rollout = n_rollout
        self.n_windows = n_windows
        self.n_iterations = n_iterations
        self.jitter = jitter
        self.validation_fraction = validation_fraction
        self.n_checks = n_checks
        self.seed = seed

    def _network(self, n_variables, memory):
        if self.transform not in TRANSFORMS:
            raise InputError(
                "HankelStNN cannot use this transform", got=repr(self.transform), expected=f"one of {TRANSFORMS}"
            )
        return HankelNetwork(
            self.window, n_variables, n_blocks=self.n_blocks, transform=self.transform, tied=bool(self.tied),
            activation=self.activation, memory=memory, seed=self.seed,
        )  # fmt: skip

    def _model(self, network, form):
        return HankelModel(network, **form)
