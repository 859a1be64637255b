"""`--diff`: every step with the properties that change."""

import threading
from typing import Any, TextIO

from engine.blinder import Blinder
from engine.display import words
from engine.display.colors import BOLD, GREEN, OP_COLORS, RED, YELLOW, Palette
from engine.display.lines import summary_lines
from engine.display.property_text import mapping_lines, value_lines
from engine.events import Began, Ended, Event, Message, StepEnded
from engine.model import STACK_TYPE, Change, ChangeKind, Op, Step
from engine.values import reveal

_SHOWN = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)
_MARKS = {ChangeKind.ADD: ("+", GREEN), ChangeKind.DELETE: ("-", RED), ChangeKind.UPDATE: ("~", YELLOW)}


class DetailDisplay:
    """Writes one block for each step when it has been taken."""

    def __init__(self, out: TextIO, palette: Palette, blinder: Blinder, *, show_secrets: bool = False) -> None:
        self._out = out
        self._palette = palette
        self._blind: Any = str if show_secrets else blinder
        self._summary_blinder = blinder
        self._show_secrets = show_secrets
        self._lock = threading.Lock()
        self._messages: dict[str, list[Message]] = {}

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._messages = {}
                self._print(self._palette(event.title, BOLD))
            elif isinstance(event, Message):
                if event.severity != "debug" and not event.passing:
                    self._messages.setdefault(event.urn, []).append(event)
            elif isinstance(event, StepEnded):
                self._step(event.step)
            elif isinstance(event, Ended):
                for line in summary_lines(event, self._messages, self._palette, self._summary_blinder):
                    self._print(line)
            self._out.flush()

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")

    def _step(self, step: Step) -> None:
        state = step.state
        is_stack = state.type == STACK_TYPE
        if state.is_default_provider or (step.op not in _SHOWN and not (is_stack and step.op is Op.SAME)):
            return
        indent = "" if is_stack else "    "
        symbol = words.SYMBOLS[step.op]
        self._print(self._palette(f"{indent}{symbol}{state.type}: ({step.op})", OP_COLORS.get(step.op, "")))
        if state.id or (step.old and step.old.id):
            self._print(f"{indent}    [id={step.old.id if step.old else state.id}]")
        self._print(f"{indent}    [urn={step.urn}]")
        if state.provider:
            self._print(f"{indent}    [provider={state.provider}]")
        if step.op is not Op.SAME:
            self._print(f"{indent}    [because {self._blind(step.cause)}]")
        for line in self._properties(step, indent + "    "):
            self._print(line)

    def _properties(self, step: Step, indent: str) -> list[str]:
        if step.diff.changes:
            return [line for path in step.diff.changes for line in self._change(step, path, indent)]
        if step.op in (Op.CREATE, Op.DELETE, Op.REPLACE):
            inputs = reveal(step.state.inputs) if self._show_secrets else step.state.inputs
            return mapping_lines(inputs, indent, self._blind)
        return []

    def _change(self, step: Step, path: str, indent: str) -> list[str]:
        change = step.diff.changes[path]
        sign, color = _MARKS[change.kind]
        values = self._values(change, indent + "  ")
        first, *rest = values
        return [self._palette(f"{indent[:-2]}{sign} {path}: {first}", color), *rest]

    def _values(self, change: Change, indent: str) -> list[str]:
        old, new = (reveal(side) if self._show_secrets else side for side in (change.old, change.new))
        if change.kind is ChangeKind.ADD:
            return value_lines(new, indent, self._blind)
        if change.kind is ChangeKind.DELETE:
            return value_lines(old, indent, self._blind)
        before, after = value_lines(old, indent, self._blind), value_lines(new, indent, self._blind)
        return [*before[:-1], f"{before[-1]} => {after[0]}", *after[1:]]
