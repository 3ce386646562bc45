"""Folders that commands go on with, in which one file is another: an experiment, a sweep, an interrupted fit."""

import contextlib

import numpy as np
from commands import Commands, called
from mutation import of_bytes, of_lines

AGAIN = {
    "done": "run e.toml -o done", "swept": "sweep w.toml -o swept --workers 0", "tuned": "tune linearar a.csv -o tuned "
    "--set order=1,2 --workers 0 --rungs 1", "half": "fit linearar a.nc -o half --resume --set order=2",
}  # fmt: skip
"""The command that goes on with each folder."""
LOOKS = {"swept": "report swept -o new.html", "done": "evaluate done/linearar/seed-0 --truth a.nc --measures smape"}
"""Commands that read what is in some of them."""


class Folders(Commands):
    """A file of a folder with other content; the first two bytes say which, the third whether to go on or to look."""

    kinds = (of_lines, of_bytes)

    def __init__(self, folder):
        super().__init__(folder)
        with contextlib.chdir(self.clean):
            for name, words in AGAIN.items():
                if name != "swept":
                    code, _, said = called(words.replace(" --resume", "").split())
                    assert code == 0, said
            (self.clean / "half" / "config.json").unlink()
        homes = [self.clean / name for name in AGAIN]
        self.files = sorted(path for home in homes for path in home.rglob("*") if path.is_file())
        self.seeds = [
            k.to_bytes(2) + bytes([look]) + path.read_bytes()
            for k, path in enumerate(self.files) for look in (0, 1) if path.stat().st_size < 100_000
        ]  # fmt: skip

    def read(self, data):
        file = self.files[int.from_bytes(data[:2]) % len(self.files)].relative_to(self.clean)
        home = file.parts[0]
        words = LOOKS.get(home, AGAIN[home]) if data[2:3] == b"\1" else AGAIN[home]
        with np.errstate(all="ignore"):
            self.run(words.split(), {file: data[3:]})
