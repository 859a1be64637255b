"""`preview --json`: one digest of the whole plan, in the CLI's shape, with the cause of each step added."""

import json
import threading
from typing import Any, TextIO

from engine.blinder import Blinder
from engine.checkpoint import to_json
from engine.events import Began, Ended, Event, Message, StepEnded
from engine.model import STACK_TYPE, Diff, Op, State
from engine.values import UNKNOWN, UNKNOWN_TEXT, blind, reveal, transform

_SHOWN = (Op.SAME, Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE, Op.REFRESH)


def detailed_diff(diff: Diff) -> dict[str, Any] | None:
    """Each changed path with its kind; replacing ones end in `-replace`."""
    return {
        path: {"kind": f"{change.kind}-replace" if change.replaces else str(change.kind), "inputDiff": False}
        for path, change in diff.changes.items()
    } or None


class JsonPreview:
    """Gathers events and writes the digest when the run ends."""

    def __init__(self, out: TextIO, blinder: Blinder, *, show_secrets: bool = False) -> None:
        self._out = out
        self._blind = blinder
        self._encode = reveal if show_secrets else blind
        self._lock = threading.Lock()
        self._config: dict[str, str] = {}
        self._steps: list[dict[str, Any]] = []
        self._messages: list[dict[str, Any]] = []

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._config = dict(event.config)
            elif isinstance(event, StepEnded):
                self._step(event)
            elif isinstance(event, Message) and event.severity != "debug" and not event.passing:
                message = {"urn": event.urn, "message": self._blind(event.text) + "\n", "severity": event.severity}
                self._messages.append({key: value for key, value in message.items() if value})
            elif isinstance(event, Ended):
                self._end(event)

    def _state(self, state: State) -> dict[str, Any]:
        def encode(value: Any) -> Any:
            return transform(self._encode(value), lambda item: UNKNOWN_TEXT if item is UNKNOWN else item)

        return to_json(state, encode)

    def _step(self, event: StepEnded) -> None:
        step = event.step
        if step.op not in _SHOWN or step.state.is_default_provider:
            return
        if step.op is Op.SAME and step.state.type != STACK_TYPE:
            return
        content: dict[str, Any] = {"op": str(step.op), "urn": step.urn}
        if step.state.provider:
            content["provider"] = step.state.provider
        if step.old is not None:
            content["oldState"] = self._state(step.old)
        if step.new is not None:
            content["newState"] = self._state(event.state or step.new)
        if step.diff.keys:
            content["diffReasons"] = step.diff.keys
        if step.diff.replace_keys:
            content["replaceReasons"] = step.diff.replace_keys
        content["detailedDiff"] = detailed_diff(step.diff)
        content["cause"] = self._blind(step.cause)
        self._steps.append(content)

    def _end(self, event: Ended) -> None:
        digest = {
            "config": self._config,
            "steps": self._steps,
            "diagnostics": self._messages,
            "duration": round(event.seconds * 10**9),
            "changeSummary": dict(event.changes),
        }
        self._out.write(json.dumps(digest, indent=4, ensure_ascii=False) + "\n")
        self._out.flush()
