"""Paths into structured configuration: `names[0]`, `parent.nested`, `["parent.name"].x`."""

import re
from typing import Any

from engine.errors import UsageError

Segment = str | int
_SEGMENT = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+)\]|\[?"((?:[^"\\]|\\.)*)"\]?""")


def parse_path(path: str) -> list[Segment]:
    """The segments of `path`: names and list indexes. Raises UsageError."""
    segments: list[Segment] = []
    position = 0
    while position < len(path):
        match = _SEGMENT.match(path, position)
        if match is None or match.end() == position:
            raise UsageError(f"invalid configuration path {path!r}")
        name, index, quoted = match.groups()
        segments.append(int(index) if index is not None else name if name is not None else quoted)
        position = match.end()
    if not segments or isinstance(segments[0], int):
        raise UsageError(f"invalid configuration path {path!r}: it must begin with a key")
    return segments


def assign(container: Any, path: list[Segment], value: Any) -> Any:
    """`container`, made where it does not exist, with `value` at `path`. Raises UsageError."""
    segment, *rest = path
    if container is None:
        container = [] if isinstance(segment, int) else {}
    if isinstance(segment, int):
        if not isinstance(container, list) or segment > len(container):
            raise UsageError(f"index {segment} is outside of the list or not in a list")
        if segment == len(container):
            container.append(None)
        container[segment] = assign(container[segment], rest, value) if rest else value
        return container
    if not isinstance(container, dict):
        raise UsageError(f"'{segment}' cannot be set: its parent is not a map")
    container[segment] = assign(container.get(segment), rest, value) if rest else value
    return container


def lookup(container: Any, path: list[Segment]) -> Any:
    """What stands at `path`; None where there is nothing."""
    for segment in path:
        if isinstance(segment, int):
            inside = isinstance(container, list) and segment < len(container)
        else:
            inside = isinstance(container, dict) and segment in container
        if not inside:
            return None
        container = container[segment]
    return container


def remove(container: Any, path: list[Segment]) -> None:
    """Takes what stands at `path` out of `container`; nothing happens where there is nothing."""
    parent = lookup(container, path[:-1])
    if lookup(parent, path[-1:]) is not None:
        del parent[path[-1]]
