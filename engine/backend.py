"""The file backend: the stack that is meant; where stacks, history and locks lie, in the CLI's own layout."""

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import time
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from engine.errors import NO_SUCH_STACK, EngineError, StateError, UnsupportedError
from engine.project import load_project
from engine.values import compact_json


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replaces `path` by `text` in one step, on disk before it returns. Raises StateError."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StateError(
            f"{path}: cannot be written ({error.strerror}). Free space or fix the permissions, then run again."
        ) from error


class Backend:
    """The project of a folder, and its part of a file backend."""

    def __init__(self, arguments: Namespace) -> None:
        """Raises EngineError without a project, UnsupportedError for a backend that is no folder."""
        self._arguments, self.project = arguments, load_project(arguments.folder)
        self.url = os.environ.get("PULUMI_BACKEND_URL") or self.project.backend_url or "file://~"
        if not self.url.startswith("file://"):
            raise UnsupportedError(
                f"backend: only file:// is supported by the embedded engine (got {self.url!r}). "
                "Set PULUMI_BACKEND_URL to a file:// URL, or use the Pulumi CLI."
            )
        folder = Path(unquote(self.url.removeprefix("file://").partition("?")[0])).expanduser()
        self.root = (self.project.directory / folder).resolve() / ".pulumi"

    def config_path(self, stack: str) -> Path:
        own = self._arguments.config_file
        return (self._arguments.folder / own).resolve() if own else self.project.directory / f"Pulumi.{stack}.yaml"

    def _folder(self, kind: str) -> Path:
        return self.root / kind / self.project.name

    def state_path(self, stack: str) -> Path:
        return self._folder("stacks") / f"{stack}.json"

    def lock_folder(self, stack: str) -> Path:
        return self.root / "locks" / self.full_name(stack)

    def full_name(self, stack: str) -> str:
        return f"organization/{self.project.name}/{stack}"

    def stacks(self) -> list[str]:
        names = (path.name for path in self._folder("stacks").glob("[!.]*.json*"))
        return sorted({name.split(".json")[0] for name in names if not name.endswith((".bak", ".attrs"))})

    def require(self, stack: str) -> None:
        """Raises EngineError if there is no such stack."""
        if stack not in self.stacks():
            raise EngineError(f"no stack named '{stack}' found", NO_SUCH_STACK)

    def read(self, stack: str) -> dict[str, Any]:
        """The checkpoint file of `stack` as JSON. Raises StateError."""
        self.require(stack)
        path = self.state_path(stack)
        try:
            packed = path.with_name(path.name + ".gz")
            content = json.loads(path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes()))
        except (OSError, ValueError, EOFError) as error:
            raise StateError(
                f"{path}: cannot be read as a checkpoint ({error}). Restore the copy beside it: mv {path}.bak {path}"
            ) from error
        if not isinstance(content, dict):
            raise StateError(f"{path}: cannot be read as a checkpoint (it is not a JSON object).")
        return content

    def write(self, stack: str, text: str) -> None:
        """Saves a checkpoint; the one before stays beside it as `.bak`."""
        path = self.state_path(stack)
        if not (self.root / "meta.yaml").exists():
            write_whole(self.root / "meta.yaml", "version: 1\n")
        if path.exists():
            write_whole(path.with_name(path.name + ".bak"), path.read_text(encoding="utf-8"))
        write_whole(path, text)

    def remove(self, stack: str) -> None:
        """Removes the state of `stack`, its history and its configuration file; the backups stay."""
        for path in self._folder("stacks").glob(f"{stack}.json*"):
            path.unlink()
        shutil.rmtree(self._folder("history") / stack, ignore_errors=True)
        self.config_path(stack).unlink(missing_ok=True)

    def add_history(self, stack: str, entry: dict[str, Any], checkpoint: str) -> None:
        """Records one finished update and backs up the state that it left."""
        stamp = time.time_ns()
        base = self._folder("history") / stack / f"{stack}-{stamp}"
        write_whole(base.with_name(base.name + ".checkpoint.json"), checkpoint)
        write_whole(base.with_name(base.name + ".history.json"), compact_json(entry))
        write_whole(self._folder("backups") / stack / f"{stack}.{stamp}.json", checkpoint)

    def history(self, stack: str) -> list[dict[str, Any]]:
        """The finished updates of `stack`, newest first."""
        paths = sorted((self._folder("history") / stack).glob("*.history.json"), reverse=True)
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    # The selected stack, shared with the CLI.

    def _workspace(self) -> tuple[Path, dict[str, Any]]:
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        project_file = str(self.project.directory / "Pulumi.yaml").encode()
        digest = hashlib.sha1(project_file, usedforsecurity=False).hexdigest()
        path = home / "workspaces" / f"{self.project.name}-{digest}-workspace.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        return path, content if isinstance(content, dict) else {}

    def current(self) -> str:
        """The selected stack, or an empty text."""
        _, content = self._workspace()
        name = (content.get("stacks") or {}).get(self.url) or content.get("stack") or ""
        return str(name).rpartition("/")[2]

    def select(self, stack: str) -> None:
        path, content = self._workspace()
        content["stacks"] = {**(content.get("stacks") or {}), self.url: self.full_name(stack)}
        write_whole(path, json.dumps(content, indent=4))

    def choose(self) -> str:
        """The stack named, else that of PULUMI_STACK, else the selected one. Raises EngineError if there is neither."""
        name = self._arguments.stack or os.environ.get("PULUMI_STACK", "")
        stack = self.stack_named(name) if name else self.current()
        if not stack:
            raise EngineError("no stack selected. Use `pulumi stack select NAME`, or pass --stack NAME.")
        return stack

    def stack_named(self, name: str) -> str:
        """The plain name of the stack a user means: `dev`, `project/dev`, `organization/project/dev`."""
        *owner, stack = name.split("/")
        if owner and owner[-1] != self.project.name:
            raise EngineError(f"stack '{name}' belongs to another project than '{self.project.name}'.")
        if not stack or not all(char.isalnum() or char in "-_." for char in stack):
            raise EngineError(f"stack name: only letters, digits, '-', '_' and '.' are allowed (got {name!r}).")
        return stack
