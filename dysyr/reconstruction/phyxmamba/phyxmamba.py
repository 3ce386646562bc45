"""PhyxMamba: patches of delay vectors through Mamba layers, trained on patches and then on free runs."""

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dysyr.core.checkpoint import Checkpoint
from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import trajectories
from dysyr.core.delay_state import delay_form
from dysyr.core.errors import InputError
from dysyr.core.reconstructor import Reconstructor
from dysyr.core.scaler import Scaler
from dysyr.core.segments import complete_stretches
from dysyr.reconstruction.phyxmamba.arguments import check
from dysyr.reconstruction.phyxmamba.discrepancy import BANDWIDTHS
from dysyr.reconstruction.phyxmamba.embedding import choose_embedding
from dysyr.reconstruction.phyxmamba.model import PhyxMambaModel
from dysyr.reconstruction.phyxmamba.network import PatchNetwork, Shape
from dysyr.reconstruction.phyxmamba.presets import COMMON, PUBLISHED
from dysyr.reconstruction.phyxmamba.recipe import Recipe, Stage
from dysyr.reconstruction.phyxmamba.training import Training

RUN_PATCHES = 2
"""Patches of a free run of the second stage: the second follows a predicted one. Longer runs of chaotic systems have
gradients that are ruled by what cannot be forecast."""


class PhyxMamba(Reconstructor):
    """Forecasts the next patch of P samples from the last L patches of delay vectors, and runs on its own patches.

        e_l = W_in [x[t - (m-1) tau], ..., x[t]]_(t in patch l) + b_in + position l
        r_0 = e,   h_i = Mamba_i(r_i),   r_{i+1} = r_i - (W h_i + b),   next patch = W_out sum_i h_i + b_out

    First stage: squared error of the patches after true patches, at all positions, and of heads that look further
    ahead. Second stage: squared error of free runs, and the maximum mean discrepancy between runs and data. The
    defaults are a small network that trains on one core in a minute or two; ``PhyxMamba.published`` has the published
    sizes.

    Args:
        patch_length: P, samples that are predicted at once.
        n_tokens: L, patches that the network sees.
        dim: m, delay coordinates of each variable; "auto" by false nearest neighbours, shared between the variables.
        delay: tau, samples between them; "auto" by mutual information.
        padding: "history": the window begins (m - 1) tau samples before the first patch; "zeros": zeros stand there.
        core: "ssd" (Mamba-2) or "selective" (Mamba-1).
        n_layers, d_model, d_state, expand: layers, their width, states of a channel, inner width over width.
        head_dim: channels of a layer that share a decay, a divisor of ``expand * d_model``; of "ssd".
        n_heads: modules that predict later patches, first stage only; fewer than ``n_tokens``.
        residual: predict the difference from the last sample; else the samples.
        normalise: standardise each variable; else the network computes in data units.
        n_updates, batch_size, learning_rate, learning_rate_end, weight_decay, dropout, head_weight: of the first stage.
        n_rollout: samples of the free runs of the second stage, a multiple of ``patch_length``; None for two patches.
        n_rollout_updates, rollout_batch_size, rollout_rate, rollout_rate_end, gradient_clip: of the second stage.
        n_decoder_updates: updates at the begin of the second stage in which only W_out and b_out move.
        conditional_weight: of the discrepancy between runs and truth, step by step.
        unconditional_weight: of the discrepancy between runs and first samples of windows.
        bandwidths: list of the s of the kernel sum_s s^2 / (s^2 + distance^2), in standard deviations; None for those
            of the paper, 0.2, 0.5, 0.9 and 1.3.
        mmd_estimator: "v" (all pairs) or "u" (unbiased).
        schedule: "cosine" from rate to its end; "plateau", halved after 5 checks without gain; "constant".
        jitter: standard deviation of noise on what the network is shown, in standard deviations of the data.
        validation_fraction: share at the end of each trajectory that is held out when ``fit`` gets no validation data.
        n_checks: looks at validation data; the parameters of the last good one are kept, see ``Training``.
        seed: of initial parameters, windows and noise.
        device: "cpu", one core; "cuda": a card trains, of core "ssd" with at most 64 patches. The fitted model computes
            on the processor.

    Attributes after fit: ``model_`` (PhyxMambaModel); ``history_`` (update, stage, loss, criterion per check;
    ``chosen``: attempt (0), update and criterion of what was kept; ``embedding``: delay and dimension; ``setbacks``:
    losses that were not finite); ``first_stage_`` (PhyxMambaModel at the end of the first stage, to compare with; not
    stored in a run folder); ``dt_``, ``n_features_in_``, ``provenance_``.

    Reference: liu2025phyxmamba, gu2023, dao2024
    """

    handles_missing = True
    min_samples = 60
    budget = ("n_updates", "n_rollout_updates", "n_decoder_updates")

    def __init__(
        self, *, patch_length=5, n_tokens=2, dim="auto", delay="auto", padding="history", core="ssd", n_layers=2,
        d_model=64, d_state=16, expand=2, head_dim=64, n_heads=0, residual=True, normalise=True, n_updates=3000,
        batch_size=128, learning_rate=4e-3, learning_rate_end=1e-5, weight_decay=0.0, dropout=0.0, head_weight=0.1,
        n_rollout=None, n_rollout_updates=1500, rollout_batch_size=128, rollout_rate=2e-3, rollout_rate_end=1e-6,
        gradient_clip=1.0, n_decoder_updates=0, conditional_weight=1.0, unconditional_weight=0.0,
        bandwidths=None, mmd_estimator="v", schedule="cosine", jitter=0.0, validation_fraction=0.2, n_checks=10,
        seed=0, device="cpu",
    ):  # fmt: skip
        self.patch_length = patch_length
        self.n_tokens = n_tokens
        self.dim = dim
        self.delay = delay
        self.padding = padding
        self.core = core
        self.n_layers = n_layers
        self.d_model = d_model
        self.d_state = d_state
        self.expand = expand
        self.head_dim = head_dim
        self.n_heads = n_heads
        self.residual = residual
        self.normalise = normalise
        self.n_updates = n_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_end = learning_rate_end
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.head_weight = head_weight
        self.n_rollout = n_rollout
        self.n_rollout_updates = n_rollout_updates
        self.rollout_batch_size = rollout_batch_size
        self.rollout_rate = rollout_rate
        self.rollout_rate_end = rollout_rate_end
        self.gradient_clip = gradient_clip
        self.n_decoder_updates = n_decoder_updates
        self.conditional_weight = conditional_weight
        self.unconditional_weight = unconditional_weight
        self.bandwidths = bandwidths
        self.mmd_estimator = mmd_estimator
        self.schedule = schedule
        self.jitter = jitter
        self.validation_fraction = validation_fraction
        self.n_checks = n_checks
        self.seed = seed
        self.device = device

    @classmethod
    def published(cls, name, **changes):
        """The published sizes and schedules for a system: far too large for a core, meant for a large machine.

        Args:
            name: "lorenz63", "rossler", "lorenz96", "ecg" or "eeg".
            changes: other arguments.

        Raises:
            InputError: there are no published settings for it.

        Reference: liu2025phyxmamba
        """
        if name not in PUBLISHED:
            raise InputError("no published settings", got=repr(name), expected="one of " + ", ".join(PUBLISHED))
        return cls(**{**COMMON, **PUBLISHED[name], **changes})

    def fit(self, X, y=None, *, dt=None, validation=None, progress=True, checkpoint=None):
        """Fit the model; see ``Reconstructor.fit``.

        Raises:
            InputError: arguments out of range, or data that do not suit.
            NotConverged: the loss stopped being finite again and again.
        """
        check(self)
        data = self._checked(X, dt)
        train, held = self._train_and_validation(data, validation)
        series = trajectories(train)
        names = tuple(str(name) for name in train["state"].values)
        spread = Scaler.from_data(series, names)
        scaler = spread if self.normalise else Scaler(np.zeros(len(names)), np.ones(len(names)))
        pieces = [scaler.transform(x[start:stop]) for x in series for start, stop in complete_stretches(x)]
        delay, dim = choose_embedding(series, self.delay, self.dim)
        shape = self._shape(len(names), delay, dim)
        form = delay_form(train, pieces, scaler, shape.window, self._run_length())
        form = {name: form[name] for name in ("scaler", "covariance", "dt", "names")} | {
            "scale": spread.sd, "windows": form["initial_states"],
        }  # fmt: skip

        def criterion(network):
            return validation_criterion(PhyxMambaModel(network, **form), held)

        place = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(train, held))
        with threadpool_limits(1):
            network = PatchNetwork(shape, self._unit(pieces), np.random.default_rng([self.seed, 0x696E6974]))
            network.to(self.device)
            recipe = self._recipe(spread.sd / scaler.sd)
            training = Training(network, pieces, recipe, seed=self.seed, criterion=criterion)
            disable = None if progress else True
            with tqdm(total=len(recipe.goals()), desc=type(self).__name__, unit="check", disable=disable) as bar:
                value, update = training.run(checkpoint=place, bar=bar)
            model = PhyxMambaModel(network, **form)
            training.optimiser.theta.copy_(training.after_first)
            self.first_stage_ = PhyxMambaModel(network, **form)
        history = {name: np.asarray(column) for name, column in training.history.items()}
        history |= {
            "chosen": np.array([0.0, update, value]), "embedding": np.array([delay, dim]),
            "setbacks": np.array([training.setbacks]),
        }  # fmt: skip
        return self._learned(model, history, data)

    def _run_length(self):
        """Samples of a free run of the second stage."""
        return self.n_rollout or RUN_PATCHES * self.patch_length

    def _shape(self, n_variables, delay, dim):
        return Shape(
            n_variables=n_variables, dim=dim, delay=delay, patch=int(self.patch_length), n_tokens=int(self.n_tokens),
            padding=self.padding, core=self.core, n_layers=int(self.n_layers), d_model=int(self.d_model),
            d_state=int(self.d_state), expand=int(self.expand), head_dim=int(self.head_dim), n_heads=int(self.n_heads),
            residual=bool(self.residual),
        )  # fmt: skip

    def _unit(self, pieces):
        """(patch, variable) unit of the decoder: the root mean square change over 1 .. P samples, or 1."""
        ahead = range(1, self.patch_length + 1)
        if not self.residual:
            return np.ones((len(ahead), pieces[0].shape[1]))

        def size(k):
            return np.sqrt(np.mean(np.concatenate([x[k:] - x[:-k] for x in pieces if len(x) > k]) ** 2, axis=0))

        return np.stack([size(k) for k in ahead])

    def _recipe(self, spread):
        forced = Stage(
            n_updates=self.n_updates, batch_size=self.batch_size, rate=self.learning_rate,
            rate_end=self.learning_rate_end, weight_decay=self.weight_decay,
        )  # fmt: skip
        free = Stage(
            n_updates=self.n_rollout_updates, batch_size=self.rollout_batch_size, rate=self.rollout_rate,
            rate_end=self.rollout_rate_end, clip=self.gradient_clip, n_decoder=self.n_decoder_updates,
        )  # fmt: skip
        return Recipe(
            stages=(forced, free), spread=spread, bandwidths=tuple(self.bandwidths or BANDWIDTHS),
            estimator=self.mmd_estimator, schedule=self.schedule, n_rollout=self._run_length(), n_checks=self.n_checks,
            jitter=float(self.jitter), dropout=float(self.dropout), head_weight=float(self.head_weight),
            conditional_weight=float(self.conditional_weight), unconditional_weight=float(self.unconditional_weight),
        )  # fmt: skip
