"""What POVMTransformer leaves behind: distributions over outcomes, one for each of several times or one alone."""

import numpy as np
import torch

from dysyr.core.errors import FormatError, InputError
from dysyr.core.outcome_model import OutcomeModel
from dysyr.core.povm import Frame
from dysyr.reconstruction.povm_transformer.outcome_strings import keys_of, strings_of
from dysyr.reconstruction.povm_transformer.string_state import new_state

SIZES = ("width", "n_layers", "n_heads", "hidden_dim")


class POVMState(OutcomeModel):
    """Distributions over outcome strings by an autoregressive transformer.

    Args:
        thetas: (state, parameter) parameters of the network.
        orders: (K, site) orders in which it reads the sites.
        sizes: dict: width, n_layers, n_heads, hidden_dim.
        frame: Frame.
        times: (state,) times in system time units; empty for one state without a time.
        system: definition of the system that was solved, a JSON-ready dict, or None.

    Reference:
        luo2022
    """

    family = "povm_transformer"
    reference = "luo2022"

    def __init__(self, thetas, orders, *, sizes, frame, times=(), system=None):
        self._thetas = np.asarray(thetas, dtype=np.float64)
        self._frame, self._sizes = frame, dict(sizes)
        self._times = np.asarray(times, dtype=np.float64)
        self.system = system
        n_sites = np.asarray(orders).shape[1]
        self._state = new_state(n_sites, np.zeros((n_sites, 4)), orders, **sizes)
        n_states = max(1, len(self._times))
        if self._thetas.shape != (n_states, self._state.n_parameters):
            raise FormatError(
                "the arrays of an outcome model do not fit", got=f"shape {self._thetas.shape}",
                expected=f"{(n_states, self._state.n_parameters)}",
            )  # fmt: skip

    @property
    def frame(self):
        return self._frame

    @property
    def n_sites(self):
        return self._state.n_sites

    @property
    def times(self):
        return self._times

    @property
    def n_parameters(self):
        """Real numbers of one state."""
        return self._state.n_parameters

    def log_probabilities(self, strings, state=-1):
        strings = np.asarray(strings, dtype=np.int64)
        if strings.ndim != 2 or strings.shape[1] != self.n_sites or not ((strings >= 0) & (strings < 4)).all():
            raise InputError(
                "strings of outcomes", got=f"shape {strings.shape}", expected=f"(string, {self.n_sites}) out of 0 to 3"
            )
        one = self._at(state)
        # strings that the symmetry exchanges have one probability
        kept, inverse = np.unique(one.representatives(keys_of(strings)), return_inverse=True)
        return one.log_probabilities(strings_of(kept, self.n_sites))[inverse]

    def sample(self, n_shots, *, state=-1, seed=0):
        return self._at(state).sample(n_shots, np.random.default_rng([seed, 0x73686F74]))[0]

    def config(self):
        return {
            "family": self.family, "frame": self.frame.name, "sizes": self._sizes, "system": self.system,
        }  # fmt: skip

    def arrays(self):
        return {"thetas": self._thetas, "orders": self._state.orders.numpy(), "times": self._times}

    @classmethod
    def from_state(cls, config, arrays):
        sizes = {name: int(config["sizes"][name]) for name in SIZES}
        return cls(
            arrays["thetas"], arrays["orders"], sizes=sizes, frame=Frame(config["frame"]), times=arrays["times"],
            system=config.get("system"),
        )  # fmt: skip

    def _at(self, state):
        if not -len(self._thetas) <= state < len(self._thetas):
            raise InputError(
                f"state {state} is not there", expected=f"0 to {len(self._thetas) - 1}, or -1 for the last"
            )
        self._state.set_theta(torch.tensor(self._thetas[state]))
        return self._state
