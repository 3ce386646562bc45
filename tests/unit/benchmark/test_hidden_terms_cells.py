"""The benchmark of hidden terms: its bound, its data, its cells and page, and the example."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dysyr.benchmark import hidden_terms
from dysyr.benchmark.hidden_terms_page import page, within_bounds
from dysyr.simulation.simulate import simulate

EXAMPLE = Path(__file__).parents[3] / "examples" / "hidden_terms.py"


def test_the_bound_is_that_of_the_variational_equation():
    """dS/dt = (df/dx) S + df/dp with S for (a, b, x_0, y_0) along the true orbit."""
    clock, sigma = 0.1 * np.arange(31), np.array([0.03, 0.05])

    def rate(t, z):
        x, y = z[:2]
        jacobian = np.array([[1.3 - 0.9 * y, -0.9 * x], [0.8 * y, 0.8 * x - 1.8]])
        driven = np.array([[x * y, 0, 0, 0], [0, x * y, 0, 0]])
        flow = [1.3 * x - 0.9 * x * y, 0.8 * x * y - 1.8 * y]
        return np.concatenate([flow, (jacobian @ z[2:].reshape(2, 4) + driven).ravel()])

    start = np.concatenate([hidden_terms.START, np.hstack([np.zeros((2, 2)), np.eye(2)]).ravel()])
    z = solve_ivp(rate, (0, 3), start, t_eval=clock, rtol=1e-10, atol=1e-12).y[2:].T.reshape(31, 2, 4)
    s = (z / sigma[:, None]).reshape(62, 4)
    expected = np.sqrt(np.diag(np.linalg.inv(s.T @ s)))[:2]
    np.testing.assert_allclose(hidden_terms.bound(clock, sigma), expected, rtol=1e-5)


def test_the_data_of_burgers_are_those_of_the_closed_form():
    """Values of the Cole-Hopf integral at viscosity 0.01."""
    fine = hidden_terms.field_system("burgers", finer=2)
    u = simulate(fine, times=[0.0, 0.25, 0.5, 0.75, 1.0], method="bdf", rtol=1e-6)["x"].values[0]
    x = fine.space["x"]
    exact = ((0.25, 1, -0.974689), (0.5, 2, -0.588696), (0.1, 3, -0.792135), (-0.5, 4, 0.374420))
    for place, time, value in exact:
        assert np.interp(place, x, u[time]) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("name", ["burgers", "fisher"])
def test_grids_of_data_and_method_share_their_points(name):
    coarse, fine = (hidden_terms.field_system(name, finer=k).space["x"] for k in (1, 4))
    np.testing.assert_allclose(fine[::4], coarse, atol=1e-12)
    assert dict(hidden_terms.field_system(name, hidden=True).hidden)["u"][0] == "u"


def cell(**changes):
    made = {
        "seed": 1000, "found": {"x: x*y": -0.91, "y: x*y": 0.82}, "form": True, "seconds": 3.0, "inclusion": [1.0, 1.0],
        "coefficients": [-0.91, 0.82], "stderr": [0.02, 0.07], "errors": [0.01, 0.03], "chi_square": 1.1,
        "bound": [0.01, 0.05], "far_error": 0.2,
    }  # fmt: skip
    return {**made, **changes}


def test_finished_cells_are_not_repeated(tmp_path, monkeypatch):
    made = []

    def fit(case, seed):
        made.append(seed)
        return cell(seed=seed)

    monkeypatch.setattr(hidden_terms, "predation_cell", fit)
    for seeds in (2, 3):
        found = hidden_terms.run(tmp_path, seeds, cases=("31 points, 5 %",))
    assert made == [1000, 1001, 1002] and [row["seed"] for row in found["31 points, 5 %"]] == made
    assert len(list(tmp_path.iterdir())) == 3


def test_the_page_counts_forms_and_bounds():
    rows = [cell(), cell(coefficients=[-0.93, 0.82], errors=[0.033, 0.03]), cell(form=False, errors=None, stderr=None,
            coefficients=None, found={"x: x": 0.1})]  # fmt: skip
    assert [within_bounds(row) for row in rows] == [True, False, False]
    text = page({"31 points, 5 %": rows, "5 points": []}, "command", hidden_terms.__doc__)
    assert "| 31 points, 5 % | 2 of 3 | **3.15 %** [3.00, 3.30] |" in text
    assert "1 of 3 fits have the true form and both coefficients within two of them" in text
    assert "| 1000 | x: x*y -0.91, y: x*y 0.82 | 0.02, 0.07 | -1.00, +0.40 | 1.10 | 0.200 |" in text
    assert text.endswith("* 31 points, 5 %, seed 1000: x: x 0.1\n")
    assert page({"5 points": [cell()]}, "command", hidden_terms.__doc__).endswith("No fit has another form.\n")


def test_a_cell_is_a_fit_beside_the_truth(monkeypatch):
    quick = {"degree": 2, "n_members": 1, "width": 8, "hidden_width": 4, "n_collocation": 30, "n_adam": 10}

    def method(system, **options):
        return hidden_terms_class(system, **{**options, **quick, "n_iterations": 30})

    hidden_terms_class = hidden_terms.HiddenTerms
    monkeypatch.setattr(hidden_terms, "HiddenTerms", method)
    made = hidden_terms.predation_cell({"n": 11, "gap": 0.3, "noise": 0.01}, 3)
    assert made["form"] and max(made["errors"]) < 0.1 and made["far_error"] < 0.5
    assert 0.2 < made["chi_square"] < 3.0
    assert json.loads(json.dumps(made)) == made


def test_the_example_runs(capsys):
    exec(compile(EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE), "exec"), {})
    shown = capsys.readouterr().out
    assert "F_predator = 0.80" in shown and "error up to t = 30" in shown
