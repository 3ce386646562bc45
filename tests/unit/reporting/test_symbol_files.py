import matplotlib.image
import numpy as np
import pytest

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import DysyrError, InputError
from dysyr.encoding.encode import encode
from dysyr.encoding.encoding import Encoding
from dysyr.reconstruction.plrnn.alrnn import ALRNN
from dysyr.reporting.symbol_files import export_code
from dysyr.reporting.symbol_views import space_figure

FIGURES = {"state_space.png", "transition_graph.png", "raster.png"}


@pytest.fixture(scope="module")
def tent():
    """The skew tent map with slopes 1.5 and -2.2."""
    return ALRNN.from_parameters(A=[1.5], W=[[-3.7]], h=[1.0], n_rectified=1, initial_states=[[0.1]])


@pytest.fixture(scope="module")
def code(tent):
    return encode(tent, n_steps=400)


def test_what_is_returned_is_what_is_there_and_figures_can_be_read(tent, code, tmp_path):
    files = export_code(code, tmp_path / "symbols", model=tent)
    assert {path.name for path in files} == {path.name for path in (tmp_path / "symbols").iterdir()}
    pictures = [path for path in files if path.suffix == ".png"]
    assert {path.name for path in pictures} == FIGURES | {"orbits.png"}
    for path in pictures:
        assert np.ptp(matplotlib.image.imread(path)[..., :3]) > 0.5


def test_orbits_of_an_earlier_search_do_not_stay_behind(tent, code, tmp_path):
    export_code(code, tmp_path, model=tent)
    files = export_code(code, tmp_path, model=tent, max_period=0)
    assert "orbits.png" not in {path.name for path in tmp_path.iterdir()}
    assert {path.name for path in files if path.suffix == ".png"} == FIGURES


def test_a_fitted_reconstructor_will_do(tent, code, tmp_path):
    fitted = ALRNN(latent_dim=1, n_rectified=1).restored(tent, {}, {})
    assert (tmp_path / "orbits.png") in export_code(code, tmp_path, model=fitted, max_period=1)


def test_a_code_without_states_has_no_picture_of_them(tmp_path):
    bare = Encoding((np.array([0, 1, 0, 0]),), (0.0,), (0,), 1.0, ("a", "b"))
    assert space_figure(bare) is None
    assert {path.name for path in export_code(bare, tmp_path)} & (FIGURES | {"orbits.png"}) == FIGURES - {
        "state_space.png"
    }


def test_states_that_are_nowhere_complete_have_no_picture():
    half = np.array([[1.0, np.nan], [np.nan, 2.0], [1.0, np.nan]])
    code = encode(make_dataset(half, dt=1.0, mask=True, label=np.array([0, 1, 0])))
    assert space_figure(code) is None
    whole = encode(make_dataset(np.vstack([half, [3.0, 4.0]]), dt=1.0, mask=True, label=np.array([0, 1, 0, 1])))
    (ax,) = space_figure(whole).axes
    assert ax.lines[1].get_xydata()[-1].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("n_variables", [1, 2, 3, 6])
def test_the_shortest_codes_can_be_drawn(tmp_path, n_variables):
    data = make_dataset(np.arange(2.0 * n_variables).reshape(2, -1), dt=1.0, label=np.array([4, 5]))
    assert FIGURES <= {path.name for path in export_code(encode(data), tmp_path)}


def test_a_jump_code_is_written_with_points_that_are_not_joined(code, tmp_path):
    export_code(code.jumps(), tmp_path)
    (ax,) = space_figure(code.jumps()).axes
    assert {line.get_linestyle() for line in ax.lines} == {"None"}


def test_what_cannot_be_exported_is_refused(tent, code, tmp_path):
    with pytest.raises(InputError, match="only codes are exported: dict; an Encoding"):
        export_code({}, tmp_path)
    with pytest.raises(InputError, match="max_period is not a positive whole number: -1"):
        export_code(code, tmp_path, model=tent, max_period=-1)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DysyrError, match="cannot write"):
        export_code(code, tmp_path / "file", model=tent)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_picture_of_an_earlier_code_does_not_stay_behind(code, tmp_path):
    export_code(code, tmp_path)
    bare = Encoding((np.array([0, 1, 0, 0]),), (0.0,), (0,), 1.0, ("a", "b"))
    export_code(bare, tmp_path)
    assert not (tmp_path / "state_space.png").exists()
    (tmp_path / "state_space.png").mkdir()
    with pytest.raises(DysyrError, match="cannot remove"):
        export_code(bare, tmp_path)


def test_times_of_a_clock_keep_their_digits(tmp_path):
    data = make_dataset(np.zeros((4, 1)), time=1.7e9 + 0.25 * np.arange(4), label=[0, 1, 0, 1])
    export_code(encode(data), tmp_path)
    rows = (tmp_path / "symbols.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows[1:]] == ["1700000000", "1700000000.25", "1700000000.5", "1700000000.75"]
