"""The fuzzers of tests/fuzz find what they look for; each runs for a while without atheris, as a slow test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "fuzz"
TRIALS = """
import json, os, pickle, socket, subprocess, sys, tempfile
from guard import PACKAGE, Guard, Trespass
inside, outside = sys.argv[1:]
def opened(path): open(path, "w").close()
def connected():
    with socket.socket() as made: made.connect(("127.0.0.1", 9))
def in_package(text): exec(compile(text, str(PACKAGE / "x.py"), "exec"))
trials = {
    "process": lambda: subprocess.run(["true"]), "shell": lambda: os.system("true"), "connection": connected,
    "write outside": lambda: opened(outside + "/new"), "write beside": lambda: opened(inside + "side"),
    "remove outside": lambda: os.remove(outside + "/old"), "rename": lambda: os.rename(inside + "/a", outside + "/a"),
    "folder outside": lambda: os.mkdir(outside + "/deep"),
    "pickle": lambda: pickle.loads(pickle.dumps(json.JSONDecoder)), "code": lambda: eval("'fuzz_ran'"),
    "nested code": lambda: exec("def f():\\n return 'fuzz_ran'"),
    "compiled": lambda: in_package("compile('1', 'a', 'eval')"), "executed": lambda: in_package("eval('1')"),
    "write inside": lambda: opened(inside + "/new"), "read outside": lambda: open(outside + "/old").close(),
    "plain code": lambda: eval("1 + 1"),
}
guard, told = Guard(), {}
for name, trial in trials.items():
    with guard.armed(inside):
        try:
            trial()
        except Trespass:
            pass
    told[name] = len(guard.seen)
opened(outside + "/disarmed")
print(json.dumps(told))
"""
DEFECTIVE = """
import sys
from pathlib import Path
from fuzz import Session
import dysyr
class Target:
    def read(self, data):
        if data == b"bad":
            dysyr.as_dataset([[0.0, 1.0]] * 9, dt=1.0).attrs["absent"]
        if data == b"quiet":
            try:
                open("/absent/file", "w")
            except BaseException:
                pass
        if data == b"refused":
            raise dysyr.InputError("no")
        if data == b"empty":
            raise dysyr.InputError("")
work, kept = map(Path, sys.argv[1:])
session = Session(Target(), work, kept)
for data in (b"good", b"bad", b"bad", b"quiet", b"refused", b"empty"):
    session.run(data)
print(session.summary())
"""


def said_by(code, *arguments):
    """What a piece of code prints that imports from the folder of the fuzzers."""
    whole = f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n{code}"
    made = subprocess.run([sys.executable, "-c", whole, *map(str, arguments)], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_the_guard_stops_what_no_input_may_do(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
    (inside / "a").touch()
    (outside / "old").touch()
    told = json.loads(said_by(TRIALS, inside, outside))
    harmless = {"write inside", "read outside", "plain code"}
    assert told == {name: 0 if name in harmless else 1 for name in told} and len(told) == 16
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a", "disarmed", "new", "old"]


def test_a_defect_is_counted_once_and_kept(tmp_path):
    said = said_by(DEFECTIVE, tmp_path / "work", tmp_path / "kept")
    assert "6 inputs" in said and "1 read, 1 refused, 4 wrong; 3 defects" in said
    assert {path.read_bytes() for path in (tmp_path / "kept" / "found").iterdir()} == {b"bad", b"quiet", b"empty"}


@pytest.mark.parametrize(
    ("before", "after", "code", "words", "place"),
    [
        ({"a": 1}, {"a": 2}, 1, "fit x a -o a", "changed-fit"),
        ({"a": 1}, {"a": 2}, 0, "inspect a", "changed-inspect"),
        ({"a": 1}, {}, 0, "inspect a", "lost-inspect"),
        ({}, {"b.part": 1}, 1, "fit x a -o b.part", "part"),
        ({}, {"b": 1}, 0, "inspect a", "stray-inspect"),
        ({}, {"b/c": 1}, 0, "fit x a --output=d", "stray-fit"),
        ({"a": 1}, {"a": 2, "b/c": 1}, 0, "fit x y -oa -o b", None),
        ({}, {"fit-a/c": 1}, 0, "fit x a", None),
    ],
)
def test_files_that_a_command_may_not_touch(before, after, code, words, place, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import commands

    if place is None:
        commands._check_files(before, after, code, words.split())
        return
    with pytest.raises(commands.Wrong) as wrong:
        commands._check_files(before, after, code, words.split())
    assert wrong.value.place == place


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", ["expressions", "systems", "experiments", "tables", "arrays", "runs", "folders", "commands"]
)
def test_inputs_changed_at_random(target, tmp_path):
    runs = "60" if target == "folders" else "300"
    words = [target, "--runs", runs, "--seed", "5", "--output", str(tmp_path)]
    made = subprocess.run([sys.executable, str(FOLDER / "fuzz.py"), *words], capture_output=True, text=True)
    assert made.returncode == 0 and f"{runs} inputs" in made.stdout, made.stdout + made.stderr
