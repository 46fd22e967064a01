"""Puts httpx2 in httpx's place in every interpreter that has this folder on its PYTHONPATH: `nox -s httpx2`.

An interpreter reads this before anything else, in the workers of pytest-xdist too, where plugins import
httpx before any of ours is asked. The alias comes with the first import, so that what loads no httpx
loads no httpx2 either.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class AliasOnImport(MetaPathFinder):
    """Sets the alias when httpx or httpcore is first asked for, and leaves the rest to it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in {"httpx", "httpcore"}:
            return None
        sys.meta_path.remove(self)
        import httpx2

        httpx2.alias_httpx()
        found = (finder.find_spec(fullname, path, target) for finder in sys.meta_path)
        return next(filter(None, found), None)


sys.meta_path.insert(0, AliasOnImport())
