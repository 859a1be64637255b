"""Observes: what became of interrupted operations, and where Docker differs from the state."""

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from engine import causes
from engine.errors import EngineError
from engine.events import Listener, Message, StepBegan, StepEnded, StepFailed
from engine.executor import CLAIMED, LiveExecutor, finished
from engine.journal import Journal
from engine.model import PROVIDER_PREFIX, Diff, Op, State, Step, stamped
from engine.providers import Types
from engine.providers.schema import deep_changes, with_marks
from engine.values import has_secret, reveal

DRIFTED = "it differs from the state"
VANISHED = "it is no longer there"


@dataclass(kw_only=True)
class Refresher:
    """Reads resources and corrects the journal. It changes nothing outside, but for leftovers."""

    types: Types
    journal: Journal
    executor: LiveExecutor
    tell: Listener
    parallel: int

    def refresh(self, targets: frozenset[str] = frozenset()) -> Counter[str]:
        """Reads every resource, or only `targets`; how many are same, changed and gone.

        Raises EngineError after all have been read, if one could not be.
        """
        states = [state for state in self.journal.states if not targets or state.urn in targets]
        counts: Counter[str] = Counter()
        failures: list[EngineError] = []

        def read(state: State) -> None:
            try:
                step = self._read_shown(state)
            except EngineError as error:
                failures.append(error)
                return
            if not state.is_default_provider:
                counts[str(step.op)] += 1

        with ThreadPoolExecutor(max_workers=self.parallel) as pool:
            list(pool.map(read, [state for state in states if not state.delete]))
        self.journal.prune()
        if failures:
            raise failures[0]
        return counts

    def _read_shown(self, state: State) -> Step:
        began = time.monotonic()
        reading = Step(op=Op.REFRESH, urn=state.urn, cause="the state may be out of date", old=state, new=state)
        self.tell(StepBegan(step=reading))
        try:
            step = self._observe(state)
        except EngineError as error:
            text = self.executor.blind(str(error))
            self.tell(Message(severity="error", text=text, urn=state.urn))
            self.tell(StepFailed(step=reading, seconds=time.monotonic() - began))
            raise
        self._record(step)
        self.tell(StepEnded(step=step, state=step.new, seconds=time.monotonic() - began))
        return step

    def _observe(self, state: State) -> Step:
        """What a refresh does to `state`: same, update or delete."""
        if not state.custom or state.type.startswith(PROVIDER_PREFIX) or state.type not in self.types:
            return Step(op=Op.SAME, urn=state.urn, cause=causes.UNCHANGED, old=state, new=state)
        read = self.types[state.type].read(self.executor.context(state), state)
        if read is None:
            return Step(op=Op.DELETE, urn=state.urn, cause=VANISHED, old=state)
        inputs, outputs = read
        new = finished(replace(state, inputs=inputs), outputs)
        diff = drift(state, new)
        if not diff.changes:
            return Step(op=Op.SAME, urn=state.urn, cause=causes.UNCHANGED, old=state, new=new)
        cause = f"{DRIFTED}: {causes.of_diff(diff)}"
        return Step(op=Op.UPDATE, urn=state.urn, cause=cause, old=state, new=stamped(new), diff=diff)

    def _record(self, step: Step) -> None:
        if step.new is None:
            self.journal.settle(None, drop=step.old)
        elif step.old is not None:
            self.journal.settle(None, swap=(step.old, step.new))

    def recover(self, *, live: bool) -> None:
        """Looks into what an earlier run left unfinished, so that nothing is orphaned or taken for granted.

        A create of this engine that was cut off is undone; a change or deletion is read back. Of a
        create by another engine nobody can know: it stays until a refresh has been run.
        """
        for pending in self.journal.interrupted:
            state = pending.state
            if pending.type == "creating":
                if state.extra.get(CLAIMED):
                    if live:
                        self.types[state.type].recover(self.executor.context(state), state.inputs)
                    self.journal.resolve(pending)
                continue
            known = self.journal.find(state.urn)
            if known is not None:
                self._record(self._observe(known))
            self.journal.resolve(pending)
        self.journal.prune()
        if live:
            self.journal.flush()

    def drop_unknown_creates(self) -> None:
        """Forgets creates that another engine left unfinished, with a warning that names each."""
        for pending in self.journal.interrupted:
            self.tell(
                Message(
                    severity="warning",
                    text="its creation was interrupted, and whether it exists is not known. "
                    "If it does, remove it by hand.",
                    urn=pending.state.urn,
                )
            )
            self.journal.resolve(pending)


def drift(before: State, after: State) -> Diff:
    """How the inputs that a refresh found differ from the recorded ones."""
    changes = {}
    for key in sorted({*before.inputs, *after.inputs}):
        old, new = before.inputs.get(key), after.inputs.get(key)
        hidden = has_secret(old) or has_secret(new)
        for path, change in deep_changes(key, reveal(old), reveal(new)):
            changes[path] = with_marks(change, hidden=hidden, replaces=False)
    return Diff(changes=changes)


def warn_of_pending(pending: Iterable[str], tell: Listener) -> None:
    names = list(pending)
    if names:
        tell(
            Message(
                severity="warning",
                text=f"Attempting to deploy or update resources with {len(names)} pending operations "
                f"from a previous deployment: {', '.join(names)}. Run `refresh` to look into them.",
            )
        )
