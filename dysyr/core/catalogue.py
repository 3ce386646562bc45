"""The catalogue of systems shipped with dysyr: one file each, in the resource package dysyr.systems."""

from functools import cache
from importlib import resources

from dysyr.core.errors import InputError
from dysyr.core.names import did_you_mean
from dysyr.core.system import System
from dysyr.core.system_file import parse_system_text


@cache
def system_names():
    """Names of the systems in the catalogue, sorted: a tuple."""
    files = resources.files("dysyr.systems").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def catalogue_system(name):
    """The system of a name in the catalogue.

    Args:
        name: the name of its file without ending.

    Returns:
        System.

    Raises:
        InputError: there is no such system.
    """
    if name not in system_names():
        raise InputError(
            f"there is no system '{name}'",
            expected=f"the catalogue has {', '.join(system_names())}",
            do=did_you_mean(name, system_names()) or "give the path of a system file, ending in .toml",
        )
    text = (resources.files("dysyr.systems") / f"{name}.toml").read_text(encoding="utf-8")
    return System.from_dict({"name": name} | parse_system_text(text, f"{name}.toml"))


def as_system(system):
    """The System that was given, or that of the catalogue of this name.

    Args:
        system: a System, or a name.

    Returns:
        System.

    Raises:
        InputError: neither, or an unknown name.
    """
    if isinstance(system, System):
        return system
    if isinstance(system, str):
        return catalogue_system(system)
    raise InputError(
        "no system", got=type(system).__name__, expected="a System, or the name of one of the catalogue",
        do="make one by dysyr.load_system or dysyr.System.ode",
    )  # fmt: skip
