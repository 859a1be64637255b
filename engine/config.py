"""A stack's configuration: the file Pulumi.<stack>.yaml, and what the program gets of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from engine.config_path import Segment, assign, remove
from engine.errors import ConfigError, UnsupportedError
from engine.files import write_whole
from engine.project import Project, text_of
from engine.secrets import Crypter

_LINE_WIDTH = 4096  # never fold a ciphertext


def _round_trip() -> Any:
    """YAML 1.2 that keeps what it does not change, and without timestamps: an unquoted date is a text."""
    from ruamel.yaml import YAML  # noqa: PLC0415  slow to import
    from ruamel.yaml.resolver import VersionedResolver  # noqa: PLC0415

    class Resolver(VersionedResolver):
        def add_version_implicit_resolver(self, version: Any, tag: Any, regexp: Any, first: Any) -> None:
            if not str(tag).endswith(":timestamp"):
                super().add_version_implicit_resolver(version, tag, regexp, first)

    yaml = YAML()
    yaml.Resolver = Resolver
    yaml.preserve_quotes = True
    yaml.width = _LINE_WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


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
        """Raises ConfigError on a file that is not YAML, UnsupportedError on another secrets provider."""
        self.path, self._project, self._stack = path, project, stack
        from ruamel.yaml.comments import CommentedMap  # noqa: PLC0415  slow to import
        from ruamel.yaml.error import YAMLError  # noqa: PLC0415

        self._yaml = _round_trip()
        try:
            document = self._yaml.load(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, UnicodeDecodeError, YAMLError) as error:
            raise ConfigError(f"{path.name}: cannot be read as YAML ({error}).") from error
        self._document = CommentedMap() if document is None else document
        if not isinstance(self._document, CommentedMap) or not isinstance(self._document.get("config") or {}, dict):
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

    @salt.setter
    def salt(self, salt: str) -> None:
        if self._document.get("encryptionsalt") != salt:
            self._document.insert(0, "encryptionsalt", salt)

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
            from ruamel.yaml.scalarstring import DoubleQuotedScalarString  # noqa: PLC0415

            value = DoubleQuotedScalarString(value)
        assign(self._document["config"], [self._name_of(str(path[0])), *path[1:]], value)

    def remove(self, path: list[Segment]) -> None:
        remove(self._document.get("config"), [self._name_of(str(path[0])), *path[1:]])

    def values(self, crypter: Crypter | None) -> dict[str, ConfigValue]:
        """Every value, defaults of Pulumi.yaml included, by full key. Without a crypter secrets are None."""
        declared = self._project.declarations.items()
        values = {
            key: ConfigValue(value=entry.default, secret=entry.secret)
            for key, entry in declared
            if entry.default is not None
        }
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
            if isinstance(value, str) and declaration.type in ("array", "object"):
                try:
                    value = json.loads(value)
                except ValueError:
                    value = None
            declaration.check(value, f"{where} with configuration key '{short}'")


def _opened(raw: Any, crypter: Crypter | None) -> ConfigValue:
    secret = False

    def open_(value: Any) -> Any:
        nonlocal secret
        if isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str):
            secret = True
            return crypter.decrypt(value["secure"]) if crypter else None
        if isinstance(value, dict):
            return {str(key): open_(item) for key, item in value.items()}
        return [open_(item) for item in value] if isinstance(value, list) else value

    value = open_(raw)
    return ConfigValue(value=value, secret=secret)


def _is_plain(text: str) -> bool:
    """Whether YAML reads `text`, unquoted, as the same text."""
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return bool(text) and YAML(typ="safe", pure=True).load(text) == text
    except YAMLError:
        return False
