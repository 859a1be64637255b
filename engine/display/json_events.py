"""`up --json`: a stream of engine events, one a line, in the shape of `pulumi.automation.events`."""

import json
import threading
import time
from typing import Any, TextIO

from engine.blinder import Blinder
from engine.display.json_preview import detailed_diff
from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepFailed
from engine.model import State, Step
from engine.values import (
    BLINDED,
    SECRET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_TEXT,
    Secret,
    compact_json,
    reveal,
    transform,
)


class JsonEvents:
    """Writes each event as it comes."""

    def __init__(self, out: TextIO, blinder: Blinder, *, show_secrets: bool = False) -> None:
        self._out = out
        self._blind = blinder
        self._show_secrets = show_secrets
        self._lock = threading.Lock()
        self._sequence = 0

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._emit(preludeEvent={"config": dict(event.config)})
            elif isinstance(event, Message):
                self._message(event)
            elif isinstance(event, Ended):
                self._end(event)
            else:
                self._step(event)

    def _emit(self, **content: Any) -> None:
        line = {"sequence": self._sequence, "timestamp": int(time.time()), **content}
        self._sequence += 1
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()

    def _step(self, event: StepBegan | StepEnded | StepFailed) -> None:
        metadata = self._metadata(event.step)
        if isinstance(event, StepBegan):
            self._emit(resourcePreEvent={"metadata": metadata})
        elif isinstance(event, StepEnded):
            if event.state is not None:
                metadata["new"] = self._state(event.state)
            self._emit(resOutputsEvent={"metadata": metadata})
        else:
            self._emit(resOpFailedEvent={"metadata": metadata, "status": 0, "steps": 0})

    def _metadata(self, step: Step) -> dict[str, Any]:
        return {
            "op": str(step.op),
            "urn": step.urn,
            "type": step.state.type,
            "old": self._state(step.old) if step.old else None,
            "new": self._state(step.new) if step.new else None,
            "keys": step.diff.replace_keys,
            "diffs": step.diff.keys,
            "detailedDiff": detailed_diff(step.diff),
            "logical": True,
            "provider": step.state.provider,
            "cause": self._blind(step.cause),
        }

    def _state(self, state: State) -> dict[str, Any]:
        content = {
            "type": state.type,
            "urn": state.urn,
            "id": str(state.id),
            "parent": state.parent,
            "inputs": self._encode(state.inputs),
            "outputs": self._encode(state.outputs),
            "provider": state.provider,
        }
        return {**content, "custom": True} if state.custom else content

    def _encode(self, value: Any) -> Any:
        def leaf(item: Any) -> Any:
            if item is UNKNOWN:
                return UNKNOWN_TEXT
            if isinstance(item, Secret):
                text = (
                    {"plaintext": compact_json(reveal(item.value))} if self._show_secrets else {"ciphertext": BLINDED}
                )
                return {SIGNATURE: SECRET_SIGNATURE, **text}
            return item

        return transform(value, leaf)

    def _message(self, message: Message) -> None:
        content: dict[str, Any] = {
            "prefix": f"{message.severity}: ",
            "message": self._blind(message.text) + "\n",
            "color": "never",
            "severity": "info#err" if message.passing and message.severity == "info" else message.severity,
        }
        if message.urn:
            content["urn"] = message.urn
        if message.passing:
            content["ephemeral"] = True
        self._emit(diagnosticEvent=content)

    def _end(self, event: Ended) -> None:
        summary = {
            "maybeCorrupt": False,
            "durationSeconds": round(event.seconds),
            "resourceChanges": dict(event.changes),
            "PolicyPacks": {},
            "isPreview": event.preview,
            "result": event.result,
        }
        self._emit(summaryEvent=summary)
        self._emit(cancelEvent={})
