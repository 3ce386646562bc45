"""KoopmanVAE: a sequential variational autoencoder whose latent dynamics is nearly linear, as a reconstructor."""

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.arguments import (
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    TRUE_OR_FALSE,
    check_arguments,
    none_or_whole_from,
    number,
    one_of,
    whole_from,
)
from dysyr.core.checkpoint import Checkpoint
from dysyr.core.dataset import sampling_interval, trajectories
from dysyr.core.errors import InputError
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.koopman_vae.losses import Weights
from dysyr.reconstruction.koopman_vae.model import (
    MOST_WINDOWS,
    PRIORS,
    KoopmanModel,
    koopman_of,
    posterior_noise,
    residual_noise,
)
from dysyr.reconstruction.koopman_vae.network import ENCODERS, HEADS, KoopmanNetwork
from dysyr.reconstruction.koopman_vae.noise_law import fit_law, n_checks_of
from dysyr.reconstruction.koopman_vae.training import Recipe, Training
from dysyr.reconstruction.koopman_vae.windows import WindowSet, bounds_of, change_of

CONSTRAINTS = ("unit_circle", "stable")
FORMS = ("relative", "published")


class KoopmanVAE(Reconstructor):
    """Draws new windows like those of the data, complete or with missing values.

        z_t = z_(t-1) A + m_t(z_<t) + s_t(z_<t) e_t,   x = D(z),   z_(t+1) ~ z_t C

    A GRU gives m and s; the encoder says which noise e explains a window; the matrix C, least squares between
    successive latent states, is pushed to foretell them, so that its eigenvalues are frequencies and decay rates of the
    dynamics.

    Args:
        window: samples of a window.
        latent_dim: k.
        hidden_dim: units of the recurrent cells.
        encoder: "gru" for complete windows, "cde" (a controlled differential equation along the observed values) for
            those with missing values, "auto" for whichever the data ask for.
        head: "linear", or "sigmoid" where values keep to the range of the data.
        prior: "gru": windows are drawn as in training; "koopman": by C alone, which goes on beyond a window as within.
        rollout_noise: whether a rollout by C has the residuals of its fit as noise.
        constraint: None; "unit_circle": the ``n_unit`` largest eigenvalues of C on the unit circle and the others
            inside; "stable": none outside. Drawn there by the loss, and moved there after the training.
        n_unit: eigenvalues on the unit circle; None for all.
        increment_weight: weight of the error of increments from sample to sample, in their own standard deviations.
            Without it increments of windows are rough where they are small against the values.
        divergence_weight: weight of the divergence at the end, 1/2 the variance of noise that is taken for granted, in
            standard deviations of the data.
        divergence_start: the same at the beginning, in multiples.
        prediction_weight: weight of the error of C.
        prediction_steps: steps that C is to foretell.
        prediction_form: "relative", or "published" (depends on the scale of the latent space).
        rollout_weight: weight of the error of whole windows that are decoded from a rollout by C of their first state;
            makes long rollouts better, and windows that follow no law of motion worse.
        spectrum_weight: weight of the constraint.
        n_updates: steps of Adam; then as many fit the law of first states, and with the prior "gru" half as many that
            of all later noise.
        batch_size: windows of a batch.
        learning_rate: the largest.
        validation_fraction: share at the end of each trajectory, or of many trajectories, that is held out when ``fit``
            gets no validation data.
        n_checks: looks at held-out windows; the weights of the best one are kept.
        seed: seed of initial weights, batches and noise.

    Attributes after fit: ``model_`` (KoopmanModel, with ``modes()`` and ``n_parameters``); ``history_`` (update, loss,
    criterion and parts of the held-out loss per check, among them ``divergence`` and ``later_divergence``, the nats of
    all corrections and of those after the first state; ``chosen``: attempt, update and criterion of what was kept;
    ``left_out``: share of windows that could not be used; ``law``: nats by which held-out noise is more likely by the
    law that was fitted than by N(0, 1), of first and of each later sample; ``couplings``: of the law of later noise,
    8, or 4 where 8 have more than two parameters for each value of the data); ``dt_``, ``n_features_in_``,
    ``provenance_``.

    Reference: naiman2024
    """

    handles_missing = True
    draws_windows = True
    budget = ("n_updates",)

    def __init__(
        self, *, window=24, latent_dim=12, hidden_dim=24, encoder="auto", head="linear", prior="gru",
        rollout_noise=True, constraint=None, n_unit=None, increment_weight=1.0, divergence_weight=0.006,
        divergence_start=7.0, prediction_weight=0.05, prediction_steps=1, prediction_form="relative",
        rollout_weight=0.0, spectrum_weight=1.0, n_updates=1500, batch_size=64, learning_rate=1e-2,
        validation_fraction=0.2, n_checks=10, seed=0,
    ):  # fmt: skip
        self.window = window
        self.latent_dim = latent_dim
        self.hidden_dim = hidden_dim
        self.encoder = encoder
        self.head = head
        self.prior = prior
        self.rollout_noise = rollout_noise
        self.constraint = constraint
        self.n_unit = n_unit
        self.increment_weight = increment_weight
        self.divergence_weight = divergence_weight
        self.divergence_start = divergence_start
        self.prediction_weight = prediction_weight
        self.prediction_steps = prediction_steps
        self.prediction_form = prediction_form
        self.rollout_weight = rollout_weight
        self.spectrum_weight = spectrum_weight
        self.n_updates = n_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.n_checks = n_checks
        self.seed = seed

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model; see ``Reconstructor.fit``.

        Raises:
            InputError: arguments out of range, a variable without values or variation, or no window that can be used.
            NotConverged: the loss became infinite; a checkpoint keeps the last state before.
        """
        self._check()
        data = self._checked(X, dt)
        train, held = self._train_and_validation(data, validation)
        names = tuple(str(name) for name in train["state"].values)
        scaler = Scaler.from_data(trajectories(train), names)
        encoder = self._encoder(train, held)
        windows = WindowSet(train, self.window, scaler, ENCODERS[encoder])
        held_windows = WindowSet(held, self.window, scaler, ENCODERS[encoder], enough=windows.enough)
        place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(train, held))
        with threadpool_limits(1):
            network = KoopmanNetwork(
                len(names), latent_dim=self.latent_dim, hidden_dim=self.hidden_dim, encoder=encoder, head=self.head,
                change=change_of(windows.values(windows.spread(MOST_WINDOWS))), bounds=bounds_of(windows.covered()),
                seed=self.seed,
            )  # fmt: skip
            training = Training(network, windows, held_windows, self._recipe(), seed=self.seed)
            disable = None if progress else True
            later = self.prior == "gru"
            network.law.suit(np.isfinite(windows.covered()).sum())
            n_checks = self.n_checks + n_checks_of(later)
            with tqdm(total=n_checks, desc=type(self).__name__, unit="check", disable=disable) as bar:
                value, update = training.run(checkpoint=place, bar=bar)
                noise, held_noise = (posterior_noise(network, part) for part in (windows, held_windows))
                gains = fit_law(
                    network.law, noise, held_noise, later=later, n_updates=self.n_updates, seed=self.seed, bar=bar
                )
            matrix, residual = koopman_of(
                network, windows, constraint=self.constraint, n_unit=self._n_unit(),
                with_noise=bool(self.rollout_noise),
            )  # fmt: skip
            model = KoopmanModel(
                network, encoder=encoder, window=self.window, matrix=matrix, residual=residual,
                noise=residual_noise(network, windows), prior=self.prior, scaler=scaler, dt=sampling_interval(train),
                names=names,
            )  # fmt: skip
        history = {name: np.asarray(column) for name, column in training.history.items()}
        history |= {"chosen": np.array([0.0, update, value]), "left_out": np.array([windows.left_out]), "law": gains}
        history["couplings"] = np.array([network.law.n_couplings])
        return self._learned(model, history, data)

    def _encoder(self, *parts):
        """Name of the encoder that the data ask for."""
        if self.encoder != "auto":
            return self.encoder
        missing = any(np.isnan(x).any() for part in parts for x in trajectories(part))
        return "cde" if missing else "gru"

    def _n_unit(self):
        return self.latent_dim if self.n_unit is None else self.n_unit

    def _recipe(self):
        weights = Weights(
            increment=self.increment_weight, divergence=self.divergence_weight, start=self.divergence_start,
            prediction=self.prediction_weight, n_steps=self.prediction_steps, form=self.prediction_form,
            rollout=self.rollout_weight, spectrum=self.spectrum_weight, constraint=self.constraint,
            n_unit=self._n_unit(),
        )  # fmt: skip
        return Recipe(
            n_updates=self.n_updates, batch_size=self.batch_size, learning_rate=self.learning_rate,
            n_checks=self.n_checks, weights=weights,
        )  # fmt: skip

    def _check(self):
        check_arguments(
            self,
            ("window", *whole_from(4)),
            ("latent_dim", *whole_from(2)),
            *((name, *whole_from(1)) for name in ("hidden_dim", "prediction_steps", "n_updates", "batch_size",
                                                  "n_checks")),
            ("encoder", *one_of(("auto", *ENCODERS))),
            ("head", *one_of(HEADS)),
            ("prior", *one_of(PRIORS)),
            ("prediction_form", *one_of(FORMS)),
            ("constraint", f"None or one of {CONSTRAINTS}", lambda v: v is None or v in CONSTRAINTS),
            ("n_unit", *none_or_whole_from(1)),
            ("divergence_weight", *POSITIVE),
            ("divergence_start", "a number of at least 1", lambda v: number(v) and v >= 1),
            *((name, *NOT_NEGATIVE) for name in ("increment_weight", "prediction_weight", "rollout_weight",
                                                 "spectrum_weight")),
            ("learning_rate", *POSITIVE),
            ("validation_fraction", *FRACTION),
            ("rollout_noise", *TRUE_OR_FALSE),
            ("seed", *whole_from(0)),
        )  # fmt: skip
        for name, most in (("n_unit", self.latent_dim), ("prediction_steps", self.window - 1)):
            if getattr(self, name) is not None and getattr(self, name) > most:
                raise InputError(
                    f"KoopmanVAE cannot use this {name}", got=str(getattr(self, name)), expected=f"at most {most}"
                )
