import copy
import json
import pickle
import time
from datetime import date

import numpy as np
import pytest

import dysyr
from dysyr.core.errors import DysyrError, InputError
from dysyr.core.system import System

LORENZ = {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"}


@pytest.fixture
def lorenz():
    return System.ode(
        LORENZ,
        parameters={"sigma": 10.0, "rho": 28, "beta": "8/3"},
        initial_state=[1, 1, 20],
        dt=0.01,
        name="lorenz",
        invariants=[{"name": "lyapunov_spectrum", "value": [0.9, 0.0, -14.57], "source": "test"}],
    )


def test_vector_field_and_jacobian_are_those_of_the_paper(lorenz, rng):
    x, y, z = state = rng.normal(size=3)
    assert np.allclose(
        lorenz.vector_field(state), [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], rtol=1e-14
    )
    assert np.allclose(lorenz.jacobian(state), [[-10, 10, 0], [28 - z, -1, -x], [y, x, -8 / 3]], rtol=1e-14)
    assert lorenz.divergence(state) == pytest.approx(-10 - 1 - 8 / 3)


def test_states_have_any_leading_shape(lorenz, rng):
    states = rng.normal(size=(4, 5, 3))
    assert lorenz.vector_field(states).shape == (4, 5, 3)
    assert lorenz.jacobian(states).shape == (4, 5, 3, 3)
    assert np.array_equal(lorenz.vector_field(states)[2, 3], lorenz.vector_field(states[2, 3]))
    with pytest.raises(InputError, match=r"shape \(4, 5, 2\); \(..., 3\)"):
        lorenz.vector_field(states[..., :2])


def test_lorenz96_is_that_of_the_paper(rng):
    system = System.ode({"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + F"}, parameters={"F": 8}, index={"i": 7})
    x = rng.normal(size=7)
    expected = [(x[(i + 1) % 7] - x[i - 2]) * x[i - 1] - x[i] + 8 for i in range(7)]
    assert np.allclose(system.vector_field(x), expected, rtol=1e-14)
    assert system.variables == tuple(f"x_{i}" for i in range(7))
    assert system.with_size(i=40).dim == 40
    assert system.sparsity().sum() == 4 * 7


def test_time_stands_in_the_equations_or_not(lorenz):
    driven = System.ode({"x": "cos(omega*t) - x"}, parameters={"omega": 2.0})
    assert driven.has_time and not lorenz.has_time
    times = np.array([0.0, 1.0, 2.0])
    assert np.allclose(driven.vector_field(np.zeros((3, 1)), times)[:, 0], np.cos(2 * times))


def test_other_parameters_make_another_system(lorenz):
    changed = lorenz.with_parameters(rho=29)
    assert changed.parameters["rho"] == 29.0 and lorenz.parameters["rho"] == 28.0
    assert changed != lorenz and changed.invariants == () and len(lorenz.invariants) == 1
    assert lorenz.with_parameters(rho=28.0).invariants == lorenz.invariants
    with pytest.raises(InputError, match="no parameter 'rh'.*sigma, rho, beta.*did you mean 'rho'"):
        lorenz.with_parameters(rh=1)
    for value in (np.nan, np.inf, None, [1.0], True):
        with pytest.raises(InputError, match="rho is not"):
            lorenz.with_parameters(rho=value)


def test_parameters_follow_those_they_are_defined_by():
    system = System.ode({"x": "-b*x"}, parameters={"a": 2.0, "b": "a**2/2"})
    assert system.parameters["b"] == 2.0
    assert system.with_parameters(a=4.0).parameters["b"] == 8.0
    assert system.with_parameters(b=1.0).with_parameters(a=4.0).parameters["b"] == 1.0
    with pytest.raises(InputError, match="unknown name"):
        System.ode({"x": "x"}, parameters={"a": "b", "b": 1.0})


def test_a_system_never_changes(lorenz):
    with pytest.raises(AttributeError, match="with_parameters"):
        lorenz.dt = 0.1
    with pytest.raises(TypeError):
        lorenz.parameters["rho"] = 1.0
    definition = lorenz.to_dict()
    definition["parameters"]["rho"] = 1.0
    assert lorenz.parameters["rho"] == 28.0


def test_equal_systems(lorenz):
    for same in (
        copy.deepcopy(lorenz),
        pickle.loads(pickle.dumps(lorenz)),
        System.from_dict(lorenz.to_dict()),
    ):
        assert same == lorenz and hash(same) == hash(lorenz)
    assert repr(lorenz) == "<System lorenz: ode, dim 3, sigma=10, rho=28, beta=2.66667>"


def test_numpy_values_become_plain_ones():
    system = System.map(
        {"x": "a*x"}, parameters={"a": np.float32(0.5)}, initial_state=np.array([0.5]), dt=np.float64(1.0)
    )
    assert system.to_dict() == System.map({"x": "a*x"}, parameters={"a": 0.5}, initial_state=[0.5]).to_dict()


def test_defaults_that_are_missing_are_asked_for():
    system = System.ode({"x": "-x"})
    with pytest.raises(InputError, match="no default initial state: give initial_state="):
        _ = system.initial_state
    with pytest.raises(InputError, match="no default dt: give dt="):
        _ = system.dt
    assert System.map({"x": "-x"}).dt == 1.0
    with pytest.raises(InputError, match="2 values; 1"):
        System.ode({"x": "-x"}, initial_state=[1, 2])


def test_initial_states_may_be_expressions():
    system = System.ode(
        {"x[i]": "a - x[i]"},
        parameters={"a": 2.0},
        index={"i": 4},
        initial_state={"x": "a + where(i == 1, 0.5, 0)"},
    )
    assert system.initial_state.tolist() == [2.0, 2.5, 2.0, 2.0]
    with pytest.raises(InputError, match="initial_state of x is not finite"):
        _ = System.ode({"x": "x"}, parameters={"a": 0.0}, initial_state={"x": "1/a"}).initial_state


def test_diffusion_is_a_matrix():
    system = System.sde(
        {"x": "-x", "y": "-y"}, diffusion={"x": ["1", "x"], "y": ["0", "y"]}, interpretation="stratonovich"
    )
    assert np.array_equal(system.diffusion([2.0, 3.0]), [[1, 2], [0, 3]])
    assert system.noise_kind == "general" and system.interpretation == "stratonovich"
    with pytest.raises(InputError, match="has no noise"):
        System.ode({"x": "x"}).diffusion([1.0])


@pytest.mark.parametrize(
    ("diffusion", "kind"),
    [
        ({"x": "s", "y": "2*s"}, "additive"),
        ({"x": ["s", "1"], "y": ["t", "0"]}, "additive"),
        ({"x": "x", "y": "s"}, "diagonal"),
        ({"x": "y", "y": "s"}, "general"),
        ({"x": ["y"], "y": ["x"]}, "scalar"),
        ({"x": ["x", "0"], "y": ["0", "y"]}, "general"),
    ],
)
def test_kinds_of_noise(diffusion, kind):
    system = System.sde(
        {"x": "-x", "y": "-y"}, diffusion=diffusion, interpretation="ito", parameters={"s": 0.1}
    )
    assert system.noise_kind == kind


def test_conserved_quantities_of_a_lattice_are_sums():
    chain = System.ode(
        {"q[i]": "p[i]", "p[i]": "q[i+1] - 2*q[i] + q[i-1]"},
        index={"i": 5},
        conserved={"energy": "p[i]**2/2 + (q[i+1] - q[i])**2/2"},
    )
    q, p = np.arange(5.0) ** 2, np.ones(5)
    energy = chain.conserved_quantities(np.concatenate([q, p]))["energy"]
    assert energy == pytest.approx(2.5 + 0.5 * np.sum((np.roll(q, -1) - q) ** 2))


def test_hidden_terms_must_be_terms():
    system = System.ode({"x": "a*x - b*x**3"}, parameters={"a": 1.0, "b": 1.0}, hidden={"x": "-b*x**3"})
    assert dict(system.hidden) == {"x": "-b*x**3"}
    with pytest.raises(InputError, match="is not a term"):
        System.ode({"x": "a*x"}, parameters={"a": 1.0}, hidden={"x": "x"})


def test_an_unknown_function_stands_beside_its_equation():
    system = System.ode({"x": "a*x", "y": "-y"}, parameters={"a": 1.0}, hidden={"x": ["x*y", "y"]})
    assert dict(system.hidden) == {"x": ["x*y", "y"]}
    assert list(system.trees.unknown) == ["x"] and not system.trees.hidden
    assert system.latex()[0] == r"\dot{x} = a \, x + F_{x}\left(x \, y, y\right)"
    assert system.latex()[1] == r"\dot{y} = -y"
    np.testing.assert_array_equal(system.vector_field([2.0, 3.0]), [2.0, -3.0])
    with pytest.raises(InputError, match="has unknown terms in the equations of x.*HiddenTerms"):
        dysyr.simulate(system, n_steps=3, dt=0.1, initial_state=[1.0, 1.0])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([], "a list that cannot be used.*0 entries"),
        (["x"] * 9, "a list that cannot be used.*9 entries"),
        (["x", "2*a"], "depends on a constant.*'2\\*a'"),
        (["x", "x*1"], "names an argument twice"),
        (["x", "z"], "z"),
        (["x", ["y"]], "is not an expression"),
    ],
)
def test_arguments_of_an_unknown_function_are_checked(entry, message):
    with pytest.raises(DysyrError, match=message):
        System.ode({"x": "a*x", "y": "-y"}, parameters={"a": 1.0}, hidden={"x": entry})


REFUSED = {
    "an unknown table": ({"parameter": {}}, "unknown key.*'parameter'.*did you mean 'parameters'"),
    "a kind to come": ({"kind": "hybrid"}, "not supported.*ode, map, sde, pde, jump, open_quantum"),
    "a misspelt kind": ({"kind": "odes"}, "did you mean 'ode'"),
    "no kind": ({"kind": None}, "no kind"),
    "another format": ({"format": 2}, "unknown format"),
    "no equations": ({"equations": {}}, r"no \[equations\]"),
    "a key of another kind": ({"diffusion": {"x": "1"}}, "unknown key.*'diffusion'"),
    "a clash": ({"parameters": {"x": 1.0}}, "'x' is used twice"),
    "a reserved name": ({"equations": {"t": "t"}}, "'t' is reserved"),
    "a word of Python": ({"parameters": {"lambda": 1.0}}, "rename it, for example to 'lambda_'"),
    "a function as a name": ({"let": {"sin": "1"}}, "'sin' is reserved"),
    "an intermediate before its time": ({"let": {"a": "b", "b": "1"}}, "unknown name"),
    "a negative dt": ({"defaults": {"dt": -1.0}}, r"\[defaults\] dt cannot be used"),
    "an unknown default": ({"defaults": {"step": 1.0}}, "unknown key in .defaults."),
    "a partial initial state": ({"defaults": {"initial_state": {"x": 1.0}}}, "lacks y"),
    "a strange initial state": ({"defaults": {"initial_state": {"z": 1.0}}}, "unknown variable"),
    "an invariant without a source": ({"invariants": [{"name": "a", "value": 1.0}]}, "without source"),
    "an invariant of two lengths": (
        {"invariants": [{"name": "a", "value": [1.0, 2.0], "stderr": [1.0], "source": "s"}]},
        "differ in length",
    ),
    "an infinite invariant": (
        {"invariants": [{"name": "a", "value": float("inf"), "source": "s"}]},
        "cannot be used",
    ),
    "an unknown key of an invariant": (
        {"invariants": [{"name": "a", "value": 1.0, "source": "s", "error": 1}]},
        "unknown key",
    ),
    "a boundary without a lattice": ({"boundary": "periodic"}, "boundary without"),
    "no sites": ({"index": {"k": 0}, "equations": {"x[k]": "0"}}, "number of sites"),
    "an unknown boundary": (
        {"index": {"k": 5}, "boundary": "open", "equations": {"x[k]": "0"}},
        "boundary along k.*periodic",
    ),
    "a fixed edge without values": (
        {"index": {"k": 5}, "boundary": "fixed", "equations": {"x[k]": "x[k+1]"}},
        "no boundary value of x",
    ),
    "a lattice that is too small": (
        {"index": {"k": 3}, "equations": {"x[k]": "x[k+3]"}},
        "too small along k.*at least 4",
    ),
    "a lattice that is too large": ({"index": {"k": 10**7}, "equations": {"x[k]": "x[k]"}}, "too large"),
    "three indices": ({"index": {"k": 3, "l": 3, "m": 3}, "equations": {"x[k,l,m]": "0"}}, "too many axes"),
    "a variable without its site": ({"index": {"k": 5}, "equations": {"x": "0"}}, r"written x\[k\]"),
    "a table that is a text": ({"parameters": "sigma"}, "is not a table"),
    "an infinite parameter": ({"parameters": {"a": 1e308, "b": "a*a"}}, "b is not finite"),
    "hundreds of equations": ({"equations": {f"x{k}": "0" for k in range(201)}}, "at most 200"),
    "texts without end": ({"equations": {f"x{k}": "1+" * 4000 + "1" for k in range(10)}}, "too long"),
    "a name that is code": ({"name": '"""\nimport os'}, "name of a system"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_definition_with_a_fault_is_refused(what):
    change, reason = REFUSED[what]
    definition = {"kind": "ode", "equations": {"x": "-x", "y": "x - y"}}
    with pytest.raises(InputError, match=reason):
        System.from_dict(definition | change)


def test_intermediates_that_double_a_hundred_times_are_harmless():
    let = {"l0": "x"} | {f"l{k}": f"l{k - 1}*l{k - 1} + l{k - 1}" for k in range(1, 100)}
    system = System.ode({"x": "l99"}, let=let)
    from dysyr.core.codegen import kernel_source

    assert len(kernel_source(system)) < 100_000
    assert system.vector_field([0.0]) == 0.0 and system.jacobian([0.0]) == 1.0
    assert len(system.latex()) == 101


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({}, "needs an interpretation|no interpretation"),
        ({"interpretation": "itô"}, "no interpretation"),
        ({"interpretation": "ito", "diffusion": {}}, r"no \[diffusion\]"),
        ({"interpretation": "ito", "diffusion": {"z": "1"}}, "unknown variable"),
        ({"interpretation": "ito", "diffusion": {"x": ["1", "2"], "y": ["1"]}}, "differ"),
        ({"interpretation": "ito", "diffusion": {"x": ["1"], "y": "1"}}, "differ"),
    ],
)
def test_noise_with_a_fault_is_refused(tables, reason):
    definition = {"kind": "sde", "equations": {"x": "-x", "y": "x - y"}, "diffusion": {"x": "1"}}
    with pytest.raises(InputError, match=reason):
        System.from_dict(definition | tables)


PLANE = {"length": 1.0, "n": 100, "boundary": "periodic", "order": 4}
EXPLOSIVE = {
    "derivatives of derivatives": {
        "kind": "pde",
        "domain": {"x": PLANE, "y": PLANE},
        "equations": {"u": "laplacian(" * 40 + "u*u" + ")" * 40},
    },
    "intermediates of intermediates": {
        "kind": "ode",
        "index": {"i": 500, "j": 500},
        "let": {"l0": "x[i,j]"}
        | {f"l{k}": f"l{k - 1}[i+1,j] + l{k - 1}[i,j+1]*l{k - 1}[i-1,j]" for k in range(1, 100)},
        "equations": {"x[i,j]": "l99"},
    },
    "a stencil of hundreds of sites": {
        "kind": "pde",
        "domain": {"x": PLANE, "y": PLANE},
        "equations": {"u": "laplacian(" * 8 + "u*u" + ")" * 8},
    },
}


@pytest.mark.parametrize("what", EXPLOSIVE)
def test_a_short_text_with_endless_equations_is_refused_within_seconds(what):
    started = time.process_time()
    with pytest.raises(InputError, match="too large"):
        System.from_dict(EXPLOSIVE[what])
    assert time.process_time() - started < 5.0


STRANGE = (
    None,
    True,
    -1,
    0,
    1.5,
    "",
    "x",
    "(",
    [],
    [1, "a"],
    {},
    {"x": {"y": []}},
    float("nan"),
    date(2000, 1, 1),
)
COMPLETE = {
    "ode": {
        "equations": {"x[i]": "-q*x[i+1]"},
        "index": {"i": 4},
        "boundary": "fixed",
        "boundary_values": {"x": [0.0, 1.0]},
        "let": {"q": "a*t"},
    },
    "sde": {
        "equations": {"x": "-a*x"},
        "diffusion": {"x": "a"},
        "interpretation": "ito",
        "hidden": {"x": "-a*x"},
    },
    "pde": {"equations": {"x": "dxx(x)"}, "domain": {"y": PLANE}, "conserved": {"mass": "x"}},
}


@pytest.mark.parametrize("kind", COMPLETE)
def test_strange_entries_anywhere_are_refused_or_used_but_never_crash(kind):
    shared = {"kind": kind, "name": "n", "title": "t", "parameters": {"a": 1.0}, "symplectic": False}
    invariant = {"name": "v", "value": [0.0], "stderr": [0.0], "n_zero": 1, "source": "s", "method": "m"}
    defaults = {"initial_state": {"x": 0.0}, "dt": 0.1, "transient": 0.0}
    complete = shared | COMPLETE[kind] | {"defaults": defaults, "invariants": [invariant]}
    complete = json.loads(json.dumps(complete).replace("dxx(x)", "dyy(x)"))
    System.from_dict(complete)
    refused = 0
    for path in _paths(complete):
        for entry in STRANGE:
            try:
                System.from_dict(_with_entry(complete, path, entry))
            except InputError:
                refused += 1
    assert refused > 100


def _paths(entry, above=()):
    keys = entry if isinstance(entry, dict) else range(len(entry)) if isinstance(entry, list) else ()
    for key in keys:
        yield (*above, key)
        yield from _paths(entry[key], (*above, key))


def _with_entry(definition, path, entry):
    changed = copy.deepcopy(definition)
    table = changed
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = entry
    return changed


def test_a_system_without_parameters_takes_none_and_stays_itself():
    system = System.from_dict({"kind": "map", "equations": {"x": "1 - x"}})
    assert system.with_parameters() == system
    with pytest.raises(InputError, match="the system has no parameter 'a'; its parameters are none"):
        system.with_parameters(a=1)
