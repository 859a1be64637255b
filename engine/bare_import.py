"""Single modules out of packages that import far more than we need of them."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

ALONE = threading.Lock()
"""Where threads share a package, whoever has it bare or imports it whole holds this meanwhile."""


@contextmanager
def bare(*packages: str) -> Iterator[None]:
    """Inside of the block `packages`, the outer ones first, are empty, so that only their modules asked for are run.

    Afterwards nobody sees that they were: an import elsewhere gets the whole package. One that is imported already
    stays as it is.
    """
    known = frozenset(sys.modules)
    for name in packages:
        if name not in known and (spec := find_spec(name)) is not None:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = list(spec.submodule_search_locations or ())
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name not in known and name.startswith(packages)]:
            del sys.modules[name]
