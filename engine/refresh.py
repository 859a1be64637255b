"""Observes: what became of interrupted operations, and where Docker differs from the state."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from engine import causes
from engine.errors import EngineError, StepError
from engine.events import Message, StepBegan, StepEnded, StepFailed
from engine.executor import CLAIMED, Executor, finished, stamped
from engine.model import Op, State, Step
from engine.providers.registry import TYPES
from engine.providers.schema import compare_plain


@dataclass(kw_only=True)
class Refresher:
    """Reads resources and corrects the journal. It changes nothing outside, but for leftovers."""

    executor: Executor

    def refresh(self, targets: frozenset[str] = frozenset()) -> Counter[str]:
        """Reads every resource, or only `targets`; how many are same, changed and gone.

        Raises StepError after all have been read, if one could not be.
        """
        counts: Counter[str] = Counter()
        failures: list[EngineError] = []

        def read(state: State) -> None:
            try:
                step = self._show(state)
            except EngineError as error:
                failures.append(error)
                return
            if not state.is_default_provider:
                counts[str(step.op)] += 1

        states = (state for state in self.executor.journal.states if not state.delete)
        with ThreadPoolExecutor(max_workers=self.executor.parallel) as pool:
            list(pool.map(read, [state for state in states if not targets or state.urn in targets]))
        self.executor.journal.prune()
        if failures:
            raise StepError(str(failures[0]))
        return counts

    def _show(self, state: State) -> Step:
        """Reads one resource and tells of it."""
        tell, began = self.executor.tell, time.monotonic()
        reading = Step(op=Op.REFRESH, urn=state.urn, cause="the state may be out of date", old=state, new=state)
        tell(StepBegan(step=reading))
        try:
            step = self._observe(state)
        except EngineError as error:
            tell(Message(severity="error", text=self.executor.blind(str(error)), urn=state.urn))
            tell(StepFailed(step=reading, seconds=time.monotonic() - began))
            raise
        self._record(step)
        tell(StepEnded(step=step, state=step.new, seconds=time.monotonic() - began))
        return step

    def _observe(self, state: State) -> Step:
        """What a refresh does to `state`: same, update or delete."""
        type_ = TYPES.get(state.type)
        read = type_.read(self.executor.context(state), state) if type_ else (state.inputs, state.outputs)
        if read is None:
            return Step(op=Op.DELETE, urn=state.urn, cause=causes.VANISHED, old=state)
        new = finished(replace(state, inputs=read[0]), read[1])
        diff = compare_plain(state.inputs, new.inputs)
        if not diff.changes:
            return Step(op=Op.SAME, urn=state.urn, cause=causes.UNCHANGED, old=state, new=new)
        cause = f"Docker differs from the state: {causes.of_diff(diff)}"
        return Step(op=Op.UPDATE, urn=state.urn, cause=cause, old=state, new=stamped(new), diff=diff)

    def _record(self, step: Step) -> None:
        if step.old is not None:
            self.executor.journal.settle(
                None, drop=step.old if step.new is None else None, swap=(step.old, step.new) if step.new else None
            )

    def recover(self) -> None:
        """Looks into what an earlier run left unfinished, so that nothing is orphaned or taken for granted.

        A create of this engine that was cut off is undone; a change or deletion is read back. Of a
        create by another engine nobody can know: it stays until a refresh has been run.
        """
        journal, unknown = self.executor.journal, []
        for pending in journal.interrupted:
            state = pending.state
            if pending.type != "creating":
                known = journal.find(state.urn)
                if known is not None:
                    self._record(self._observe(known))
            elif not state.extra.get(CLAIMED):
                unknown.append(pending)
            elif not self.executor.preview:
                TYPES[state.type].recover(self.executor.context(state), state.inputs)
        journal.interrupted = unknown
        journal.prune()
        journal.flush()

    def warn_of_unknown(self, *, forget: bool) -> None:
        """Names the creates that another engine left unfinished; a refresh forgets them."""
        for pending in self.executor.journal.interrupted:
            text = "its creation was interrupted, and whether it exists is not known. "
            text += "If it does, remove it by hand." if forget else "Run `refresh` to forget it."
            self.executor.tell(Message(severity="warning", text=text, urn=pending.state.urn))
        if forget:
            self.executor.journal.interrupted = []
