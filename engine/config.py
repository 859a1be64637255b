"""A stack's configuration: the file Pulumi.<stack>.yaml, and what the program gets of it."""

import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import ConfigError, UnsupportedError, UsageError
from engine.project import Project
from engine.secrets import Crypter
from engine.store import write_whole
from engine.values import Secret, has_secret, reveal, text_of

_LINE_WIDTH = 4096  # never fold a ciphertext
_SEGMENT = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+)\]|\.?\["([^"]*)"\]""")
Segment = str | int
"""A part of a path into structured configuration: `names[0]`, `parent.nested`, `["parent.name"].x`."""


def _round_trip() -> Any:
    """YAML 1.2 that keeps what it does not change, and without timestamps: an unquoted date is a text."""
    from ruamel import yaml  # noqa: PLC0415  slow to import

    class Resolver(yaml.resolver.VersionedResolver):
        def add_version_implicit_resolver(self, version: Any, tag: Any, regexp: Any, first: Any) -> None:
            if not str(tag).endswith(":timestamp"):
                super().add_version_implicit_resolver(version, tag, regexp, first)

    parser = yaml.YAML()
    parser.Resolver, parser.preserve_quotes, parser.width = Resolver, True, _LINE_WIDTH
    parser.indent(mapping=2, sequence=4, offset=2)
    return parser


class ConfigValue(NamedTuple):
    """One configuration value, decrypted. `text` is what the program gets."""

    value: Any
    secret: bool

    @property
    def text(self) -> str:
        return text_of(self.value)

    def as_json(self, *, show: bool) -> dict[str, Any]:
        """As `config --json` and the history show it."""
        shown: dict[str, Any] = {"value": self.text} if show or not self.secret else {}
        if shown and isinstance(self.value, dict | list):
            shown["objectValue"] = self.value
        return {**shown, "secret": self.secret}


class StackConfig:
    """The configuration file of one stack; edits keep comments, order and unknown keys."""

    def __init__(self, path: Path, project: Project, stack: str) -> None:
        """Raises ConfigError on a file that is not YAML, UnsupportedError on another secrets provider."""
        from ruamel import yaml  # noqa: PLC0415

        self.path, self._project, self._stack = path, project, stack
        self._yaml = _round_trip()
        try:
            document = self._yaml.load(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, UnicodeDecodeError, yaml.error.YAMLError) as error:
            raise ConfigError(f"{path.name}: cannot be read as YAML ({error}).") from error
        self._document: Any = yaml.comments.CommentedMap() if document is None else document
        if not isinstance(self._document, dict) or not isinstance(self._document.get("config") or {}, dict):
            raise ConfigError(f"{path.name}: it, and 'config' in it, must be mappings.")
        for key in ("environment", "secretsprovider"):
            if self._document.get(key) not in (None, "passphrase"):
                raise UnsupportedError(f"{path.name}: '{key}' is not supported by the embedded engine.")

    def save(self) -> None:
        out = StringIO()
        self._yaml.dump(self._document, out)
        write_whole(self.path, out.getvalue(), mode=0o644)

    @property
    def salt(self) -> str:
        return str(self._document.get("encryptionsalt") or "")

    def ensure_salt(self, salt: str) -> None:
        """Gives a file that has no `encryptionsalt` this one."""
        if not self.salt:
            self._document.insert(0, "encryptionsalt", salt)
            self.save()

    @property
    def entries(self) -> dict[str, Any]:
        """What the file says under `config:`, by full key, ciphertexts still sealed."""
        return {self._project.full_key(str(key)): value for key, value in (self._document.get("config") or {}).items()}

    def _name_of(self, key: str) -> str:
        """The key as the file has it, else in full."""
        full_key, entries = self._project.full_key(key), self._document.get("config") or {}
        return next((name for name in entries if self._project.full_key(name) == full_key), full_key)

    def set(self, path: list[Segment], value: Any) -> None:
        """Sets the value at `path`, a key and what leads into it. Raises UsageError."""
        if not self._document.get("config"):
            self._document["config"] = type(self._document)()
        if isinstance(value, str) and not _is_plain(value):
            from ruamel import yaml  # noqa: PLC0415

            value = yaml.scalarstring.DoubleQuotedScalarString(value)
        assign(self._document["config"], [self._name_of(str(path[0])), *path[1:]], value)

    def remove(self, path: list[Segment]) -> None:
        """Takes out what stands at `path`, if anything does."""
        where = [self._name_of(str(path[0])), *path[1:]]
        parent = lookup(self._document.get("config"), where[:-1])
        if lookup(parent, where[-1:]) is not None:
            del parent[where[-1]]

    def values(self, crypter: Crypter | None) -> dict[str, ConfigValue]:
        """Every value, defaults of Pulumi.yaml included, by full key. Without a crypter secrets are None."""
        declared = {key: entry for key, entry in self._project.declarations.items() if entry.default is not None}
        values = {key: ConfigValue(value=entry.default, secret=entry.secret) for key, entry in declared.items()}
        values |= {key: _opened(raw, crypter) for key, raw in self.entries.items()}
        return dict(sorted(values.items()))

    def validate(self, values: Mapping[str, ConfigValue]) -> None:
        """Raises ConfigError on the first value that is missing or of the wrong type."""
        where = f"validating stack config: Stack '{self._stack}'"
        for key, declaration in sorted(self._project.declarations.items()):
            short = self._project.short_key(key)
            if key not in values:
                raise ConfigError(f"{where} is missing configuration value '{short}'")
            value = values[key].value
            if isinstance(value, str) and declaration.type == "object":  # an array in JSON is no array to the CLI
                try:
                    value = json.loads(value)
                except ValueError:
                    value = None
            declaration.check(value, f"{where} with configuration key '{short}'")


def _opened(raw: Any, crypter: Crypter | None) -> ConfigValue:
    def open_(value: Any) -> Any:
        if isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str):
            return Secret(crypter.decrypt(value["secure"]) if crypter else None)
        if isinstance(value, dict):
            return {str(key): open_(item) for key, item in value.items()}
        return [open_(item) for item in value] if isinstance(value, list) else value

    value = open_(raw)
    return ConfigValue(value=reveal(value), secret=has_secret(value))


def _is_plain(text: str) -> bool:
    """Whether YAML reads `text`, unquoted, as the same text."""
    from ruamel import yaml  # noqa: PLC0415

    try:
        return bool(text) and yaml.YAML(typ="safe", pure=True).load(text) == text
    except yaml.error.YAMLError:
        return False


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
    if not path:
        return value
    segment, *rest = path
    if container is None:
        container = [] if isinstance(segment, int) else {}
    if isinstance(segment, int):
        if not isinstance(container, list) or segment > len(container):
            raise UsageError(f"configuration path: [{segment}] is beyond the list's end, or not in a list.")
        if segment == len(container):
            container.append(None)
    elif not isinstance(container, dict):
        raise UsageError(f"configuration path: '{segment}' cannot be set, as its parent is not a map.")
    container[segment] = assign(lookup(container, [segment]), rest, value)
    return container


def lookup(container: Any, path: list[Segment]) -> Any:
    """What stands at `path`; None where there is nothing."""
    for segment in path:
        try:
            container = container[segment]
        except (KeyError, IndexError, TypeError):
            return None
    return container
