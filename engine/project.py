"""Pulumi.yaml: the project, how to run it, and which configuration it declares."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from engine.errors import ConfigError, EngineError, UnsupportedError

_KEYS = frozenset(
    ["name", "runtime", "main", "description", "author", "website", "license", "config", "backend", "template", "tags"]
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is far faster, where PyYAML has it
_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


class Declaration(NamedTuple):
    """One entry under `config:` in Pulumi.yaml; `default` is None where a stack must set the key."""

    type: str = ""
    default: Any = None
    secret: bool = False

    def check(self, value: Any, where: str) -> None:
        """Raises ConfigError unless `value` is of the declared type. Texts may spell a scalar."""
        if self.type and not self._fits(value):
            raise ConfigError(f"{where} must be of type '{self.type}'")

    def _fits(self, value: Any) -> bool:
        if self.type == "string":
            return isinstance(value, str | int | float)  # YAML reads 8080 as a number; the program gets text
        if isinstance(value, str):
            digits = value.removeprefix("-").isdigit()
            return digits if self.type == "integer" else self.type == "boolean" and value in ("true", "false")
        return isinstance(value, _TYPES[self.type]) and not (self.type == "integer" and isinstance(value, bool))


class Project(NamedTuple):
    """What Pulumi.yaml says; `declarations` are by full key, `project:key`."""

    name: str
    directory: Path
    main: str
    runtime_options: Mapping[str, Any]
    backend_url: str
    declarations: Mapping[str, Declaration]

    @property
    def program(self) -> Path:
        return (self.directory / self.main).resolve()

    def full_key(self, key: str) -> str:
        return key if ":" in key else f"{self.name}:{key}"

    def short_key(self, key: str) -> str:
        return key.removeprefix(f"{self.name}:")


def load_project(cwd: Path) -> Project:
    """The project of `cwd` or of the nearest folder above. Raises EngineError."""
    path = next((folder / "Pulumi.yaml" for folder in (cwd, *cwd.parents) if (folder / "Pulumi.yaml").is_file()), None)
    if path is None:
        raise EngineError(
            f"no Pulumi.yaml project file found (searching upwards from {cwd}). "
            "Run this in the project's folder or name it with --cwd."
        )
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  it is a safe one
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"Pulumi.yaml: cannot be read as YAML ({error}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("name"), str):
        raise ConfigError("Pulumi.yaml: 'name' is missing. Give the project a name.")
    for key in sorted(set(content) - _KEYS):
        raise UnsupportedError(f"Pulumi.yaml: '{key}' is not supported by the embedded engine.")
    runtime = content.get("runtime") or {}
    runtime = {"name": runtime} if isinstance(runtime, str) else runtime
    if runtime.get("name") != "python":
        raise UnsupportedError(f"Pulumi.yaml: runtime must be python (got {runtime.get('name')!r}).")
    name = content["name"]
    declared = (content.get("config") or {}).items()
    declarations = {key if ":" in key else f"{name}:{key}": _declaration(key, entry) for key, entry in declared}
    options, backend_url = runtime.get("options") or {}, (content.get("backend") or {}).get("url") or ""
    return Project(name, path.parent.resolve(), content.get("main") or ".", options, backend_url, declarations)


def _declaration(key: str, entry: Any) -> Declaration:
    if not isinstance(entry, dict):
        return Declaration(default=entry)
    type_, default = entry.get("type") or "", entry.get("default", entry.get("value"))
    if type_ and type_ not in _TYPES:
        names = ", ".join(_TYPES)
        raise ConfigError(f"Pulumi.yaml: config '{key}' has an unknown type (got {type_!r}). Use one of {names}.")
    declaration = Declaration(type=type_, default=default, secret=bool(entry.get("secret")))
    if default is not None:
        declaration.check(default, f"Pulumi.yaml: the default of configuration key '{key}'")
    return declaration
