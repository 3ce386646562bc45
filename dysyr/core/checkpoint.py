"""The file from which an interrupted training goes on."""

import json
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from dysyr.core.atomic import write_bytes
from dysyr.core.errors import DysyrError, FormatError

NAME = "checkpoint.safetensors"
FORMAT = 1


class Checkpoint:
    """One file that is always whole: arrays, and numbers as JSON in its header.

    Args:
        folder: where the file lies.
        fingerprint: text that is equal exactly when configuration and data are equal.
        name: file name, see ``name``.
    """

    def __init__(self, folder, fingerprint, name=NAME):
        self.path = Path(folder) / name
        self.fingerprint = fingerprint

    @staticmethod
    def name(number=None):
        """File name of the only search of a fit, or of one of several."""
        return NAME if number is None else f"checkpoint_{number}.safetensors"

    def write(self, arrays, numbers):
        """Replace the file by this state."""
        head = {"format": str(FORMAT), "fingerprint": self.fingerprint, "numbers": json.dumps(numbers)}
        arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
        write_bytes(self.path, safetensors.numpy.save(arrays, metadata=head))

    def read(self):
        """(arrays, numbers) of the last state, or None where there is none.

        Raises:
            FormatError: the file is damaged or of another format.
            DysyrError: it belongs to another configuration or to other data.
        """
        if not self.path.exists():
            return None
        try:
            with safetensors.safe_open(self.path, framework="np") as file:
                head = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}
            numbers = json.loads(head.get("numbers", "null"))
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise FormatError(f"the checkpoint '{self.path}' is damaged", got=str(error), do="delete it") from error
        if head.get("format") != str(FORMAT) or numbers is None:
            raise FormatError(f"'{self.path}' is not a checkpoint of this version", do="delete it")
        if head.get("fingerprint") != self.fingerprint:
            raise DysyrError(
                f"the checkpoint '{self.path}' belongs to another configuration or to other data",
                do="resume with the same arguments and data, or choose a new folder",
            )
        return arrays, numbers
