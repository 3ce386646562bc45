"""The equations that the networks are held to: derivatives written out, the sign, what is refused."""

import numpy as np
import pytest
import torch

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.expression_text import expression_text
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms.collocation import Collocation
from dysyr.reconstruction.hidden_terms.given_system import half_known_system
from dysyr.reconstruction.hidden_terms.jets import jet_trees, jets_of
from dysyr.reconstruction.hidden_terms.problem import HalfKnown, Term
from dysyr.reconstruction.hidden_terms.segments import segments_of
from dysyr.reconstruction.hidden_terms.tensors import evaluate
from dysyr.reconstruction.hidden_terms.training import Scales

LINE = {"x": {"length": 1.0, "n": 9, "boundary": "periodic"}}


def pde(equation, **tables):
    return System.pde({"u": equation}, domain=LINE, parameters={"nu": 0.1}, **tables)


@pytest.mark.parametrize(
    ("conservative", "written_out"),
    [
        ("-dx(u**2)/2", "-u*dx(u)"),
        ("dx(nu*x*dx(u))", "nu*dx(u) + nu*x*dxx(u)"),
        ("dxx(u**2)", "2*dx(u)**2 + 2*u*dxx(u)"),
        ("laplacian(sin(u))", "cos(u)*dxx(u) - sin(u)*dx(u)**2"),
    ],
)
def test_derivatives_of_expressions_are_written_out(conservative, written_out, rng):
    values = {}

    def leaf(node):
        fixed = {"parameter": 0.1, "coordinate": 0.3}
        return fixed.get(node.op) or values.setdefault(node, torch.tensor(rng.normal(), dtype=torch.float64))

    a, b = (jet_trees((pde(text).trees.written["u"],), pde(text)) for text in (conservative, written_out))
    assert evaluate(a, leaf)[0] == pytest.approx(float(evaluate(b, leaf)[0]), rel=1e-12)
    assert all(isinstance(orders, tuple) and len(orders) == 1 for _, orders in jets_of(a))


def test_mixed_derivatives_are_refused():
    plane = {"x": LINE["x"], "y": LINE["x"]}
    system = System.pde({"u": "dx(dy(u))"}, domain=plane)
    with pytest.raises(dysyr.InputError, match="mixed derivatives of u"):
        jet_trees((system.trees.written["u"],), system)


@pytest.mark.parametrize(
    "text", ["where(x < y and not x > 2, sech(x), sigmoid(y))", "atan2(x, y) + abs(x) + asin(x/9) + min(x, y)", "x % y"]
)
def test_trees_on_tensors_are_those_on_numbers(text):
    system = System.ode({"x": text, "y": "0"})
    x = np.array([[0.3, -1.2], [1.1, 0.4]])
    leaves = {"x": torch.tensor(x[:, 0]), "y": torch.tensor(x[:, 1])}
    value = evaluate(jet_trees((system.trees.written["x"],), system), lambda node: leaves[node.value[0]])[0]
    np.testing.assert_allclose(value, system.vector_field(x)[:, 0], rtol=1e-14)


@pytest.mark.parametrize(("sign", "residual"), [(1.0, 0.0), (-1.0, 1.0)])
def test_the_residual_of_the_exact_solution_vanishes_for_known_plus_hidden(monkeypatch, sign, residual):
    """x' = x + F with F = -1.5 x, so x = exp(-t / 2); with the opposite sign it is |3 x| in units of |x| / 2."""
    system = System.ode({"x": "x"}, hidden={"x": ["x"]})
    t = np.linspace(0, 2, 9)
    segments = segments_of(make_dataset(np.exp(-t / 2)[:, None], time=t, names=["x"]), system)
    made = Collocation(
        HalfKnown(system), segments, start=None, hard=True, n_points=11, width=3, hidden_width=3,
        rng=np.random.default_rng(0),
    )  # fmt: skip

    def exact(theta, points):
        value = torch.exp(-points / 2)
        return [value, -value / 2]

    monkeypatch.setattr(made.surrogate, "series", exact)
    monkeypatch.setattr(made, "hidden_values", lambda theta, args, scales: {"x": -1.5 * sign * args["x"][..., 0]})
    points = made.points(np.random.default_rng(0))
    theta = torch.zeros(made.n_parameters, dtype=torch.float64)
    found = made.residual(theta, points, Scales(np.array([1.0]), {}, {}))[0, :, 0].numpy()
    np.testing.assert_allclose(found, -residual * 3 * np.exp(-points[0, :, 0].numpy() / 2), atol=1e-14)


def test_resampled_points_lie_where_the_residual_is_large():
    system = pde("nu*dxx(u)", initial_state={"u": "0"}, hidden={"u": ["u"]})
    segments = segments_of(
        make_dataset(np.random.default_rng(0).normal(size=(5, 9)), dt=1.0, names=system.variables), system
    )
    made = Collocation(
        HalfKnown(system), segments, start=None, hard=True, n_points=400, width=3, hidden_width=3,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    plain = made.points(np.random.default_rng(1))
    assert plain.shape == (1, 400, 2)
    assert (plain[..., 0].max() <= 4.0) and (plain[..., 1].max() <= 1.0)
    drawn = made.points(np.random.default_rng(1), lambda p: np.where(p[..., 1].numpy() < 0.25, 1.0, 0.0))
    assert np.mean(plain[..., 1].numpy() < 0.25) == pytest.approx(0.25, abs=0.01)
    assert np.mean(drawn[..., 1].numpy() < 0.25) > 0.5


def test_hidden_terms_of_a_known_system_are_taken_out():
    system = System.ode(
        {"prey": "a*prey - b*prey*predator", "predator": "-predator"}, parameters={"a": 1.0, "b": 2.0},
        hidden={"prey": "-b*prey*predator"},
    )  # fmt: skip
    problem = HalfKnown(system)
    assert problem.system.equations["prey"] == "a*prey"
    assert problem.argument_texts == {"prey": ["prey", "predator"]}
    assert "hidden" not in problem.system.to_dict()


def test_a_hidden_term_in_space_may_depend_on_derivatives():
    problem = HalfKnown(pde("nu*dxx(u) - u*dx(u)", hidden={"u": "-u*dx(u)"}))
    assert problem.argument_texts == {"u": ["u", "dx(u)", "dxx(u)"]}
    assert expression_text(problem.known["u"]) == "nu*dxx(u)"


def test_the_library_and_the_completed_system():
    problem = HalfKnown(
        System.ode({"x": "-x", "y": "0"}, parameters={"h_x_1": 5.0}, hidden={"x": ["x", "x*y"], "y": ["y"]})
    )
    terms = problem.library(2, ("sin(x)", "x + y"))
    assert [t.text for t in terms if t.field == "x"] == [
        "1", "x", "(x*y)", "x**2", "x*(x*y)", "(x*y)**2", "sin(x)", "(x + y)"
    ]  # fmt: skip
    assert [t.text for t in terms if t.field == "y"] == ["1", "y", "y**2", "sin(x)", "(x + y)"]
    chosen = [terms[4], Term("y", "1", 1)]
    completed, names = problem.completed(chosen, [2.0, -3.0], start=[1.0, 2.0], dt=0.1)
    assert names == ["h_x_1_", "h_y_1"]
    np.testing.assert_allclose(completed.vector_field([2.0, 5.0]), [-2.0 + 2.0 * 2.0 * 10.0, -3.0])
    np.testing.assert_array_equal(completed.initial_state, [1.0, 2.0])
    assert completed.dt == 0.1


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (System.ode({"x": "-x"}, name="plain"), "plain hides nothing"),
        (System.ode({"x": "-x*t"}, hidden={"x": ["x"]}), "depends on the time"),
        (System.map({"x": "x/2"}, hidden={"x": ["x"]}), "kind map"),
        (System.ode({"x[i]": "-x[i]"}, index={"i": 4}, hidden={"x[i]": ["x[i]"]}), "kind ode without an index"),
    ],
)
def test_systems_that_cannot_be_completed_are_refused(system, message):
    with pytest.raises(dysyr.InputError, match=message):
        HalfKnown(system)


def test_what_may_be_given_as_the_known_part(tmp_path):
    system = System.ode({"x": "-x"}, hidden={"x": ["x"]}, name="half")
    system.to_file(tmp_path / "half.toml")
    for given in (system, system.to_dict(), tmp_path / "half.toml", str(tmp_path / "half.toml")):
        assert half_known_system(given, ("x",)) == system
    assert half_known_system("lorenz63", ("x",)) == dysyr.load_system("lorenz63")
    nothing = half_known_system(None, ("a", "b"))
    assert dict(nothing.hidden) == {"a": ["a", "b"], "b": ["a", "b"]}
    with pytest.raises(dysyr.InputError, match="cannot use this system: 3"):
        half_known_system(3, ("x",))
    with pytest.raises(dysyr.InputError, match="there is no system 'lorenz'"):
        half_known_system("lorenz", ("x",))
    with pytest.raises(dysyr.FormatError):
        half_known_system(str(tmp_path / "none.toml"), ("x",))


def test_symbols_that_the_known_part_does_not_define_are_refused():
    with pytest.raises(dysyr.DysyrError, match="'q'"):
        half_known_system({"kind": "ode", "equations": {"x": "-q*x"}, "hidden": {"x": ["x"]}}, ("x",))
