import time

import pytest

from dysyr.core.atomic import write_text
from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.errors import DysyrError, FormatError, InputError
from dysyr.core.system import System
from dysyr.core.system_file import write_invariants

TEXT = """# a comment that stays
format = 1
kind = "ode"   # so does this
title = "Decay = growth"

[parameters]
rate = 0.5

[equations]
x = "-rate*x"

[defaults]
initial_state = { x = 1.0 }
dt = 0.1
"""
INVARIANTS = """
[[invariants]]
name = "old"   # gone with its table
value = [
  1.0,
]
source = "computed"
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "decay.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_file_names_its_system(path):
    system = System.from_file(path)
    assert system.name == "decay" and system.parameters["rate"] == 0.5


def test_a_byte_order_mark_is_skipped(path):
    path.write_text("\ufeff" + TEXT + INVARIANTS, encoding="utf-8")
    assert System.from_file(path).parameters["rate"] == 0.5
    write_invariants(path, [])
    assert path.read_text(encoding="utf-8") == "\ufeff" + TEXT + "\n"


def test_a_system_with_all_tables_survives_a_file(tmp_path):
    system = System.sde(
        {"x[i]": "a*x[i+1] - q*\\\n x[i]".replace("\\\n", "")},
        diffusion={"x[i]": "s*x[i]"},
        interpretation="ito",
        parameters={"a": 1.0, "s": "a/10", "big": 1e300, "n": 3},
        let={"q": "cos(t)"},
        index={"i": 5},
        boundary="fixed",
        boundary_values={"x": [0.0, "a"]},
        initial_state={"x": "i*a"},
        dt=0.1,
        transient=2.0,
        name="all",
        title='A "quoted" \\ title\twith ö',
        description="One.",
        reference="key",
        hidden={"x[i]": "a*x[i+1]"},
        conserved={"sum": "x[i]"},
        invariants=[
            {"name": "v", "value": [0.1, -2.0], "stderr": [0.0, 1e-9], "n_zero": 1, "source": "computed"}
        ],
    )
    system.to_file(tmp_path / "all.toml")
    assert System.from_file(tmp_path / "all.toml") == system


NEW = [
    {
        "name": "lyapunov_spectrum",
        "value": (-0.5,),
        "stderr": [0.0],
        "n_zero": 0,
        "method": "exact",
        "source": "computed",
    }
]


@pytest.mark.parametrize(
    "before", [TEXT, TEXT + INVARIANTS, TEXT + INVARIANTS + INVARIANTS, TEXT.rstrip("\n")]
)
def test_only_the_invariants_are_rewritten(path, before):
    path.write_text(before, encoding="utf-8")
    write_invariants(path, NEW)
    after = path.read_text(encoding="utf-8")
    assert after.startswith(TEXT.rstrip("\n")) and "old" not in after
    assert System.from_file(path).invariants[0]["value"] == [-0.5]
    write_invariants(path, NEW)
    assert path.read_text(encoding="utf-8") == after
    write_invariants(path, [])
    assert path.read_text(encoding="utf-8").rstrip() == TEXT.rstrip()


def test_invariants_in_the_middle_keep_their_place(path):
    path.write_text(
        'kind = "ode"\n' + INVARIANTS + '\n[equations]  # "[[invariants]]"\nx = "-x"\n', encoding="utf-8"
    )
    write_invariants(path, NEW)
    after = path.read_text(encoding="utf-8")
    assert after.index("lyapunov_spectrum") < after.index("[equations]")
    assert after.endswith('[equations]  # "[[invariants]]"\nx = "-x"\n')


def test_a_bad_invariant_leaves_the_file_as_it_was(path):
    with pytest.raises(InputError, match="cannot be used"):
        write_invariants(path, [{"name": "a", "value": [float("nan")], "source": "computed"}])
    assert path.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00", "no text file"),
        (b"kind = ", "no TOML"),
        (b"[" * 100_000, "no TOML"),
        (b"a = " + b"[" * 5_000, "no TOML"),
        (b"x = 1\n" * 300_000, "too large"),
        (b"", None),
        (b'name = "other"\nkind = "ode"', None),
    ],
)
def test_a_file_that_is_no_system_is_refused_at_once(path, content, reason):
    path.write_bytes(content)
    started = time.perf_counter()
    with pytest.raises(DysyrError, match=reason):
        System.from_file(path)
    assert time.perf_counter() - started < 2.0


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(FormatError, match="cannot read"):
            System.from_file(path)


def test_the_largest_definition_is_read_within_seconds(path):
    equations = "".join(
        f'v{k} = "{" + ".join(f"v{(k + j) % 200}*v{(k * j) % 200}" for j in range(18))}"\n'
        for k in range(200)
    )
    write_text(path, f'kind = "ode"\n[equations]\n{equations}')
    started = time.perf_counter()
    system = System.from_file(path)
    assert system.jacobian([0.5] * 200).shape == (200, 200)
    assert time.perf_counter() - started < 20.0


def test_the_catalogue_says_what_it_has():
    assert catalogue_system("lorenz63") is catalogue_system("lorenz63")
    assert list(system_names()) == sorted(system_names())
    with pytest.raises(InputError, match="no system 'lorentz63'.*lorenz96.*did you mean 'lorenz63'"):
        catalogue_system("lorentz63")
