"""The snapshot while it changes: every step is written down before it begins and after it ends."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.checkpoint import Pending, Snapshot
from engine.model import State

_Maybe = State | None
Save = Callable[[Sequence[State], Sequence[Pending]], None]


class Journal:
    """Finished states in the order of completion, then the untouched old ones in theirs.

    That order keeps every reference pointing backwards, whatever moment the engine dies at. Saves of
    several threads are merged: one that waits finds its change in the file that another has written.
    """

    def __init__(self, snapshot: Snapshot, save: Save | None) -> None:
        """Without `save` nothing is written: a preview."""
        self._save = save
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._wanted = self._written = 0
        self._done: list[State] = []
        self._old = list(snapshot.states)
        self._pending: list[Pending] = []
        self._renames: dict[str, str] = {}
        self.interrupted = list(snapshot.pending)
        """Operations of an earlier run whose end nobody saw, and that nobody has looked into yet."""

    @property
    def states(self) -> list[State]:
        with self._lock:
            return [*self._done, *self._old]

    def find(self, urn: str) -> State | None:
        """The live state of `urn`, newest first."""
        return next((state for state in self.states if state.urn == urn and not state.delete), None)

    def begin(self, operation: str, state: State) -> Pending:
        """Writes down that `operation` on `state` is about to start."""
        pending = Pending(type=operation, state=state)
        with self._lock:
            self._pending.append(pending)
        self.flush()
        return pending

    def settle(
        self, pending: Pending | None, *, add: _Maybe = None, drop: _Maybe = None, instead: _Maybe = None
    ) -> None:
        """Ends an operation: `add` a finished state, `drop` an old one, or have `instead` in its place.

        Without `pending`, nothing outside has changed and the file can wait for the next save.
        """
        with self._lock:
            if pending is not None:
                self._pending.remove(pending)
            if drop is not None:
                for states in (self._old, self._done):
                    changed = (instead if state is drop else state for state in states)
                    states[:] = [state for state in changed if state]
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
            if self._save is None or self._written >= mine:
                return
            with self._lock:
                wanted = self._wanted
                states = [*self._done, *self._old]
                if self._renames:
                    states = [with_references(state, lambda urn: self._renames.get(urn, urn)) for state in states]
                pending = [*self.interrupted, *self._pending]
            self._save(states, pending)
            self._written = wanted

    def rename(self, before: str, after: str) -> None:
        """Has everything that refers to the URN `before` refer to `after`: an alias took effect."""
        with self._lock:
            self._renames[before] = after

    def prune(self) -> None:
        """Takes out references to what is no longer there."""
        known = {state.urn for state in self.states}
        with self._lock:
            self._old = [with_references(state, lambda urn: urn if urn in known else "") for state in self._old]


def with_references(state: State, rename: Callable[[str], str]) -> State:
    """`state` with every URN that it refers to renamed; an empty name drops the reference."""
    names = {urn: rename(urn) for urn in state.needs()}
    if all(urn == name for urn, name in names.items()):
        return state

    def renamed(urns: Sequence[str]) -> tuple[str, ...]:
        return tuple(names[urn] for urn in urns if names[urn])

    provider, _, id_ = state.provider.rpartition("::")
    state = replace(state, parent=names.get(state.parent, ""), provider=f"{names[provider]}::{id_}" if provider else "")
    by_property = {key: renamed(urns) for key, urns in state.property_dependencies.items()}
    return replace(state, dependencies=renamed(state.dependencies), property_dependencies=by_property)
