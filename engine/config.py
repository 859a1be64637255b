"""A stack's configuration: the file Pulumi.<stack>.yaml, and what the program gets of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from engine.config_path import assign, parse_path, remove
from engine.errors import ConfigError, UnsupportedError
from engine.files import write_whole
from engine.project import Project, text_of
from engine.secrets import Crypter

_LINE_WIDTH = 4096  # never fold a ciphertext


@dataclass(frozen=True, kw_only=True)
class ConfigValue:
    """One configuration value, decrypted. `text` is what the program gets."""

    value: Any
    secret: bool

    @property
    def text(self) -> str:
        return text_of(self.value)


class StackConfig:
    """The configuration file of one stack; edits keep comments, order and unknown keys."""

    def __init__(self, path: Path, project: Project, stack: str) -> None:
        self.path = path
        self._project = project
        self._stack = stack
        self._yaml = YAML()
        self._yaml.width = _LINE_WIDTH
        self._yaml.indent(mapping=2, sequence=4, offset=2)
        self._document = self._load()
        for key, cure in (("environment", "ESC environments"), ("secretsprovider", "secrets providers")):
            if self._document.get(key) not in (None, "passphrase"):
                raise UnsupportedError(
                    f"{path.name}: {cure} other than the passphrase are not supported by the embedded engine "
                    f"(got '{key}')."
                )

    def _load(self) -> CommentedMap:
        if not self.path.is_file():
            return CommentedMap()
        try:
            document = self._yaml.load(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, YAMLError) as error:
            raise ConfigError(f"{self.path.name}: cannot be read as YAML ({error}).") from error
        if document is None:
            return CommentedMap()
        if not isinstance(document, CommentedMap):
            raise ConfigError(f"{self.path.name}: must be a mapping (got {type(document).__name__}).")
        return document

    def save(self) -> None:
        out = StringIO()
        self._yaml.dump(self._document, out)
        write_whole(self.path, out.getvalue(), mode=0o644)

    @property
    def salt(self) -> str:
        return str(self._document.get("encryptionsalt") or "")

    @salt.setter
    def salt(self, salt: str) -> None:
        if "encryptionsalt" in self._document:
            self._document["encryptionsalt"] = salt
        else:
            self._document.insert(0, "encryptionsalt", salt)

    @property
    def entries(self) -> dict[str, Any]:
        """What the file says under `config:`, by full key, ciphertexts still sealed."""
        entries = self._document.get("config") or {}
        if not isinstance(entries, dict):
            raise ConfigError(f"{self.path.name}: 'config' must be a mapping (got {entries!r}).")
        return {self._project.full_key(str(key)): value for key, value in entries.items()}

    def set(self, path: str, value: Any, *, nested: bool) -> None:
        """Sets `path` to `value`; with `nested`, `path` may lead into maps and lists."""
        key, *rest = parse_path(path) if nested else (path,)
        entries = self._document.setdefault("config", CommentedMap())
        key = self._key_in(entries, str(key))
        if isinstance(value, str) and not _is_plain(value):
            value = DoubleQuotedScalarString(value)
        if rest:
            entries[key] = assign(entries.get(key), rest, value)
        else:
            entries[key] = value

    def remove(self, path: str, *, nested: bool) -> None:
        key, *rest = parse_path(path) if nested else (path,)
        entries = self._document.get("config") or {}
        key = self._key_in(entries, str(key))
        if rest:
            remove(entries.get(key), rest)
        else:
            entries.pop(key, None)

    def _key_in(self, entries: Mapping[str, Any], key: str) -> str:
        full_key = self._project.full_key(key)
        return next((name for name in entries if self._project.full_key(name) == full_key), full_key)

    def values(self, crypter: Crypter | None) -> dict[str, ConfigValue]:
        """Every value that the program gets, defaults of Pulumi.yaml included, by full key.

        Without a crypter secrets have the value None. Raises ConfigError on a missing or mistyped one.
        """
        values = {
            key: ConfigValue(value=entry.default, secret=entry.secret)
            for key, entry in self._project.declarations.items()
            if entry.default is not None
        }
        for key, raw in self.entries.items():
            values[key] = _opened(raw, crypter)
        return dict(sorted(values.items()))

    def validate(self, values: Mapping[str, ConfigValue]) -> None:
        """Raises ConfigError on the first value that is missing or of the wrong type."""
        for key, declaration in sorted(self._project.declarations.items()):
            short = key.removeprefix(f"{self._project.name}:")
            if key not in values:
                raise ConfigError(
                    f"validating stack config: Stack '{self._stack}' is missing configuration value '{short}'"
                )
            declaration.check(
                _structured(values[key].value, declaration.type),
                f"validating stack config: Stack '{self._stack}' with configuration key '{short}'",
            )


def _structured(value: Any, type_: str) -> Any:
    """Lists and maps may be given as JSON text."""
    if not isinstance(value, str) or type_ not in ("array", "object"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def _opened(raw: Any, crypter: Crypter | None) -> ConfigValue:
    secret = False

    def open_(value: Any) -> Any:
        nonlocal secret
        if _is_sealed(value):
            secret = True
            return crypter.decrypt(value["secure"]) if crypter else None
        if isinstance(value, dict):
            return {str(key): open_(item) for key, item in value.items()}
        if isinstance(value, list):
            return [open_(item) for item in value]
        return value

    value = open_(raw)
    return ConfigValue(value=value, secret=secret)


def _is_plain(text: str) -> bool:
    """Whether YAML reads `text`, unquoted, as the same text."""
    try:
        return bool(text) and YAML(typ="safe", pure=True).load(text) == text
    except YAMLError:
        return False
