"""One stack, opened: its configuration, its secrets and its state."""

from collections.abc import Sequence
from functools import cached_property

from engine.backend import Backend
from engine.checkpoint import Checkpoints, Pending, Snapshot, salt_of
from engine.config import ConfigValue, StackConfig
from engine.errors import EngineError, StateError
from engine.lock import Lock
from engine.model import State
from engine.secrets import Blinder, Crypter
from engine.values import Secret, leaves


class Session:
    """One stack for the length of one command."""

    def __init__(self, backend: Backend, stack: str) -> None:
        """Raises EngineError if there is no such stack."""
        self.project, self.backend, self.stack = backend.project, backend, stack
        self._content = backend.read(stack)
        self.config = StackConfig(backend.config_path(stack), backend.project, stack)
        self.blinder = Blinder()
        self._lock: Lock | None = None
        salt = self.config.salt or salt_of(self._content)
        self._known_crypter = Crypter(salt) if salt else None

    def warm(self) -> None:
        """Starts what takes long and will be needed."""
        if self._known_crypter is not None:
            self._known_crypter.warm()

    @cached_property
    def crypter(self) -> Crypter:
        """The stack's own: under the salt of its configuration, else of its state, else a new one.

        Raises ConfigError on a wrong passphrase.
        """
        crypter = self._known_crypter or Crypter.create()
        crypter.verify()
        return crypter

    @cached_property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.crypter)

    def values(self) -> dict[str, ConfigValue]:
        """The configuration that the program gets, checked. Raises ConfigError."""
        values = self.config.values(self.crypter)
        self.config.validate(values)
        self.blinder.learn([Secret(leaf) for value in values.values() if value.secret for leaf in leaves(value.value)])
        return values

    def snapshot(self) -> Snapshot:
        """The recorded state. Raises StateError if it cannot be trusted, or is another project's."""
        snapshot = self.checkpoints.parse(self._content)
        self.refuse_strangers(snapshot.states)
        self.blinder.learn([state.inputs for state in snapshot.states])
        return snapshot

    def refuse_strangers(self, states: Sequence[State]) -> None:
        """Raises StateError if one of `states` belongs to another project or stack."""
        prefix = f"urn:pulumi:{self.stack}::{self.project.name}::"
        for state in states:
            if not state.urn.startswith(prefix):
                raise StateError(
                    f"state: {state.urn} belongs to another project or stack than {self.project.name}/{self.stack}. "
                    "Check PULUMI_BACKEND_URL, and which file was imported."
                )

    # Writing

    def lock(self) -> Lock:
        """The stack's lock, to be held with `with` while anything is written."""
        self._lock = Lock(self.backend.store, self.backend.lock_folder(self.stack))
        return self._lock

    def reload(self) -> bool:
        """Reads the state again; whether someone has written it before the lock was taken."""
        before, self._content = self._content, self.backend.read(self.stack)
        return before != self._content

    def remove(self) -> None:
        """Removes the stack, its history and its configuration file. Raises EngineError if it has resources."""
        self.reload()
        if self.snapshot().states:
            raise EngineError(f"'{self.stack}' still has resources; removal rejected. Run `pulumi destroy` first.")
        self.backend.remove(self.stack)

    def save(self, states: Sequence[State], pending: Sequence[Pending]) -> None:
        """Writes the checkpoint. Raises StateError, and StackLockedError once the lock has been taken away."""
        held = self._lock.name if self._lock else ""
        self.backend.write(self.stack, self.render(states, pending), held)

    def render(self, states: Sequence[State], pending: Sequence[Pending]) -> str:
        return self.checkpoints.render(self.backend.full_name(self.stack), states, pending)
