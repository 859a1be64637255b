"""`--json` in the CLI's shapes, with the cause of each step added: one digest of a preview, a stream of an update."""

import json
import time
from typing import Any, TextIO

from engine.checkpoint import to_json
from engine.display.lines import Blind
from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepEvent
from engine.model import STACK_TYPE, Diff, Op, State
from engine.values import BLINDED, compact_json, reveal, sealed, to_wire

_IN_DIGEST = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)
_IN_EVENT = ("type", "urn", "custom", "id", "parent", "provider", "inputs", "outputs")


def detailed_diff(diff: Diff) -> dict[str, Any] | None:
    """Each changed path with its kind; replacing ones end in `-replace`."""
    kinds = {path: f"{change.kind}{'-replace' * change.replaces}" for path, change in diff.changes.items()}
    return {path: {"kind": kind, "inputDiff": False} for path, kind in kinds.items()} or None


class JsonDisplay:
    """Turns events into JSON."""

    def __init__(self, out: TextIO, blind: Blind, *, show_secrets: bool) -> None:
        self._out, self._blind, self._show_secrets = out, blind, show_secrets

    def write(self, content: Any, indent: int | None = None) -> None:
        self._out.write(json.dumps(content, indent=indent, ensure_ascii=False) + "\n")
        self._out.flush()

    def state(self, state: State | None) -> dict[str, Any] | None:
        return to_json(state, lambda secret: self.secret(to_wire(reveal(secret)))) if state else None

    def secret(self, value: Any) -> Any:
        """What stands for a secret."""
        return value if self._show_secrets else BLINDED


class JsonPreview(JsonDisplay):
    """Gathers events and writes one digest when the run ends."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Began):
            self._digest: dict[str, Any] = {"config": dict(event.config), "steps": [], "diagnostics": []}
        elif isinstance(event, StepEnded):
            is_stack = event.step.op is Op.SAME and event.step.state.type == STACK_TYPE
            if (event.step.op in _IN_DIGEST or is_stack) and not event.step.state.is_default_provider:
                self._digest["steps"].append(self._step(event))
        elif isinstance(event, Message) and not event.passing:
            message = {"urn": event.urn, "message": self._blind(event.text) + "\n", "severity": event.severity}
            self._digest["diagnostics"].append({key: value for key, value in message.items() if value})
        elif isinstance(event, Ended):
            totals = {"duration": round(event.seconds * 10**9), "changeSummary": dict(event.changes)}
            self.write({**self._digest, **totals}, indent=4)

    def _step(self, event: StepEnded) -> dict[str, Any]:
        step = event.step
        content: dict[str, Any] = {"op": str(step.op), "urn": step.urn, "provider": step.state.provider}
        new = self.state(event.state or step.new) if step.new else None
        content |= {"oldState": self.state(step.old), "newState": new}
        content |= {"diffReasons": step.diff.keys, "replaceReasons": step.diff.replace_keys}
        given = {key: value for key, value in content.items() if value}
        return {**given, "detailedDiff": detailed_diff(step.diff), "cause": self._blind(step.cause)}


class JsonEvents(JsonDisplay):
    """Writes each event as it comes, one a line; `pulumi.automation.events` is the schema."""

    _sequence = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Began):
            self._emit(preludeEvent={"config": dict(event.config)})
        elif isinstance(event, Message):
            self._emit(diagnosticEvent=self._diagnostic(event))
        elif isinstance(event, Ended):
            summary = {"maybeCorrupt": False, "durationSeconds": round(event.seconds), "PolicyPacks": {}}
            result = {"isPreview": event.preview, "result": "failed" if event.failed else "succeeded"}
            self._emit(summaryEvent={**summary, "resourceChanges": dict(event.changes), **result})
            self._emit(cancelEvent={})
        elif isinstance(event, StepBegan):
            self._emit(resourcePreEvent={"metadata": self._metadata(event)})
        elif isinstance(event, StepEnded):
            self._emit(resOutputsEvent={"metadata": self._metadata(event)})
        else:
            self._emit(resOpFailedEvent={"metadata": self._metadata(event), "status": 0, "steps": 0})

    def _emit(self, **content: Any) -> None:
        self.write({"sequence": self._sequence, "timestamp": int(time.time()), **content})
        self._sequence += 1

    def _diagnostic(self, message: Message) -> dict[str, Any]:
        severity = "info#err" if message.passing and message.severity == "info" else message.severity
        text = self._blind(message.text) + "\n"
        content = {"prefix": f"{message.severity}: ", "message": text, "color": "never", "severity": severity}
        optional = {"urn": message.urn, "ephemeral": message.passing}
        return {**content, **{key: value for key, value in optional.items() if value}}

    def _metadata(self, event: StepEvent) -> dict[str, Any]:
        step = event.step
        new = event.state if isinstance(event, StepEnded) and event.state else step.new
        facts = {"op": str(step.op), "urn": step.urn, "type": step.state.type}
        states = {"old": self.state(step.old), "new": self.state(new)}
        diff = {"keys": step.diff.replace_keys, "diffs": step.diff.keys, "detailedDiff": detailed_diff(step.diff)}
        why = {"logical": True, "provider": step.state.provider, "cause": self._blind(step.cause)}
        return {**facts, **states, **diff, **why}

    def state(self, state: State | None) -> dict[str, Any] | None:
        """As the schema has it: with what is empty, and without what only the checkpoint has."""
        content = super().state(state)
        blank = {"id": "", "parent": "", "provider": "", "inputs": {}, "outputs": {}}
        return {key: {**blank, **content}[key] for key in _IN_EVENT} if content else None

    def secret(self, value: Any) -> Any:
        return sealed(plaintext=compact_json(value)) if self._show_secrets else sealed(ciphertext=BLINDED)
