"""What a user gives as the known part, as a System."""

from pathlib import Path

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import InputError
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms.problem import everything_hidden


def half_known_system(given, names):
    """The System of the argument ``system``.

    Args:
        given: path of a system file, name in the catalogue, definition, System or None.
        names: variables of the data, all of whose equations are unknown where ``given`` is None.

    Raises:
        InputError: something else, or no such system.
        FormatError: a file that cannot be read.
    """
    if given is None:
        return everything_hidden(names)
    if isinstance(given, System):
        return given
    if isinstance(given, dict):
        return System.from_dict(given)
    if isinstance(given, Path) or (isinstance(given, str) and given.endswith(".toml")):
        return System.from_file(given)
    if isinstance(given, str):
        return catalogue_system(given)
    raise InputError(
        "HiddenTerms cannot use this system", got=repr(given)[:60],
        expected="the path of a system file, a name of the catalogue, a definition, a System or None",
    )  # fmt: skip
