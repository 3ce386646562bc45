import re
from pathlib import Path

import numpy as np
import pytest

from dysyr.core.functions import FUNCTIONS
from dysyr.core.system import System
from dysyr.core.system_file import parse_system_text

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("system_files.md", "how-to/add_a_system.md")}
EXAMPLES = [text for page in PAGES.values() for text in re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)]


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_files_on_the_pages_are_systems(text):
    system = System.from_dict(parse_system_text(text, "page"))
    if system.jumps is not None and system.jumps.states:
        assert system.rate_matrix.shape == (len(system.jumps.states),) * 2
    elif system.spins is not None:
        generator = system.spins.generator_matrix()
        assert generator.shape == (4**system.spins.n_sites,) * 2
        assert abs(generator[0]).sum() == 0
    else:
        assert np.isfinite(system.vector_field(np.full(system.dim, 0.5))).all()


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_pages_name_every_function(page):
    assert [name for name in FUNCTIONS if not re.search(rf"\b{name}\b", page)] == []
