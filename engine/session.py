"""One stack, opened: its configuration, its secrets and its state."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.backend import Backend, resolve_backend
from engine.blinder import Blinder
from engine.checkpoint import (
    Pending,
    Sealer,
    Snapshot,
    check_version,
    parse_checkpoint,
    render_checkpoint,
)
from engine.config import ConfigValue, StackConfig
from engine.errors import EngineError, StateError
from engine.lock import Lock
from engine.model import State
from engine.project import Project, load_project
from engine.secrets import Crypter
from engine.values import Secret


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The project and its backend."""

    project: Project
    backend: Backend
    config_file: Path | None

    @classmethod
    def open(cls, cwd: Path, config_file: str) -> "Workspace":
        """Raises EngineError without a project, UnsupportedError for another backend."""
        project = load_project(cwd)
        path = (cwd / config_file).resolve() if config_file else None
        return cls(project=project, backend=resolve_backend(project, project.directory), config_file=path)

    def choose(self, name: str) -> str:
        """The stack named, else the selected one. Raises EngineError if there is neither."""
        stack = self.backend.stack_named(name) if name else self.backend.current()
        if not stack:
            raise EngineError(
                "no stack selected; please use `pulumi stack select` to choose one, or pass --stack <name>"
            )
        return stack

    def config(self, stack: str) -> StackConfig:
        path = self.config_file or self.project.directory / f"Pulumi.{stack}.yaml"
        return StackConfig(path, self.project, stack)


class Session:
    """One stack for the length of one command."""

    def __init__(self, workspace: Workspace, stack: str) -> None:
        """Raises StackNotFoundError."""
        self.project = workspace.project
        self.backend = workspace.backend
        self.stack = stack
        self.backend.require(stack)
        self.config = workspace.config(stack)
        self.blinder = Blinder()
        self._content = self.backend.read(stack)
        self._lock: Lock | None = None

    @cached_property
    def crypter(self) -> Crypter:
        """The stack's own: under the salt of its configuration, else of its state, else a new one.

        Raises SecretsError on a wrong passphrase.
        """
        salt = self.config.salt or self._state_salt()
        if not salt:
            return Crypter.create()
        crypter = Crypter(salt)
        crypter.verify()
        return crypter

    def _state_salt(self) -> str:
        provider = self._deployment().get("secrets_providers") or {}
        return str((provider.get("state") or {}).get("salt") or "")

    def _deployment(self) -> dict[str, Any]:
        checkpoint = self._content.get("checkpoint") or {}
        latest = checkpoint.get("latest") if isinstance(checkpoint, dict) else None
        return latest if isinstance(latest, dict) else {}

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.crypter)

    def values(self) -> dict[str, ConfigValue]:
        """The configuration that the program gets, checked. Raises ConfigError and SecretsError."""
        values = self.config.values(self.crypter)
        self.config.validate(values)
        for value in values.values():
            if value.secret:
                self.blinder.learn(Secret(value.value))
        return values

    def snapshot(self) -> Snapshot:
        """The recorded state. Raises StateError if it cannot be trusted, or is another project's."""
        check_version(self._content)
        snapshot = parse_checkpoint(self._content, self.sealer)
        for state in snapshot.states:
            self.refuse_strangers(state)
            self.blinder.learn([state.inputs, state.outputs])
        return snapshot

    def refuse_strangers(self, state: State) -> None:
        prefix, project, *_ = state.urn.split("::")
        stack = prefix.removeprefix("urn:pulumi:")
        if (stack, project) != (self.stack, self.project.name):
            raise StateError(
                f"state: {state.urn} belongs to another project or stack than {self.project.name}/{self.stack}. "
                "Check PULUMI_BACKEND_URL, and which file was imported."
            )

    # Writing

    def ensure_salt(self) -> None:
        """Gives a configuration file without `encryptionsalt` the one that this run will use."""
        if not self.config.salt:
            self.config.salt = self.crypter.salt
            self.config.save()

    def lock(self) -> Lock:
        """The stack's lock, to be held with `with` while anything is written."""
        self._lock = Lock(self.backend.lock_folder(self.stack), self.backend.url)
        return self._lock

    def reload(self) -> None:
        """Reads the state again: someone may have written it before the lock was taken."""
        self._content = self.backend.read(self.stack)

    def save(self, states: Sequence[State], pending: Sequence[Pending]) -> None:
        """Writes the checkpoint. Raises StateError, and StackLockedError once the lock has been taken away."""
        if self._lock is not None:
            self._lock.check()
        self.backend.write(self.stack, self.render(states, pending))

    def render(self, states: Sequence[State], pending: Sequence[Pending]) -> str:
        return render_checkpoint(self.backend.full_name(self.stack), states, pending, self.sealer)
