"""The command line in this process, in a folder of small files. An input holds the words of a command, one a line."""

import contextlib
import hashlib
import io
import re
import shutil
import sys
import typing
from pathlib import Path

import numpy as np
from guard import LeftOut
from mutation import CODE, of_bytes
from typer.models import OptionInfo

import dysyr
from dysyr import cli
from dysyr.core.errors import FormatError

SEEDS = """
systems lorenz63
systems s.toml --json
inspect a.csv
inspect b.csv --dt 0.1 --columns a,b --mask --json
inspect t.npz --time t
simulate lorenz63 -o new.nc --n-steps 20 --set rho=30 --seed 3 --dtype float32
simulate s.toml --t-end 2 --dt 0.1 --n-trajectories 2 --observe x,y --transient 1
simulate henon --n-steps 30 --observation-noise 0.1 --method rk4
simulate two_state_channel -o new.nc --n-steps 30 --label-noise 0.1
simulate immigration_death -o new.nc --n-steps 10 --events
simulate tfim_decay -o new.nc --n-steps 3 --set n_sites=2 --n-shots 5 --frame tetra
fit linearar a.csv -o new
fit linearar a.nc --set order=3 --validation a.nc --resample 0.2 --seed 1
fit persistence a.csv --embed --columns a --time time --device cpu
fit sindy a.csv -o run --resume --set degree=2
fit havok b.csv -o new --dt 0.1 --mask --set window=10
fit shplrnn a.nc -o new --set n_updates=2 --set hidden_dim=4 --set sequence_length=10 --set n_refinements=0
fit jumpem labels.csv -o new
generate run -o new.nc --n-steps 10 --n-trajectories 2 --transient 3 --context a.nc --seed 1
forecast run --context a.csv -o new.nc --n-steps 5
evaluate run --truth a.nc -o new.json --measures smape --json
evaluate a.nc --truth a.nc --reference a.nc --measures d_h,d_stsp --seed 2
encode labels.nc -o new --max-word 3 --max-period 1 --jumps
encode labels.csv -o new --label state --missing-label 2 --dt 0.1
report run --truth a.nc -o new.html --measures d_stsp
report swept -o new.html
run e.toml -o new --set seeds=[1] --json
run e.toml -o new --set data=b.csv --set data.dt=0.1
sweep w.toml -o new --workers 0
tune linearar a.csv -o new --set order=1,2 --workers 0 --rungs 1 --held 0.3
tune reservoircomputer a.csv -o new --set n_units=5,6 --set leak=1.0 --workers 0 --seeds 2
solve povmtransformer tfim_decay -o new --parameter n_sites=1 --set n_updates=2 --set n_layers=1 --set d_model=8
--version
--help
fit --help
pretrain other -o new
"""
EXPERIMENT = """
seeds = [0]
[data]
path = "a.csv"
[evaluate]
measures = ["smape"]
[[reconstructor]]
method = "linearar"
order = 2
"""
NUMBERS = """0 1 -1 2 3 0.1 0.5 -0.5 7.0 1e308 1e-308 nan inf -inf 1e18 9223372036854775808 -9223372036854775808 0x10
    true""".split()
NAMED = {
    "settings": """order=0 order=3 order=-1 order=nan order=[] order="a" order=1e18 x=1 =1 x= seed=-1 seed=1.5 ridge=nan
        ridge=-1 degree=0 degree=9 window=1 window=1000 period=0 rho=nan rho=1e308 rho=a a=1 data.x=1 data.path.x=2
        data=[] data=a.nc data=b.csv data=nothing data= seeds=[] seeds=1 seeds=[0,1] evaluate=1 evaluate.n_runs=0
        evaluate.measures=d_h evaluate.n_contexts=2 report.title=1 report.notes=a reconstructor=1 reconstructor.order=0
        reconstructor.method=1 reconstructor.label=../x simulate.n_steps=3 system.name=1 split.test=0.9 split.test=2
        data.dt=1/0 data.embed=true data.columns=a data.columns=["a"] data.mask=true data.time=false data.resample=0.3
        data.test=a.nc n_sites=0 n_sites=1 hidden_dim=0 n_updates=1 n_updates=0 latent_dim=1 batch_size=0
        device=cuda""".split(),
    "columns": "a b a,b b,a a,a x0 time , c".split(),
    "time": "time a b state nothing t".split(),
    "observe": "x y x,y x,x z a all ,".split(),
    "measures": "smape d_h d_stsp d_h,d_stsp valid_prediction_time lyapunov_spectrum nothing , d_h,d_h".split(),
    "truth": "a.nc a.csv b.csv lorenz63 henon s.toml run t.npz nothing labels.nc two_state_channel".split(),
    "method": """linearar sindy persistence havok hankeldmd nextgenreservoir jumpem LinearAR
        rk4 euler dop853 radau ssa tau""".split(),
    "system": "lorenz63 henon s.toml e.toml rossler sir two_state_channel tfim_decay nothing".split(),
    "dtype": "float16 float32 float64 int64 object".split(),
    "frame": "tetra tetra_pos pauli4 x".split(),
    "device": "cpu cuda cuda:9 meta".split(),
    "memory": "4GiB -4GiB 0 x".split(),
    "workers": ["0"],
    "times": "0,1 1,0 nan 0 , a".split(),
    "parameters": "n_sites=1 n_sites=0 n_sites=2 x=1 gamma=nan gamma=-1".split(),
    "label": "state a time nothing".split(),
    "output": "new new.nc new/deep/er.nc run a.csv swept . new.toml run/config.json labels.nc".split(),
}
"""Values of some options and arguments by the names of their parameters."""
FILES = """a.csv b.csv a.nc t.npz run s.toml e.toml w.toml labels.csv labels.nc broken.nc empty.csv new swept nothing
    lynx_hare""".split()
ODD = [
    CODE, "", " ", "-", "--", "-h", "--x", "\u00e9\u0130", "\udcff", "x" * 300, "a" * 5000, "a\tb", "a=b=c", "=",
    "x.toml", ".nc", "x=" + "[" * 2000, "x=" + "9" * 5000, ".", "run/config.json", "nan", "0", "lorenz63",
]  # fmt: skip
CODES = (0, 1, 2)
LARGE = re.compile(r"\d{5,}|[eE]\+?0*([5-9]|1[0-7])\b")
"""Numbers that may be asked for, and take long: words with one are left out, but those that no computer could serve."""


def _options():
    """{command: [(parameter, option or None for an argument, type)]}."""
    found = {}
    for command in cli.app.registered_commands:
        entries = []
        for name, annotation in command.callback.__annotations__.items():
            kind, info = typing.get_args(annotation)[:2]
            told = (getattr(info, "default", None), *(getattr(info, "param_decls", None) or ()))
            own = [text for text in told if isinstance(text, str) and text.startswith("--")]
            option = (own or [f"--{name.replace('_', '-')}"])[0] if isinstance(info, OptionInfo) else None
            entries.append((name, option, kind))
        found[command.callback.__name__] = entries
    return found


OPTIONS = _options()


def _value(name, kind, rng):
    """A value for a parameter: mostly one that makes sense."""
    if rng.randrange(12) == 0:
        return rng.choice(ODD)
    if name in NAMED:
        return rng.choice(NAMED[name])
    return rng.choice(NUMBERS if {int, float} & {kind, *typing.get_args(kind)} else FILES)


def of_words(data, rng):
    """A value exchanged, an option put in, or a word left out, doubled, exchanged or changed."""
    words = data.split(b"\n")
    own = OPTIONS.get(words[0].decode("utf-8", "replace"), ())
    i, change = rng.randrange(len(words)), rng.randrange(12)
    if own and change < 8:
        name, option, kind = rng.choice(own)
        value = _value(name, kind, rng).encode("utf-8", "surrogateescape")
        if option is None:
            words[1:2] = [value]
        elif option.encode() in words[:-1] and rng.randrange(3):
            words[words.index(option.encode()) + 1] = value
        else:
            words += [option.encode()] if kind is bool else [option.encode(), value]
    elif change == 8:
        del words[i]
    elif change == 9:
        words.insert(i, words[i])
    elif change == 10:
        words[i] = rng.choice(ODD).encode("utf-8", "surrogateescape")
    else:
        words[i] = of_bytes(words[i], rng)
    return b"\n".join(words)


class Wrong(Exception):
    """A command did what none may do.

    Attributes:
        place: a name for the kind of defect.
    """

    def __init__(self, place, what):
        super().__init__(what)
        self.place = place


class Commands:
    """Words of a command. It ends with a known code and, where it refuses, with a message; other files stay."""

    kinds = (of_words,)

    def __init__(self, folder):
        self.folder, self.clean = folder / "now", folder / "clean"
        self.seeds = ["\n".join(line.split()).encode() for line in SEEDS.strip().splitlines()]
        self.clean.mkdir()
        _write_files(self.clean)

    def read(self, data):
        words = [word for word in data.replace(b"\x00", b"").decode("utf-8", "surrogateescape").split("\n")]
        if not _is_bounded(words):
            raise LeftOut("it asks for too much, for workers, or for files elsewhere")
        self.run(words, {})

    def run(self, words, changed):
        """Run a command in a fresh folder in which some files are others, ``{path: content}``."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.clean, self.folder)
        for path, content in changed.items():
            (self.folder / path).write_bytes(content)
        before = _content(self.folder)
        with contextlib.chdir(self.folder):
            code, out, err = called(words)
        said = (out + err).strip()
        if code not in CODES:
            raise Wrong(f"code-{code}", f"exit code {code}: {said[-200:]}")
        if "Traceback (most recent call last)" in said:
            raise Wrong("traceback", said[-400:])
        if code and not re.search(r"^(dysyr|Error): \S|^Usage: ", said, flags=re.MULTILINE):
            raise Wrong("silent", f"exit code {code} without a message: {said[-200:]!r}")
        _check_files(before, _content(self.folder), code, words)
        if code:
            raise FormatError(said)


def _is_bounded(words):
    """Whether a command stays within the folder, in this process and within seconds."""
    known = {*NUMBERS, *ODD, *NAMED["settings"]}
    if any(word.startswith(("/", "~")) or ".." in word or "=/" in word or "-o/" in word for word in words):
        return False
    if any(LARGE.search(word) and word not in known for word in words):
        return False
    if {"bench", "doctor"} & set(words) or "--scheduler" in " ".join(words):
        return False
    return not {"sweep", "tune"} & set(words) or "--workers\n0" in "\n".join(words)


def called(words):
    """(code, standard output, standard error) of one command."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    kept, code = sys.argv, 0
    sys.argv = ["dysyr", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = kept
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "replace"))
    return code, *texts


def _content(folder):
    """{path: hash} of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha1(path.read_bytes()).hexdigest() for path in files}


def _check_files(before, after, code, words):
    outputs = _outputs(words)
    for path in before:
        named = _is_below(path, outputs) or (words[:2] == ["report", "swept"] and path.startswith("swept/table."))
        if after.get(path) != before[path] and not (named and code == 0):
            what = "lost" if path not in after else "changed"
            if not (named and "--resume" in words):
                raise Wrong(f"{what}-{words[0]}", f"'{path}' is {what}, exit code {code}, words {words}")
    for path in after.keys() - before.keys():
        named = _is_below(path, outputs)
        if path.endswith(".part"):
            raise Wrong("part", f"'{path}' is left behind, words {words}")
        if not named and (outputs or words[0] not in ("simulate", "fit", "solve")):
            raise Wrong(f"stray-{words[0]}", f"'{path}' was not asked for, words {words}")


def _is_below(path, outputs):
    return any(output in (".", path) or path.startswith(f"{output}/") for output in outputs)


def _outputs(words):
    """What is said to be written, as relative paths."""
    found = [after for word, after in zip(words, words[1:], strict=False) if word in ("-o", "--output", "--write")]
    found += [word.partition("=")[2] for word in words if word.startswith(("--output=", "--write="))]
    found += [word[2:].removeprefix("=") for word in words if re.match(r"-o.", word)]
    return [Path(each).as_posix() for each in found]


def _write_files(folder):
    t = 0.1 * np.arange(300)
    x = np.column_stack([np.sin(t), np.cos(1.7 * t)])
    rows = [f"{a:.6f},{b:.6f}" for a, b in x]
    states = (np.sin(3 * t) > 0).astype(int)
    texts = {
        "a.csv": "time,a,b\n" + "".join(f"{s:.1f},{row}\n" for s, row in zip(t, rows, strict=True)),
        "b.csv": "a,b\n" + "\n".join(rows[:250]) + "\n1,\n",
        "labels.csv": "time,state\n" + "".join(f"{s:.1f},{k}\n" for s, k in zip(t, states, strict=True)),
        "e.toml": EXPERIMENT, "w.toml": EXPERIMENT.replace("order = 2", "order = [1, 2]"), "empty.csv": "",
        "s.toml": (Path(__file__).resolve().parents[2] / "systems" / "rossler.toml").read_text(),
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    data = dysyr.make_dataset(x, dt=0.1, names=["a", "b"])
    dysyr.save(data, folder / "a.nc")
    (folder / "broken.nc").write_bytes((folder / "a.nc").read_bytes()[:3000])
    dysyr.save(dysyr.make_dataset(states[:, None], dt=0.1, label=states), folder / "labels.nc")
    np.savez(folder / "t.npz", x=x, t=t)
    dysyr.LinearAR(order=2).fit(data, progress=False).save(folder / "run")
    with contextlib.chdir(folder):
        code, _, said = called(["sweep", "w.toml", "-o", "swept", "--workers", "0"])
    assert code == 0, said
