import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def real_data():
    """Path of a file of measured data; the test is skipped where it is not there.

    The folder is the environment variable DYSYR_TEST_DATA, by default ../shared/data beside the repository.
    """
    folder = Path(os.environ.get("DYSYR_TEST_DATA", REPOSITORY.parent / "shared" / "data"))

    def path_of(name):
        path = folder / name
        if not path.is_file():
            pytest.skip(f"{name} is not in {folder}; point DYSYR_TEST_DATA to a folder that holds it")
        return path

    return path_of


@pytest.fixture
def rng():
    """A generator of its own for each test, always the same."""
    return np.random.default_rng(20240229)


@pytest.fixture(autouse=True)
def global_random_state_is_left_alone():
    """Fail a test that draws from, or seeds, a global random generator."""
    before = _global_random_states()
    yield
    after = _global_random_states()
    touched = [name for name in before if before[name] != after[name]]
    assert not touched, (
        f"the global random state of {', '.join(touched)} was changed; pass a seeded generator"
    )


def _global_random_states():
    kind, keys, *rest = np.random.get_state()
    states = {"numpy": (kind, keys.tobytes(), *rest)}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        states["torch"] = bytes(torch.get_rng_state().numpy().tobytes())
    return states
