"""The Pulumi project that a call is about, and what the CLI remembers of it outside of the clone."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wrapper.errors import WrapperError
from wrapper.json_file import read_json

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where there is one: it is ten times as fast."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a Pulumi.yaml."""

    folder: Path
    name: str
    backend_url: str
    """`backend.url` of Pulumi.yaml, or empty."""
    keys: frozenset[str]
    """Full names of the config keys that Pulumi.yaml declares."""

    @property
    def state(self) -> Path:
        """The state folder that is used when none is configured."""
        return self.folder / ".state"

    @property
    def local(self) -> Path:
        """What belongs to this clone alone."""
        return self.folder / ".local"

    def shown(self, path: Path) -> str:
        """`path` as a person says it in the project's folder."""
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)

    def stack_config(self, stack: str) -> Path:
        return self.folder / f"Pulumi.{stack}.yaml"


def find_folder(*, cwd: Path, root: Path) -> Path:
    """The folder of the nearest Pulumi.yaml from `cwd` upwards, or `root`, the clone of this wrapper, without one."""
    return next((folder for folder in (cwd, *cwd.parents) if (folder / "Pulumi.yaml").is_file()), root)


def load(folder: Path) -> Project:
    """Raises WrapperError."""
    path = folder / "Pulumi.yaml"
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  a safe loader
        name = content["name"]
        url = (content.get("backend") or {}).get("url") or ""
        keys = content.get("config") or {}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise WrapperError(f"{path}: is not a Pulumi project file ({error}).") from error
    return Project(
        folder=folder.resolve(),
        name=str(name),
        backend_url=str(url),
        keys=frozenset(key if ":" in key else f"{name}:{key}" for key in keys),
    )


def pulumi_home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")


def selected_stack(project: Project, *, home: Path, url: str) -> str:
    """The stack that `stack select` has chosen for the backend `url`, or an empty text."""
    path = str(project.folder / "Pulumi.yaml")
    digest = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
    content = read_json(home / "workspaces" / f"{project.name}-{digest}-workspace.json")
    stacks = content.get("stacks") or {}
    return plain_stack(str(stacks.get(url) or content.get("stack") or ""))


def plain_stack(name: str) -> str:
    """`dev` for `organization/project/dev`."""
    return name.rpartition("/")[2]


def state_file(state: Path, *, project: str, stack: str) -> Path | None:
    """The state of a stack in a file backend, or None where there is no such stack."""
    base = state / ".pulumi" / "stacks" / project / f"{stack}.json"
    return next((path for path in (base, base.with_name(base.name + ".gz")) if path.is_file()), None)


def has_resources(path: Path) -> bool:
    """Whether anything has been deployed. A state that cannot be read counts as deployed: the engine will say why."""
    latest = _latest(path)
    return latest is None or bool(latest.get("resources"))


def state_salt(path: Path) -> str:
    """The salt with which a state's secrets are encrypted; empty where none is or it cannot be read."""
    providers = (_latest(path) or {}).get("secrets_providers") or {}
    return str((providers.get("state") or {}).get("salt") or "")


def _latest(path: Path) -> dict[str, Any] | None:
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        return json.loads(text)["checkpoint"].get("latest") or {}
    except (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError):
        return None
