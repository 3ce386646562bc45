"""Attributes of data sets that hold JSON text."""

import json

from dysyr.core.errors import InputError


def json_attribute(ds, name, default):
    """The value of an attribute that holds JSON.

    Args:
        ds: Dataset.
        name: of the attribute.
        default: what stands for an absent one; its type is that of the value.

    Raises:
        InputError: the attribute is something else, as those of other programs may be.
    """
    if name not in ds.attrs:
        return default
    text = ds.attrs[name]
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, type(default)):
        raise InputError(
            f"attribute '{name}' of the data is not what dysyr keeps there", got=repr(text)[:60],
            expected=f"JSON of a {type(default).__name__}", do=f"take it out: del data.attrs['{name}']",
        )  # fmt: skip
    return found
