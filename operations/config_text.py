"""Stack configs as texts: read, and edited so that comments, order and everything else stay as they are."""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from operations.errors import OperationError

_LINE_WIDTH = 4096  # never fold a ciphertext


def values(text: str, *, project: str) -> dict[str, Any]:
    """What a stack config sets, by full key. Raises OperationError where it is no stack config."""
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise OperationError(f"stack config: cannot be read as YAML ({error}). Mend the file.") from error
    config = document.get("config") or {} if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise OperationError("stack config: must be a map with a map under `config`. Mend the file.")
    return {key if ":" in key else f"{project}:{key}": value for key, value in config.items()}


def with_values(text: str, new: Mapping[str, str | int]) -> str:
    """`text` with these values, by full key, under `config`. Raises OperationError where it is no stack config."""
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = _LINE_WIDTH
    editor.indent(mapping=2, sequence=4, offset=2)
    try:
        document = editor.load(text)
    except YAMLError as error:
        raise OperationError(f"stack config: cannot be read as YAML ({error}). Mend the file.") from error
    if document is None:  # nothing but comments, which the editor would lose
        return f"{text}{yaml.safe_dump({'config': dict(new)}, sort_keys=False, width=_LINE_WIDTH)}"
    config = document.get("config") if isinstance(document, CommentedMap) else None
    if config is None and isinstance(document, CommentedMap):
        config = document["config"] = CommentedMap()
    if not isinstance(config, CommentedMap):
        raise OperationError("stack config: must be a map with a map under `config`. Mend the file.")
    for key, value in new.items():
        config[key] = _quoted(value) if isinstance(value, str) else value
    out = StringIO()
    editor.dump(document, out)
    return out.getvalue()


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once, so that no reader and no crash sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    if path.exists():
        temporary.chmod(path.stat().st_mode)
    temporary.replace(path)


def _quoted(value: str) -> str:
    """Quoted where YAML would take the plain text for a date, a number or the like."""
    return value if yaml.safe_load(value) == value else DoubleQuotedScalarString(value)
