"""The functions that join the layers: what needs systems, kernels, models and measures at once."""

from pathlib import Path

from dysyr.core.catalogue import catalogue_system
from dysyr.core.system import System


def load_system(name_or_path, **parameters):
    """A system of the catalogue, or of a file.

    Args:
        name_or_path: name in the catalogue (``dysyr systems`` lists them), or path of a file that ends in .toml.
        **parameters: new values of the system's parameters, and new sizes of its lattice by index name.

    Returns:
        System.

    Raises:
        InputError: unknown name or parameter.
        FormatError: the file is missing or no system file.
    """
    if isinstance(name_or_path, Path) or str(name_or_path).endswith(".toml"):
        system = System.from_file(name_or_path)
    else:
        system = catalogue_system(str(name_or_path))
    sizes = {name: parameters.pop(name) for name in list(parameters) if name in system.lattice.indices}
    system = system.with_size(**sizes) if sizes else system
    return system.with_parameters(**parameters) if parameters else system
