"""One configuration over another: mappings key by key, lists and values in the whole."""

from collections.abc import Mapping
from typing import Any

from agent.config.engines import FAMILIES, Family


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration's data with that of another over it; null stands for the default.

    The section of an engine takes the place of another engine's: their keys have nothing in common.
    """
    whole = dict(base)
    for key, value in over.items():
        below = base.get(key)
        if not (isinstance(value, Mapping) and isinstance(below, Mapping)):
            whole[key] = value
        elif key in FAMILIES:
            whole[key] = merged_section(FAMILIES[key], below, value)
        else:
            whole[key] = merged(below, value)
    return whole


def merged_section(
    family: Family, base: Mapping[str, Any], over: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the section of an engine with another over it, or that one if it names an engine."""
    if replaces(family, base, over):
        return dict(over)
    return merged(base, over)


def replaces(family: Family, base: Mapping[str, Any], over: Mapping[str, Any]) -> bool:
    """Whether `over` is about another engine than `base`."""
    named, here = over.get(family.selector), base.get(family.selector, family.default)
    return named is not None and named != here
