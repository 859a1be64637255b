"""`--json` in the CLI's shapes, with the cause of each step added: one digest of a preview, a stream of an update."""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO

from engine.checkpoint import to_json
from engine.display.words import Blind
from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepEvent
from engine.model import STACK_TYPE, Diff, Op, State, Step
from engine.values import (
    BLINDED,
    SECRET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_TEXT,
    Secret,
    blind,
    compact_json,
    reveal,
    transform,
)

_IN_DIGEST = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)


def detailed_diff(diff: Diff) -> dict[str, Any] | None:
    """Each changed path with its kind; replacing ones end in `-replace`."""
    kinds = {
        path: f"{change.kind}-replace" if change.replaces else change.kind for path, change in diff.changes.items()
    }
    return {path: {"kind": str(kind), "inputDiff": False} for path, kind in kinds.items()} or None


class JsonPreview:
    """Gathers events and writes one digest when the run ends."""

    def __init__(self, out: TextIO, blinder: Blind, *, show_secrets: bool) -> None:
        self._out, self._blind = out, blinder
        self._shown: Any = reveal if show_secrets else blind
        self._lock = threading.Lock()
        self._config: Mapping[str, str] = {}
        self._steps: list[dict[str, Any]] = []
        self._messages: list[dict[str, Any]] = []

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._config = event.config
            elif isinstance(event, StepEnded):
                is_stack = event.step.op is Op.SAME and event.step.state.type == STACK_TYPE
                if (event.step.op in _IN_DIGEST or is_stack) and not event.step.state.is_default_provider:
                    self._steps.append(self._step(event.step, event.state))
            elif isinstance(event, Message) and not event.passing:
                message = {"urn": event.urn, "message": self._blind(event.text) + "\n", "severity": event.severity}
                self._messages.append({key: value for key, value in message.items() if value})
            elif isinstance(event, Ended):
                digest = {
                    "config": dict(self._config),
                    "steps": self._steps,
                    "diagnostics": self._messages,
                    "duration": round(event.seconds * 10**9),
                    "changeSummary": dict(event.changes),
                }
                self._out.write(json.dumps(digest, indent=4, ensure_ascii=False) + "\n")
                self._out.flush()

    def _state(self, state: State) -> dict[str, Any]:
        def encode(value: Any) -> Any:
            return transform(self._shown(value), lambda item: UNKNOWN_TEXT if item is UNKNOWN else item)

        return to_json(state, encode)

    def _step(self, step: Step, state: State | None) -> dict[str, Any]:
        content: dict[str, Any] = {
            "op": str(step.op),
            "urn": step.urn,
            "provider": step.state.provider,
            "oldState": self._state(step.old) if step.old else None,
            "newState": self._state(state or step.new) if step.new else None,
            "diffReasons": step.diff.keys,
            "replaceReasons": step.diff.replace_keys,
        }
        given = {key: value for key, value in content.items() if value}
        return {**given, "detailedDiff": detailed_diff(step.diff), "cause": self._blind(step.cause)}


class JsonEvents:
    """Writes each event as it comes, one a line; `pulumi.automation.events` is the schema."""

    def __init__(self, out: TextIO, blinder: Blind, *, show_secrets: bool) -> None:
        self._out, self._blind, self._show_secrets = out, blinder, show_secrets
        self._lock = threading.Lock()
        self._sequence = 0

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._emit(preludeEvent={"config": dict(event.config)})
            elif isinstance(event, Message):
                self._emit(diagnosticEvent=self._diagnostic(event))
            elif isinstance(event, Ended):
                summary = {"maybeCorrupt": False, "durationSeconds": round(event.seconds), "PolicyPacks": {}}
                result = {"isPreview": event.preview, "result": "failed" if event.failed else "succeeded"}
                self._emit(summaryEvent={**summary, "resourceChanges": dict(event.changes), **result})
                self._emit(cancelEvent={})
            else:
                self._step(event)

    def _emit(self, **content: Any) -> None:
        line = {"sequence": self._sequence, "timestamp": int(time.time()), **content}
        self._sequence += 1
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()

    def _diagnostic(self, message: Message) -> dict[str, Any]:
        severity = "info#err" if message.passing and message.severity == "info" else message.severity
        text = self._blind(message.text) + "\n"
        content = {"prefix": f"{message.severity}: ", "message": text, "color": "never", "severity": severity}
        optional = {"urn": message.urn, "ephemeral": message.passing}
        return {**content, **{key: value for key, value in optional.items() if value}}

    def _step(self, event: StepEvent) -> None:
        step = event.step
        new = event.state if isinstance(event, StepEnded) and event.state else step.new
        metadata = {
            "op": str(step.op),
            "urn": step.urn,
            "type": step.state.type,
            "old": self._state(step.old) if step.old else None,
            "new": self._state(new) if new else None,
            "keys": step.diff.replace_keys,
            "diffs": step.diff.keys,
            "detailedDiff": detailed_diff(step.diff),
            "logical": True,
            "provider": step.state.provider,
            "cause": self._blind(step.cause),
        }
        if isinstance(event, StepBegan):
            self._emit(resourcePreEvent={"metadata": metadata})
        elif isinstance(event, StepEnded):
            self._emit(resOutputsEvent={"metadata": metadata})
        else:
            self._emit(resOpFailedEvent={"metadata": metadata, "status": 0, "steps": 0})

    def _state(self, state: State) -> dict[str, Any]:
        content = {key: getattr(state, key) for key in ("type", "urn", "custom", "id", "parent", "provider")}
        content |= {"inputs": self._encode(state.inputs), "outputs": self._encode(state.outputs)}
        return {key: value for key, value in content.items() if value is not False}

    def _encode(self, value: Any) -> Any:
        def leaf(item: Any) -> Any:
            if isinstance(item, Secret):
                text = compact_json(reveal(item.value)) if self._show_secrets else BLINDED
                return {SIGNATURE: SECRET_SIGNATURE, "plaintext" if self._show_secrets else "ciphertext": text}
            return UNKNOWN_TEXT if item is UNKNOWN else item

        return transform(value, leaf)
