"""The version of dysyr, as its metadata states it."""

import importlib.metadata

VERSION = importlib.metadata.version("dysyr")
