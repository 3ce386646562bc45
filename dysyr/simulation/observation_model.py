"""What all observation models share: their random numbers, the record of what was applied, the true values."""

import abc
import dataclasses
import json

import numpy as np

from dysyr.core.dataset import make_dataset, parts


class ObservationModel(abc.ABC):
    """Makes observed data of true data; subclasses say how in ``_observed``.

    ``stream`` separates the random numbers of different models under one seed.
    """

    stream = None

    def __call__(self, ds, seed=0):
        """Apply the model.

        Args:
            ds: Dataset.
            seed: whole number; the same seed gives the same observation.

        Returns:
            Dataset.
        """
        before = parts(ds)
        applied = json.loads(before["attrs"].get("observation", "[]"))
        words = [int(seed), self.stream, len(applied)]
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
        after = self._observed(ds, before, rng)
        if before["x_true"] is None and "x_true" not in after:
            after["x_true"] = before["x"]
        attrs = {
            **before["attrs"],
            **after.pop("attrs", {}),
            "observation": json.dumps([*applied, self.to_dict()]),
        }
        return make_dataset(**{**before, **after, "attrs": attrs})

    def to_dict(self):
        """Name and settings as JSON-ready values."""
        settings = {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {"model": type(self).__name__, **settings}

    @abc.abstractmethod
    def _observed(self, ds, before, rng):
        """The parts of the data set (see ``parts``) that the observation changes."""


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
