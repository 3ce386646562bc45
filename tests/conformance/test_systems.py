"""Every file of the catalogue: schema, generated code against its slow twin, derivatives, round trips."""

import re
from pathlib import Path

import numpy as np
import pytest
from generated_code import GeneratedCode, relative_error, states_near

from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.system import System
from dysyr.core.system_file import parse_system_text, system_text

BIBLIOGRAPHY = Path(__file__).resolve().parents[2] / "docs" / "references.bib"


@pytest.fixture(params=system_names())
def system(request):
    return catalogue_system(request.param)


def has_no_field(system):
    return system.spins is not None or (system.jumps is not None and bool(system.jumps.states))


@pytest.fixture(params=[name for name in system_names() if not has_no_field(catalogue_system(name))])
def flow(request):
    """Every system but chains of states and spins; the vector field of reactions is the drift of the counts."""
    return catalogue_system(request.param)


def test_the_catalogue_has_what_the_documentation_promises():
    promised = {
        "lorenz63", "rossler", "lotka_volterra", "lotka_volterra4", "lorenz96", "van_der_pol", "duffing",
        "fitzhugh_nagumo", "thomas", "sprott_b", "chua", "bursting_neuron", "hyperchaotic_rossler",
        "henon_heiles", "double_pendulum", "kuramoto_sivashinsky", "fisher_kpp", "burgers", "repressilator",
        "logistic", "henon", "ikeda", "standard", "cat", "ornstein_uhlenbeck", "stochastic_lorenz63",
        "double_well", "stochastic_lotka_volterra", "birth_death", "immigration_death", "two_state_channel",
        "three_state_channel", "flashing_ratchet", "lotka_volterra_jump", "schlogl", "toggle_switch", "sir",
        "michaelis_menten", "futile_cycle", "tfim_decay", "xyz_decay", "xyz_decay_torus", "xyz_field_decay",
        "dephasing", "driven_qubit", "xxz_boundary",
    }  # fmt: skip
    assert promised <= set(system_names())
    assert len(system_names()) >= 100


def test_a_system_file_tells_what_it_is(system):
    assert system.title and system.description.endswith(".")
    keys = re.findall(r"@\w+\{([^,]+),", BIBLIOGRAPHY.read_text(encoding="utf-8"))
    assert system.reference in keys
    assert system.dt > 0 and system.transient >= 0
    assert np.isfinite(system.initial_state).all()
    if not has_no_field(system):
        assert np.isfinite(system.vector_field(system.initial_state)).all()
    assert len(set(system.variables)) == system.dim


def test_generated_code_equals_the_expression_tree(flow, rng):
    x, t = states_near(flow, rng)
    v = rng.normal(size=x.shape)
    code = GeneratedCode(flow)
    jacobian = flow.jacobian(x, t)
    assert relative_error(code("rhs", x, t), flow.vector_field(x, t)) < 1e-13
    assert relative_error(code("jacobian", x, t), jacobian) < 1e-13
    assert relative_error(code("jvp", x, t, v), np.einsum("ljk,lk->lj", jacobian, v)) < 1e-12
    assert relative_error(code("divergence", x, t), np.trace(jacobian, axis1=1, axis2=2)) < 1e-12
    if flow.n_noise:
        assert relative_error(code("diffusion", x, t), flow.diffusion(x, t)) < 1e-13


def test_jacobian_equals_extrapolated_differences(flow, rng):
    x, t = states_near(flow, rng, lanes=3)
    jacobian = flow.jacobian(x, t)
    step = 1e-3 * (1.0 + np.abs(x).max())
    for k in range(flow.dim):
        along = np.eye(flow.dim)[k]
        coarse, fine = (
            (flow.vector_field(x + h * along, t) - flow.vector_field(x - h * along, t)) / (2 * h)
            for h in (step, step / 2)
        )
        assert relative_error(jacobian[..., k], (4 * fine - coarse) / 3) < 1e-6


def test_sparsity_covers_the_jacobian(flow, rng):
    x, t = states_near(flow, rng)
    assert not flow.jacobian(x, t)[:, ~flow.sparsity()].any()


def test_conserved_quantities_do_not_change_along_the_flow(flow, rng):
    x, t = states_near(flow, rng)
    velocity = flow.vector_field(x, t)
    step = 1e-5
    ahead, behind = (flow.conserved_quantities(x + s * step * velocity, t) for s in (1, -1))
    for name in ahead:
        rate = (ahead[name] - behind[name]) / (2 * step)
        assert np.max(np.abs(rate)) < 1e-6 * (1 + np.max(np.abs(ahead[name])) + np.max(velocity**2))


@pytest.mark.parametrize("name", [name for name in system_names() if catalogue_system(name).symplectic])
def test_symplectic_systems_conserve_volume(name, rng):
    system = catalogue_system(name)
    x, t = states_near(system, rng)
    if system.kind == "map":
        assert np.allclose(np.linalg.det(system.jacobian(x, t)), 1.0)
    else:
        assert np.allclose(system.divergence(x, t), 0.0, atol=1e-10)


def test_round_trips_through_a_dict_and_a_file(system, tmp_path):
    assert System.from_dict(system.to_dict()) == system
    path = tmp_path / f"{system.name}.toml"
    system.to_file(path)
    assert System.from_file(path) == system
    assert (
        parse_system_text(system_text(system.to_dict()), "text") | {"name": system.name} == system.to_dict()
    )


def test_mathtext_reads_the_equations(system):
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("agg")
    lines = system.latex()
    assert len(lines) >= len(system.equations)
    for line in lines:
        parser.parse(f"${line}$")


def test_torch_function_equals_the_expression_tree(flow, rng):
    torch = pytest.importorskip("torch")
    from dysyr.core.codegen_torch import torch_source

    names = {}
    exec(compile(torch_source(flow), "generated", "exec"), names)
    x, t = states_near(flow, rng)
    p = torch.tensor(list(flow.parameters.values()), dtype=torch.float64)
    value = names["rhs"](torch.tensor(t), torch.tensor(x), p)
    assert relative_error(value.numpy(), flow.vector_field(x, t)) < 1e-13
    jacobian = torch.autograd.functional.jacobian(
        lambda state: names["rhs"](float(t[0]), state, p), torch.tensor(x[0])
    )
    assert relative_error(jacobian.numpy(), flow.jacobian(x[0], t[0])) < 1e-12


def test_changed_parameters_drop_the_invariants(system):
    invariant = {"name": "lyapunov_spectrum", "value": [0.0] * system.dim, "source": "test"}
    known = System.from_dict(system.to_dict() | {"invariants": [invariant]})
    assert known.invariants == (invariant,)
    for name, value in system.parameters.items():
        assert known.with_parameters(**{name: value}).invariants == (invariant,)
        assert known.with_parameters(**{name: value + 0.01}).invariants == ()
