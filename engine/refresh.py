"""Observes: what became of interrupted operations, and where Docker differs from the state.

It reads resources and corrects the journal. It changes nothing outside, but for leftovers.
"""

import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from engine import causes
from engine.errors import StepError
from engine.executor import CLAIMED, Executor, finished, stamped
from engine.model import Op, State, Step
from engine.providers.registry import TYPES
from engine.providers.schema import compare_plain


def refresh(executor: Executor, targets: frozenset[str]) -> Counter[str]:
    """Reads every resource, or only `targets`; how many are same, changed and gone.

    Raises StepError after all have been read, if one could not be.
    """

    def read(state: State) -> Step | None:
        reading = Step(op=Op.REFRESH, cause="the state may be out of date", old=state, new=state)
        with contextlib.suppress(StepError):
            return executor.watch(reading, lambda: _observe(executor, state))[0]
        return None

    states = [state for state in executor.journal.states if not state.delete and state.urn in (targets or {state.urn})]
    with ThreadPoolExecutor(max_workers=executor.parallel) as pool:
        steps = list(pool.map(read, states))
    executor.journal.prune()
    if None in steps:
        raise StepError("not every resource could be read")
    return Counter(str(step.op) for step in steps if step and not step.state.is_default_provider)


def _observe(executor: Executor, state: State) -> tuple[Step, State | None]:
    """Corrects `state` by what is there: a step that is same, update or delete, and what it leaves."""
    type_ = TYPES.get(state.type)
    read = type_.read(executor.context(state), state) if type_ else (state.inputs, state.outputs)
    if read is None:
        step = Step(op=Op.DELETE, cause="it is no longer there", old=state)
    else:
        new = finished(replace(state, inputs=read[0]), read[1])
        step = Step(op=Op.SAME, cause=causes.UNCHANGED, old=state, new=new)
        diff = compare_plain(state.inputs, new.inputs)
        if diff.changes:
            cause = f"Docker differs from the state: {causes.of_diff(diff)}"
            step = Step(op=Op.UPDATE, cause=cause, old=state, new=stamped(new), diff=diff)
    executor.journal.settle(None, drop=state, instead=step.new)
    return step, step.new


def recover(executor: Executor) -> None:
    """Looks into what an earlier run left unfinished, so that nothing is orphaned or taken for granted.

    A create of this engine that was cut off is undone; a change or deletion is read back. Of a
    create by another engine nobody can know: it stays until a refresh has been run.
    """
    journal, unknown = executor.journal, []
    for pending in journal.interrupted:
        state = pending.state
        if pending.type != "creating":
            known = journal.find(state.urn)
            if known is not None:
                _observe(executor, known)
        elif not state.extra.get(CLAIMED):
            unknown.append(pending)
        elif not executor.preview:
            TYPES[state.type].recover(executor.context(state), state.inputs)
    journal.interrupted = unknown
    journal.prune()
    journal.flush()


def warn_of_unknown(executor: Executor, *, forget: bool) -> None:
    """Names the creates that another engine left unfinished; a refresh forgets them."""
    for pending in executor.journal.interrupted:
        text = "its creation was interrupted, and whether it exists is not known. "
        text += "If it does, remove it by hand." if forget else "Run `refresh` to forget it."
        executor.say("warning", text, pending.state.urn)
    if forget:
        executor.journal.interrupted = []
