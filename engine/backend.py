"""The file backend: the stack that is meant; where stacks, history and locks lie, in the CLI's own layout."""

import gzip
import hashlib
import json
import os
import time
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from engine.errors import NO_SUCH_STACK, EngineError, StateError, UnsupportedError
from engine.project import load_project
from engine.ssh_store import SshStore
from engine.store import LocalStore, write_whole
from engine.values import compact_json

Store = LocalStore | SshStore


class Backend:
    """The project of a folder, and its part of a file backend."""

    def __init__(self, arguments: Namespace) -> None:
        """Raises EngineError without a project, UnsupportedError for a backend of another kind."""
        self._arguments, self.project = arguments, load_project(arguments.folder)
        self.url = os.environ.get("PULUMI_BACKEND_URL") or self.project.backend_url or "file://~"
        scheme, _, rest = self.url.partition("://")
        if scheme not in ("file", "ssh"):
            raise UnsupportedError(
                f"backend: only file:// and ssh:// are supported by the embedded engine (got {self.url!r}). "
                "Set PULUMI_BACKEND_URL to one of these, or use the Pulumi CLI."
            )
        self._laid_out = False
        folder = self.project.directory / Path(unquote(rest.partition("?")[0])).expanduser()
        self.store: Store = SshStore(self.url) if scheme == "ssh" else LocalStore(folder.resolve() / ".pulumi")

    def config_path(self, stack: str) -> Path:
        own = self._arguments.config_file
        return (self._arguments.folder / own).resolve() if own else self.project.directory / f"Pulumi.{stack}.yaml"

    def _name(self, kind: str, *rest: str) -> str:
        return "/".join((kind, self.project.name, *rest))

    def lock_folder(self, stack: str) -> str:
        return f"locks/{self.full_name(stack)}"

    def full_name(self, stack: str) -> str:
        return f"organization/{self.project.name}/{stack}"

    def stacks(self) -> list[str]:
        files = self.store.times(self._name("stacks"))
        return sorted({name.split(".json")[0] for name in files if name.endswith((".json", ".json.gz"))})

    def require(self, stack: str) -> None:
        """Raises EngineError if there is no such stack."""
        if stack not in self.stacks():
            raise EngineError(f"no stack named '{stack}' found", NO_SUCH_STACK)

    def read(self, stack: str) -> dict[str, Any]:
        """The checkpoint file of `stack` as JSON. Raises StateError."""
        self.require(stack)
        name = self._name("stacks", f"{stack}.json")
        path = self.store.place(name)
        try:
            text = self.store.read(name)
            content = json.loads(gzip.decompress(self.store.read(f"{name}.gz") or b"") if text is None else text)
        except (OSError, ValueError, EOFError) as error:
            raise StateError(
                f"{path}: cannot be read as a checkpoint ({error}). "
                f"Restore the copy beside it: {self.store.shell}mv {path}.bak {path}"
            ) from error
        if not isinstance(content, dict):
            raise StateError(f"{path}: cannot be read as a checkpoint (it is not a JSON object).")
        return content

    def write(self, stack: str, text: str, lock: str = "") -> None:
        """Saves a checkpoint under a lock, if one is named; the one before stays beside it as `.bak`."""
        if not self._laid_out:
            self._laid_out = True
            if self.store.read("meta.yaml") is None:
                self.store.write("meta.yaml", "version: 1\n")
        self.store.write(self._name("stacks", f"{stack}.json"), text, keep=True, held=lock)

    def remove(self, stack: str) -> None:
        """Removes the state of `stack`, its history and its configuration file; the backups stay."""
        for name in self.store.times(self._name("stacks")):
            if name.startswith(f"{stack}.json"):
                self.store.remove(self._name("stacks", name))
        self.store.remove(self._name("history", stack))
        self.config_path(stack).unlink(missing_ok=True)

    def add_history(self, stack: str, entry: dict[str, Any], checkpoint: str) -> None:
        """Records one finished update and backs up the state that it left."""
        stamp = time.time_ns()
        base = self._name("history", stack, f"{stack}-{stamp}")
        self.store.write(f"{base}.checkpoint.json", checkpoint)
        self.store.write(f"{base}.history.json", compact_json(entry))
        self.store.write(self._name("backups", stack, f"{stack}.{stamp}.json"), checkpoint)

    def history(self, stack: str) -> list[dict[str, Any]]:
        """The finished updates of `stack`, newest first."""
        names = sorted(self.store.times(self._name("history", stack)), reverse=True)
        found = (
            self.store.read(self._name("history", stack, name)) for name in names if name.endswith(".history.json")
        )
        return [json.loads(text) for text in found if text]

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
