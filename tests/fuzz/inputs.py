"""What is fuzzed beside the command line: one class for each kind of input.

``seeds`` are inputs to begin with, ``kinds`` are ways to change one, and ``read`` does with it what a user would. It
has to return, or to raise a DysyrError; everything else is a defect.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from mutation import of_bytes, of_lines

import dysyr
from dysyr.benchmark.sweep_file import read_sweep
from dysyr.cli_output import system_text
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expression_text import expression_text
from dysyr.core.expressions import parameter, simplify
from dysyr.core.state_reconstructor import StateReconstructor
from dysyr.core.system import System
from dysyr.core.system_file import write_system_file
from dysyr.experiment_data import make_data
from dysyr.experiment_file import read_experiment

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent


class Expressions:
    """Texts of the language of equations. What was read is written again and comes back the same."""

    kinds = (of_bytes,)
    scope = Scope({name: parameter(name) for name in ("x", "y", "z", "t", "a", "sigma")})

    def __init__(self, folder):
        texts = (
            "sigma*(y - x)", "where(x > 0, exp(-x**2), y % 2)/(1 + abs(z))", "-a*sin(2*pi*t) + sqrt(x*y)",
            "where(not (x < y and z >= 1 or a != 2), min(x, y, z), atan2(x, -1e-3))", "x**-2 - -y",
        )  # fmt: skip
        self.seeds = [text.encode() for text in texts]

    def read(self, data):
        tree = parse_expression(data.decode("utf-8", "replace"), self.scope)
        text = expression_text(tree)
        assert simplify((parse_expression(text, self.scope),)) == simplify((tree,)), text


class Systems:
    """System files. What was read is shown, evaluated once, written, and comes back the same."""

    kinds = (of_lines, of_lines, of_bytes)

    def __init__(self, folder):
        self.path, self.again = folder / "system.toml", folder / "again" / "system.toml"
        files = sorted((ROOT / "systems").glob("*.toml"))
        self.seeds = [path.read_bytes().split(b"[[invariants]]")[0] for path in files]

    def read(self, data):
        self.path.write_bytes(data)
        system = System.from_file(self.path)
        system_text(system)
        if system.kind in ("ode", "map"):
            with np.errstate(all="ignore"):
                system.vector_field(system.initial_state, 0.0)
        definition = system.to_dict()
        write_system_file(self.again, definition)
        assert json.dumps(System.from_file(self.again).to_dict()) == json.dumps(definition)


MEASURED = """
seeds = [0, 1]
[data]
path = "a.csv"
dt = "1/10"
columns = ["a"]
time = false
mask = false
resample = 0.2
test = "a.csv"
embed = {dim = 2, delay = 1, variable = "a"}
[split]
validation = 0.2
[evaluate]
measures = ["smape"]
n_runs = 2
prediction_steps = [1, 2]
[report]
title = "a"
[[reconstructor]]
method = "linearar"
label = "a"
order = 2
"""
SIMULATED = """
[system]
name = "henon"
parameters = {a = 1.3}
[simulate]
n_steps = 40
dt = 1
n_trajectories = 2
transient = 3
observation_noise = 0.1
observe = ["x"]
seed = 1
initial_state = [[0.1, 0.2], [0.2, 0.1]]
dtype = "float64"
[simulate.test]
n_steps = 20
[[reconstructor]]
method = "persistence"
"""


class Experiments:
    """Experiment files and sweep files; the first byte says which. Of some small experiments the data are made too."""

    kinds = (of_lines, of_lines, of_bytes)

    def __init__(self, folder):
        self.path = folder / "file.toml"
        files = sorted((ROOT / "examples").glob("*.toml"))
        self.seeds = [(b"s" if "sweep" in path.name else b"e") + path.read_bytes() for path in files]
        self.seeds += [b"d" + text.encode() for text in (MEASURED, SIMULATED)]
        (folder / "a.csv").write_text("a,b\n" + "".join(f"{np.sin(i)},{i % 7}\n" for i in range(60)))

    def read(self, data):
        self.path.write_bytes(data[1:])
        made = (read_sweep if data[:1] == b"s" else read_experiment)(self.path)
        if data[:1] == b"d":
            make_data(made)


class Tables:
    """Text tables; the first byte is for the ending, a sampling interval, missing values and the time column."""

    kinds = (of_bytes, of_lines)
    endings = (".csv", ".tsv", ".txt", ".dat")

    def __init__(self, folder):
        self.folder = folder
        rows = [f"{0.1 * i:.1f},{np.sin(i):.4f},{i % 3}" for i in range(12)]
        texts = [
            "time,a,b\n" + "\n".join(rows), "\n".join(rows).replace(",", "\t"), "\n".join(rows).replace(",", " "),
            "# made by\na;b\n" + "\n".join(f"{i},5;{-i}" for i in range(9)), "a\n1\nnan\n\n3\n",
            "date,x\n" + "\n".join(f"2024-01-{i:02d} 12:00,{i}" for i in range(1, 9)),
        ]  # fmt: skip
        self.seeds = [bytes([k]) + text.encode() for text in texts for k in (0, 1, 6, 11)]

    def read(self, data):
        options = data[0] if data else 0
        path = self.folder / f"table{self.endings[options % 4]}"
        path.write_bytes(data[1:])
        _read_data(path, dt=0.1 if options & 4 else None, mask=True if options & 8 else None, time=_time(options))


class Arrays:
    """NetCDF, NPY, NPZ and Parquet files; the first byte is for the ending, the rest as for tables."""

    kinds = (of_bytes,)
    endings = (".nc", ".npy", ".npz", ".parquet")

    def __init__(self, folder):
        self.folder = folder
        x = np.random.default_rng(0).normal(size=(12, 2))
        frame = pd.DataFrame({"time": 0.1 * np.arange(12), "a": x[:, 0], "b": x[:, 1]})
        dysyr.save(dysyr.make_dataset(x, dt=0.1, mask=x > -1), folder / "0.nc")
        dysyr.save(dysyr.make_dataset([x, x[:5]], dt=0.1, label=[np.arange(12), np.arange(5)]), folder / "1.nc")
        np.save(folder / "0.npy", x)
        np.savez(folder / "0.npz", x=x, t=0.1 * np.arange(12))
        np.savez_compressed(folder / "1.npz", a=np.arange(9))
        np.save(folder / "1.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
        frame.to_parquet(folder / "0.parquet")
        frame.astype({"a": "float32", "b": "int64"}).to_parquet(folder / "1.parquet", compression=None)
        files = sorted(path for path in folder.iterdir() if path.suffix in self.endings)
        self.seeds = [
            bytes([self.endings.index(path.suffix) + more]) + path.read_bytes() for path in files for more in (0, 12)
        ]

    read = Tables.read


class Runs:
    """Run folders of all methods in which one file is another; the first two bytes say which. They are let run."""

    kinds = (of_lines, of_bytes)

    def __init__(self, folder):
        sys.path.insert(0, str(TESTS))
        from method_cases import CASES, DT

        self.changed, self.files, self.seeds = folder / "changed", [], []
        for method, case in CASES.items():
            quick = {**case.settings, **case.shorter}
            method(**quick).fit(case.make(400, 0), dt=DT, progress=False).save(folder / method.__name__)
        outcomes = np.random.default_rng(0).integers(4, size=(60, 2))
        small = {"width": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8, "n_folds": 2, "n_updates": 2}
        dysyr.POVMTransformer(**small).fit(outcomes, progress=False).save(folder / "POVMTransformer")
        for home in sorted(folder.iterdir()):
            self.files += sorted(path for path in home.rglob("*") if path.is_file())
        self.seeds = [k.to_bytes(2) + path.read_bytes() for k, path in enumerate(self.files)]

    def read(self, data):
        file = self.files[int.from_bytes(data[:2]) % len(self.files)]
        shutil.rmtree(self.changed, ignore_errors=True)
        shutil.copytree(file.parent, self.changed)
        (self.changed / file.name).write_bytes(data[2:])
        with np.errstate(all="ignore"):
            fitted = dysyr.load(self.changed)
            fitted.sample(3) if isinstance(fitted, StateReconstructor) else fitted.generate(3)


def _read_data(path, **options):
    dysyr.as_dataset(path, **options)


def _time(options):
    return (None, False, "time", "a")[options >> 4 & 3]
