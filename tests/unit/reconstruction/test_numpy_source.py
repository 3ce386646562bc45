"""Fitted models as modules that need NumPy alone."""

import ast
import json
import subprocess
import sys

import numpy as np
import pytest
from test_elementwise_models import FORMS, made

import dysyr
from dysyr.core.scaler import Scaler
from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.reconstruction import ShallowPLRNN

M, L, N = 4, 6, 2


def shallow(clipped, affine=False, names=("x", "y")):
    rng = np.random.default_rng(0)
    parts = Parameters(
        rng.uniform(0.2, 0.6, M), 0.3 * rng.normal(size=(M, L)), rng.normal(size=(L, M)), rng.normal(size=M),
        rng.normal(size=L), np.zeros((M, 0)), np.zeros((0, N)) if affine else rng.normal(size=(M - N, N)),
        rng.normal(size=(N if affine else 0, M)),
    )  # fmt: skip
    return ShallowPLRNN(
        parts, clipped=clipped, dt=0.1, names=names, scaler=Scaler(np.array([1.0, -2.0]), np.array([2.0, 3.0])),
        initial_states=rng.normal(size=(3, M)),
    )  # fmt: skip


MODELS = {str(form): made(**form) for form in [*FORMS, {"n_inputs": 2}]} | {
    "shallow": shallow(False), "clipped": shallow(True), "affine": shallow(True, affine=True),
}  # fmt: skip


def loaded(model):
    space = {}
    exec(compile(model.numpy_source(), "model.py", "exec"), space)
    return space


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_module_makes_the_model_s_steps(model):
    space, z = loaded(model), model.initial_states
    inputs = (np.random.default_rng(3).normal(size=(40, 3, 2)),) if model.n_inputs else ()
    run = space["generate"](40, z, *inputs)
    u = np.swapaxes(inputs[0], 0, 1) if inputs else None
    np.testing.assert_allclose(run, np.swapaxes(model.readout(model.trajectory(z, 40, u)), 0, 1), rtol=1e-9)
    one = [i[0, 0] for i in inputs]
    np.testing.assert_allclose(space["step"](z[0], *one), model.step(z[:1], *[u[None] for u in one])[0], rtol=1e-12)
    x = np.array([[0.3, 0.7], [1.0, -1.0]])
    np.testing.assert_allclose(space["initial"](x), model.initial(x[:, None]), rtol=1e-12)
    assert (space["DT"], space["NAMES"]) == (0.1, ("x", "y"))


def test_the_module_runs_without_dysyr(tmp_path):
    model = MODELS["clipped"]
    (tmp_path / "model.py").write_text(model.numpy_source(), encoding="utf-8")
    asked = (
        "import json, sys; sys.path.insert(0, '.'); import model; "
        "run = model.generate(5, model.initial_states[0]); "
        "print(json.dumps([run.tolist(), sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True)
    run, modules = json.loads(done.stdout)
    np.testing.assert_allclose(run, model.readout(model.trajectory(model.initial_states[:1], 5))[0], rtol=1e-12)
    assert "numpy" in modules and not {"dysyr", "torch", "numba"} & set(modules)


def test_names_of_a_stranger_s_columns_stay_text():
    name = '"""\nimport os  # \\'
    source = shallow(False, names=(name, "y")).numpy_source()
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
    assert loaded(shallow(False, names=(name, "y")))["NAMES"] == (name, "y")


def test_a_model_without_such_a_form_says_so():
    class Other(ShallowPLRNN):
        numpy_source = dysyr.core.model.StateSpace.numpy_source

    other = Other.from_state(MODELS["shallow"].config(), MODELS["shallow"].arrays())
    with pytest.raises(dysyr.InputError, match="cannot be written as a NumPy module"):
        other.numpy_source()
