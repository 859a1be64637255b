"""The stack config of `dev`: the tracked file with this clone's own values laid over it.

Texts in, texts out; `check` them first. Merging is done on YAML nodes, not on values, so that no scalar changes its
meaning on the way (`yes`, `0755` and `1:30` stay what the engine takes them for).
"""

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from wrapper.errors import WrapperError
from wrapper.project import LOADER

_CONFIG = "config"
_NULL = "tag:yaml.org,2002:null"
_LINE_WIDTH = 4096  # never fold a ciphertext


def merge(tracked: str, overlay: str) -> str:
    """`tracked` with every key of `overlay` in its place; a null in the overlay takes the key away."""
    return _text(_laid_over(_top(tracked), _top(overlay)))


def absorb(*, tracked: str, overlay: str, given: str, found: str) -> str:
    """The overlay after an engine that was given one text has left another: what it changed belongs to this clone.

    A value that it removed is dropped from the overlay, so that the tracked one counts again; one that only the tracked
    file has is hidden. What says the same as `tracked` is dropped.
    """
    return _text(_needed(_top(tracked), _changes(_top(given), _top(found), _top(overlay))))


def same(one: str, other: str) -> bool:
    """Whether two texts say the same."""
    return _plain(_top(one)) == _plain(_top(other))


def value_of(text: str, key: str) -> str:
    """The scalar at a top-level key, or at `config` > `key` where it has a namespace; empty where there is none."""
    entries = _entries(_top(text))
    if ":" in key:
        config = entries.get(_CONFIG)
        entries = _entries(config) if isinstance(config, MappingNode) else {}
    node = entries.get(key)
    return str(node.value) if isinstance(node, ScalarNode) and node.tag != _NULL else ""


def has(text: str, key: str) -> bool:
    """Whether `config` > `key` is set, in clear or as ciphertext."""
    config = _entries(_top(text)).get(_CONFIG)
    node = _entries(config).get(key) if isinstance(config, MappingNode) else None
    return node is not None and node.tag != _NULL


def with_top(text: str, key: str, value: str) -> str:
    """`text` with a scalar at a top-level key."""
    return merge(text, yaml.safe_dump({key: value}, width=_LINE_WIDTH))


def with_config(text: str, key: str, value: str) -> str:
    """`text` with a scalar at `config` > `key`."""
    return merge(text, yaml.safe_dump({_CONFIG: {key: value}}, width=_LINE_WIDTH))


def check(text: str, where: str) -> None:
    """Raises WrapperError unless `text` is a stack config; `where` is its file."""
    try:
        _top(text)
    except (yaml.YAMLError, TypeError) as error:
        detail = " ".join(str(error).split())
        raise WrapperError(f"{where}: is no stack config ({detail}). Correct it, or restore it.") from error


def _top(text: str) -> MappingNode:
    node = yaml.compose(text, Loader=LOADER)
    if node is None:
        return MappingNode("tag:yaml.org,2002:map", [], flow_style=False)
    if not isinstance(node, MappingNode):
        raise TypeError(f"it must be a mapping, not {node.value!r}")
    return node


def _entries(node: MappingNode) -> dict[str, Node]:
    return {str(key.value): value for key, value in node.value}


def _mapping(entries: dict[str, Node]) -> MappingNode:
    pairs = [(ScalarNode("tag:yaml.org,2002:str", key), value) for key, value in entries.items()]
    return MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)


def _laid_over(base: MappingNode, over: MappingNode) -> MappingNode:
    entries = _entries(base)
    for key, node in _entries(over).items():
        below = entries.get(key)
        if key == _CONFIG and isinstance(node, MappingNode):
            entries[key] = _laid_over(below if isinstance(below, MappingNode) else _mapping({}), node)
        elif node.tag == _NULL:
            entries.pop(key, None)
        else:
            entries[key] = node
    return _mapping(entries)


def _changes(given: MappingNode, found: MappingNode, over: MappingNode) -> MappingNode:
    before, after, entries = _entries(given), _entries(found), _entries(over)
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        if key == _CONFIG:
            parts = [part if isinstance(part, MappingNode) else _mapping({}) for part in (old, new, entries.get(key))]
            entries[key] = _changes(*parts)
        elif new is None and key in entries and entries[key].tag != _NULL:
            del entries[key]
        elif new is None:
            entries[key] = ScalarNode(_NULL, "null")
        elif old is None or _plain(old) != _plain(new):
            entries[key] = new
    return _mapping(entries)


def _needed(base: MappingNode, over: MappingNode) -> MappingNode:
    below = _entries(base)
    entries: dict[str, Node] = {}
    for key, node in _entries(over).items():
        under = below.get(key)
        if key == _CONFIG and isinstance(node, MappingNode):
            entries[key] = _needed(under if isinstance(under, MappingNode) else _mapping({}), node)
        elif node.tag == _NULL and under is None:
            continue
        elif under is None or _plain(under) != _plain(node):
            entries[key] = node
    return _mapping(entries)


def _plain(node: Node) -> object:
    """What two nodes are compared by."""
    if isinstance(node, MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(item) for item in node.value]
    return node.tag, node.value


def _text(node: MappingNode) -> str:
    entries = _entries(node)
    if isinstance(entries.get(_CONFIG), MappingNode) and not entries[_CONFIG].value:
        del entries[_CONFIG]
    return yaml.serialize(_mapping(entries), Dumper=yaml.SafeDumper, width=_LINE_WIDTH) if entries else ""
