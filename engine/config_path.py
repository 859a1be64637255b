"""Paths into structured configuration: `names[0]`, `parent.nested`, `["parent.name"].x`."""

import re
from typing import Any

from engine.errors import UsageError

Segment = str | int
_SEGMENT = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+)\]|\.?\["([^"]*)"\]""")


def parse_path(path: str) -> list[Segment]:
    """The segments of `path`: names and list indexes. Raises UsageError."""
    segments: list[Segment] = []
    position = 0
    while position < len(path) and (match := _SEGMENT.match(path, position)):
        name, index, quoted = match.groups()
        segments.append(int(index) if index is not None else name or quoted)
        position = match.end()
    if position < len(path) or not segments or isinstance(segments[0], int):
        raise UsageError(f"invalid configuration path (got {path!r}). Write it like names[0] or parent.nested.")
    return segments


def assign(container: Any, path: list[Segment], value: Any) -> Any:
    """`container`, made where it does not exist, with `value` at `path`. Raises UsageError."""
    segment, *rest = path
    if container is None:
        container = [] if isinstance(segment, int) else {}
    if isinstance(segment, int):
        if not isinstance(container, list) or segment > len(container):
            raise UsageError(f"configuration path: [{segment}] is beyond the list's end, or not in a list.")
        if segment == len(container):
            container.append(None)
        container[segment] = assign(container[segment], rest, value) if rest else value
        return container
    if not isinstance(container, dict):
        raise UsageError(f"configuration path: '{segment}' cannot be set, as its parent is not a map.")
    container[segment] = assign(container.get(segment), rest, value) if rest else value
    return container


def lookup(container: Any, path: list[Segment]) -> Any:
    """What stands at `path`; None where there is nothing."""
    for segment in path:
        try:
            container = container[segment]
        except (KeyError, IndexError, TypeError):
            return None
    return container


def remove(container: Any, path: list[Segment]) -> None:
    """Takes what stands at `path` out of `container`; nothing happens where there is nothing."""
    parent = lookup(container, path[:-1])
    if lookup(parent, path[-1:]) is not None:
        del parent[path[-1]]
