"""A fit can be kept: read-only mappings, of which plans and data are made, go through `pickle` and `copy.deepcopy`.

Python pickles no `MappingProxyType` by itself. A pickle is read by the versions of the packages that wrote it; what outlasts
them are the draws, `fit.idata.to_netcdf(path)`, the theory's text and the data.
"""

import copyreg
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any


def freeze(entries: Mapping[Any, Any]) -> MappingProxyType[Any, Any]:
    """A read-only mapping of these entries."""
    return MappingProxyType(dict(entries))


def _take_apart(proxy: MappingProxyType[Any, Any]) -> tuple[Callable[..., Any], tuple[dict[Any, Any]]]:
    return freeze, (dict(proxy),)


def allow_pickling() -> None:
    """Tell `pickle` and `copy` how read-only mappings are taken apart and put together."""
    copyreg.pickle(MappingProxyType, _take_apart)
