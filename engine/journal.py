"""The snapshot while it changes: every step is written down before it begins and after it ends."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.checkpoint import Pending, Snapshot
from engine.model import State

Save = Callable[[Sequence[State], Sequence[Pending]], None]


def save_nothing(_states: Sequence[State], _pending: Sequence[Pending]) -> None:
    """For previews."""


class Journal:
    """Finished states in the order of completion, then the untouched old ones in theirs.

    That order keeps every reference pointing backwards, whatever moment the engine dies at. Saves of
    several threads are merged: one that waits finds its change in the file that another has written.
    """

    def __init__(self, snapshot: Snapshot, save: Save) -> None:
        self._save = save
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wanted = 0
        self._written = 0
        self._done: list[State] = []
        self._old: list[State] = list(snapshot.states)
        self._interrupted = list(snapshot.pending)
        self._pending: list[Pending] = []
        self._renames: dict[str, str] = {}

    @property
    def states(self) -> list[State]:
        with self._lock:
            return [*self._done, *self._old]

    @property
    def interrupted(self) -> list[Pending]:
        """Operations of an earlier run whose end nobody saw, and that nobody has looked into yet."""
        return list(self._interrupted)

    def resolve(self, pending: Pending) -> None:
        """Forgets an interrupted operation: what became of it is known now."""
        self._interrupted.remove(pending)

    def find(self, urn: str) -> State | None:
        """The live state of `urn`, newest first."""
        states = self.states
        return next((state for state in states if state.urn == urn and not state.delete), None)

    def begin(self, operation: str, state: State) -> Pending:
        """Writes down that `operation` on `state` is about to start."""
        pending = Pending(type=operation, state=state)
        with self._lock:
            self._pending.append(pending)
        self.flush()
        return pending

    def settle(
        self,
        pending: Pending | None,
        *,
        add: State | None = None,
        drop: State | None = None,
        swap: tuple[State, State] | None = None,
    ) -> None:
        """Ends an operation: `add` a finished state, `drop` an old one, `swap` an old one in its place.

        Without `pending`, nothing outside has changed and the file can wait for the next save.
        """
        with self._lock:
            if pending is not None:
                self._pending.remove(pending)
            if drop is not None:
                self._old = [state for state in self._old if state is not drop]
                self._done = [state for state in self._done if state is not drop]
            if swap is not None:
                before, after = swap
                self._old = [after if state is before else state for state in self._old]
                self._done = [after if state is before else state for state in self._done]
            if add is not None:
                self._done.append(add)
        if pending is not None:
            self.flush()

    def flush(self) -> None:
        """Returns when everything written down before the call is on disk."""
        with self._lock:
            self._wanted += 1
            mine = self._wanted
        with self._writing:
            if self._written >= mine:
                return
            with self._lock:
                written = self._wanted
                states = [self._referring(state) for state in [*self._done, *self._old]]
                pending = [*self._interrupted, *self._pending]
            self._save(states, pending)
            self._written = written

    def rename(self, before: str, after: str) -> None:
        """Has everything that refers to the URN `before` refer to `after`: an alias took effect."""
        with self._lock:
            self._renames[before] = after

    def _referring(self, state: State) -> State:
        return with_references(state, lambda urn: self._renames.get(urn, urn)) if self._renames else state

    def prune(self) -> None:
        """Takes out references to what is no longer there."""
        with self._lock:
            known = {state.urn for state in [*self._done, *self._old]}
            self._old = [with_references(state, lambda urn: urn if urn in known else "") for state in self._old]


def with_references(state: State, rename: Callable[[str], str]) -> State:
    """`state` with every URN that it refers to renamed; an empty name drops the reference."""
    wanted = {urn: rename(urn) for urn in state.needs()}
    if all(urn == name for urn, name in wanted.items()):
        return state

    def renamed(urns: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in (wanted[urn] for urn in urns) if name)

    provider, _, id_ = state.provider.rpartition("::")
    return replace(
        state,
        parent=wanted.get(state.parent, ""),
        provider=f"{wanted[provider]}::{id_}" if provider else "",
        dependencies=renamed(state.dependencies),
        property_dependencies={key: renamed(urns) for key, urns in state.property_dependencies.items()},
    )


def as_deleted(state: State) -> State:
    return replace(state, delete=True)
