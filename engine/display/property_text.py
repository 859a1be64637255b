"""Property values as indented text, secrets and unknowns in their words."""

import json
from collections.abc import Mapping
from typing import Any

from engine.values import BLINDED, UNKNOWN, Secret


def value_lines(value: Any, indent: str, blind: Any = str) -> list[str]:
    """`value` over one or more lines; the first has no indent, the rest begin with `indent`."""
    if isinstance(value, Secret):
        return [BLINDED]
    if value is UNKNOWN:
        return ["[unknown]"]
    if isinstance(value, dict) and value:
        return ["{", *mapping_lines(value, indent + "    ", blind), f"{indent}}}"]
    if isinstance(value, list) and value:
        lines = ["["]
        for index, item in enumerate(value):
            first, *rest = value_lines(item, indent + "    ", blind)
            lines += [f"{indent}    [{index}]: {first}", *rest]
        return [*lines, f"{indent}]"]
    if isinstance(value, str):
        return [blind(json.dumps(value, ensure_ascii=False))]
    return [blind(json.dumps(value))]


def mapping_lines(values: Mapping[str, Any], indent: str, blind: Any = str, mark: str = "") -> list[str]:
    """One property a line, names padded to one width."""
    shown = {key: value for key, value in values.items() if not key.startswith("__") and value is not None}
    width = max(map(len, shown), default=0)
    lines = []
    for key in sorted(shown):
        first, *rest = value_lines(shown[key], indent + " " * len(mark), blind)
        lines += [f"{indent}{mark}{key:<{width}}: {first}", *rest]
    return lines


def output_lines(old: Mapping[str, Any], new: Mapping[str, Any], blind: Any = str) -> list[str]:
    """The stack's outputs, each marked as added, changed, gone or the same."""
    names = sorted({*old, *new})
    width = max(map(len, names), default=0)
    lines = []
    for name in names:
        if name not in old or name not in new:
            mark, value = ("+", new[name]) if name in new else ("-", old[name])
            first, *rest = value_lines(value, "    ", blind)
        elif old[name] == new[name]:
            mark = " "
            first, *rest = value_lines(new[name], "    ", blind)
        else:
            mark = "~"
            before, *_ = value_lines(old[name], "    ", blind)
            first, *rest = value_lines(new[name], "    ", blind)
            first = f"{before} => {first}"
        lines += [f"  {mark} {name:<{width}}: {first}", *rest]
    return lines
