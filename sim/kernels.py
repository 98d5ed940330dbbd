"""Compiled kernels in numba's cache on disk, also where nobody may write to it.

numba looks for a cache folder that it can write to when a function is decorated, and refuses the function where none
is. A run in a container with a read-only root, or of a user who may only read what set-up compiled, could not even
be imported. Here a folder that exists is enough. What is not found compiled in it is compiled in memory, each time.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator

Function = TypeVar("Function", bound=Callable[..., object])


class _Locator(UserProvidedCacheLocator):
    """`NUMBA_CACHE_DIR`, which need not be writable if it has kernels of the function's folder."""

    def ensure_cache_path(self) -> None:
        try:
            super().ensure_cache_path()  # type: ignore[no-untyped-call]  # numba has no types
        except OSError:
            if not Path(self.get_cache_path()).is_dir():  # type: ignore[no-untyped-call]  # as above
                raise


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_Locator, *CompileResultCacheImpl._locator_classes]  # noqa: RUF012, SLF001 (as in the base)


class _Cache(FunctionCache):
    _impl_class = _CacheImpl

    def save_overload(self, sig: object, data: object) -> None:
        """Save what was compiled, where that is allowed."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]  # as above
        except PermissionError:
            return
        except OSError as error:
            if error.errno != errno.EROFS:
                raise


def cached(compiled: Function) -> Function:
    """Give a function compiled by numba, without a cache so far, the one on disk; `cache=True` does so with numba's."""
    try:
        compiled._cache = _Cache(compiled.py_func)  # type: ignore[attr-defined, no-untyped-call]  # noqa: SLF001
    except RuntimeError:
        return compiled  # no folder at all
    return compiled
