import re
from pathlib import Path

import numpy as np
import pytest

from dysyr.core.functions import FUNCTIONS
from dysyr.core.system import System
from dysyr.core.system_file import parse_system_text

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "add_a_system.md").read_text(
    encoding="utf-8"
)
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_files_on_the_page_are_systems(text):
    system = System.from_dict(parse_system_text(text, "page"))
    assert np.isfinite(system.vector_field(np.full(system.dim, 0.5))).all()


def test_the_page_names_every_function():
    listed = re.search(r"the functions `(.*?)`", PAGE, flags=re.DOTALL).group(1).split()
    assert sorted(listed) == sorted(FUNCTIONS)
