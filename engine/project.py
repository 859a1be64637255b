"""Pulumi.yaml: the project, how to run it, and which configuration it declares."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.errors import ConfigError, EngineError, UnsupportedError

_KNOWN_KEYS = frozenset(
    ["name", "runtime", "main", "description", "author", "website", "license", "config", "backend", "template", "tags"]
)
_REQUIRED_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One entry under `config:` in Pulumi.yaml."""

    key: str
    type: str = ""
    default: Any = None
    """The value of a stack that does not set the key; None where there is none."""
    secret: bool = False

    def check(self, value: Any, where: str) -> None:
        """Raises ConfigError unless `value` is of the declared type. Texts may spell a scalar."""
        if self.type and not _fits(value, self.type):
            raise ConfigError(f"{where} must be of type '{self.type}'")


def _fits(value: Any, type_: str) -> bool:
    if isinstance(value, str) and type_ == "integer":
        return value.removeprefix("-").isdigit()
    if isinstance(value, str) and type_ == "boolean":
        return value in ("true", "false")
    if isinstance(value, bool) and type_ == "integer":
        return False
    if isinstance(value, int | float) and type_ == "string":
        return True  # YAML reads 8080 as a number; the program gets text either way
    return isinstance(value, _REQUIRED_TYPES[type_])


def text_of(value: Any) -> str:
    """A configuration value as the program gets it: text, with JSON for what is not a text."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class Project:
    """What Pulumi.yaml says."""

    name: str
    directory: Path
    main: str = "."
    runtime_options: Mapping[str, Any] = field(default_factory=dict)
    backend_url: str = ""
    declarations: Mapping[str, Declaration] = field(default_factory=dict)
    """By full key, `project:key`."""

    @property
    def program(self) -> Path:
        return (self.directory / self.main).resolve()

    def full_key(self, key: str) -> str:
        return key if ":" in key else f"{self.name}:{key}"


def load_project(cwd: Path) -> Project:
    """The project of `cwd` or of the nearest folder above. Raises EngineError."""
    for folder in (cwd, *cwd.parents):
        path = folder / "Pulumi.yaml"
        if path.is_file():
            return _parse(path)
    raise EngineError(
        f"no Pulumi.yaml project file found (searching upwards from {cwd}). "
        "Run this in the project's folder or name it with --cwd."
    )


def read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML ({error}).") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path.name}: must be a mapping (got {type(content).__name__}).")
    return content


def _parse(path: Path) -> Project:
    content = read_yaml(path)
    unknown = sorted(set(content) - _KNOWN_KEYS)
    if unknown:
        raise UnsupportedError(f"Pulumi.yaml: '{unknown[0]}' is not supported by the embedded engine.")
    name = content.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError("Pulumi.yaml: 'name' is missing. Give the project a name.")
    runtime = content.get("runtime")
    runtime = {"name": runtime} if isinstance(runtime, str) else runtime or {}
    if runtime.get("name") != "python":
        raise UnsupportedError(f"Pulumi.yaml: runtime must be python (got {runtime.get('name')!r}).")
    declared = content.get("config") or {}
    declarations = [_declaration(name, key, entry) for key, entry in declared.items()]
    return Project(
        name=name,
        directory=path.parent.resolve(),
        main=content.get("main") or ".",
        runtime_options=runtime.get("options") or {},
        backend_url=(content.get("backend") or {}).get("url") or "",
        declarations={entry.key: entry for entry in declarations},
    )


def _declaration(project: str, key: str, entry: Any) -> Declaration:
    full_key = key if ":" in key else f"{project}:{key}"
    if not isinstance(entry, dict):
        return Declaration(key=full_key, default=entry)
    type_ = entry.get("type") or ""
    if type_ and type_ not in _REQUIRED_TYPES:
        raise ConfigError(
            f"Pulumi.yaml: config '{key}' has an unknown type (got {type_!r}). Use one of {', '.join(_REQUIRED_TYPES)}."
        )
    default = entry.get("default", entry.get("value"))
    declaration = Declaration(key=full_key, type=type_, default=default, secret=bool(entry.get("secret")))
    if default is not None:
        declaration.check(default, f"Pulumi.yaml: the default of configuration key '{key}'")
    return declaration
