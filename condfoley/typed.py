"""JSON's values as the types of dataclasses, checked."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from functools import cache
from typing import Any


def typed(kind: Any, value: Any, where: str) -> Any:
    """A JSON value as one of a type: a dataclass, tuple, dict, optional or plain type. Raises ValueError, TypeError."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, where)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else typed(next(part for part in parts if part is not type(None)), value, where)
    if origin is tuple:
        items = _of((tuple, list), value, where)
        kinds = [parts[0]] * len(items) if parts[-1] is Ellipsis else parts
        if len(items) != len(kinds):
            raise ValueError(f"{where} has {len(items)} values, not {len(kinds)}")
        return tuple(
            typed(part, item, f"{where}[{i}]") for i, (part, item) in enumerate(zip(kinds, items, strict=True))
        )
    if origin is dict or kind is dict:
        inner = parts[1] if parts else Any
        return {key: typed(inner, item, f"{where}.{key}") for key, item in _of(dict, value, where).items()}
    if origin is typing.Literal:
        if value not in parts:
            raise ValueError(f"{where} is {value!r}, not {' or '.join(parts)}")
        return value
    if kind is float:
        number = float(_of((int, float), value, where))
        if not math.isfinite(number):
            raise ValueError(f"{where} is {number}")
        return number
    return value if kind is Any else _of(kind, value, where)


def _record(kind: Any, value: Any, where: str) -> Any:
    hints = field_types(kind)
    given = {key: item for key, item in _of(dict, value, where).items() if key in hints}
    return kind(**{key: typed(hints[key], item, f"{where}.{key}".strip(".")) for key, item in given.items()})


@cache
def field_types(kind: Any) -> dict[str, Any]:
    """A dataclass's fields and their types."""
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind)}


def _of(kind: Any, value: Any, where: str) -> Any:
    wanted = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ValueError(f"{where} is {value!r:.40}, not {wanted[-1].__name__}")
    return value
