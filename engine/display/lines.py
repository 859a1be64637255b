"""Plain lines, as the CLI prints them where there is no terminal, and `--diff`: every step with its properties."""

import threading
from typing import Any, TextIO

from engine.display.words import (
    BOLD,
    GREEN,
    OPS,
    RED,
    SEVERITY_COLORS,
    YELLOW,
    Blind,
    Palette,
    diff_summary,
    label,
    planned,
    property_lines,
    seconds,
    summary_lines,
    value_lines,
)
from engine.events import Began, Ended, Event, Message, StepBegan, StepEnded, StepEvent, StepFailed
from engine.model import STACK_TYPE, Change, ChangeKind, Op
from engine.values import reveal

_SHOWN = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)
_MARKS = {ChangeKind.ADD: ("+", GREEN), ChangeKind.DELETE: ("-", RED), ChangeKind.UPDATE: ("~", YELLOW)}


class TextDisplay:
    """Sorts events, keeps the messages for the end, and writes the summary. Safe to call from many threads."""

    def __init__(self, out: TextIO, palette: Palette, blind: Blind) -> None:
        self._out, self._palette, self._blind = out, palette, blind
        self._lock = threading.RLock()
        self._preview = False
        self._messages: dict[str, list[Message]] = {}

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._preview, self._messages = event.preview, {}
                self.print([self._palette(event.title, BOLD)])
            elif isinstance(event, Message):
                if not event.passing:
                    self._messages.setdefault(event.urn, []).append(event)
                self.show_message(event)
            elif isinstance(event, Ended):
                self.print(summary_lines(event, self._messages, self._palette, self._blind))
            elif not event.step.state.is_default_provider:
                self.show_step(event)

    def print(self, lines: list[str]) -> None:
        self._out.write("".join(line + "\n" for line in lines))
        self._out.flush()

    def prefix(self, message: Message) -> str:
        """`error: ` or `warning: ` in its colour; nothing for what is just news."""
        color = SEVERITY_COLORS.get(message.severity)
        return self._palette(f"{message.severity}: ", color) if color else ""

    def show_message(self, message: Message) -> None:
        """Shows a text when it comes."""

    def show_step(self, event: StepEvent) -> None:
        """Shows how far a step has come."""


class LineDisplay(TextDisplay):
    """Writes each event as it comes."""

    _last: Message | None = None

    def show_step(self, event: StepEvent) -> None:
        step, words = event.step, OPS[event.step.op]
        if isinstance(event, StepFailed):
            verb = f"**{words.begun} failed**"
        elif isinstance(event, StepBegan):
            verb = "" if self._preview or not words.begun else f"{words.begun} (0s)"
        else:
            ended = f"{words.ended} ({seconds(event.seconds)})" if words.ended else ""
            verb = planned(step) if self._preview else ended
        if verb:
            explained = self._preview or isinstance(event, StepBegan)
            cause = f"because {self._blind(step.cause)}" if explained and step.op is not Op.REFRESH else ""
            parts = (label(step.urn), self._palette(verb, words.color), diff_summary(step.diff), cause)
            self.print([f" {self._palette(words.symbol, words.color)} " + " ".join(filter(None, parts))])

    def show_message(self, message: Message) -> None:
        if message.passing and message == self._last:
            return
        self._last = message
        where = label(message.urn) if message.urn else "pulumi:pulumi:Stack"
        self.print([f"    {where} {self.prefix(message)}{line}" for line in self._blind(message.text).splitlines()])


class DetailDisplay(TextDisplay):
    """Writes one block for each step when it has been taken."""

    def __init__(self, out: TextIO, palette: Palette, blind: Blind, *, show_secrets: bool = False) -> None:
        super().__init__(out, palette, str if show_secrets else blind)
        self._shown: Any = reveal if show_secrets else lambda value: value

    def show_step(self, event: StepEvent) -> None:
        if not isinstance(event, StepEnded):
            return
        step = event.step
        state, is_stack = step.state, step.state.type == STACK_TYPE
        if not (step.op in _SHOWN or (is_stack and step.op is Op.SAME)):
            return
        indent = "" if is_stack else "    "
        head = f"{indent}{OPS[step.op].symbol}{state.type}: ({step.op})"
        facts = {"id": step.old.id if step.old else state.id, "urn": step.urn, "provider": state.provider}
        because = [f"[because {self._blind(step.cause)}]"] if step.op is not Op.SAME else []
        facts_lines = [f"[{key}={value}]" for key, value in facts.items() if value] + because
        lines = [self._palette(head, OPS[step.op].color), *(f"{indent}    {line}" for line in facts_lines)]
        if step.diff.changes:
            lines += [line for path, change in step.diff.changes.items() for line in self._change(path, change, indent)]
        elif step.op in (Op.CREATE, Op.DELETE, Op.REPLACE):
            lines += property_lines(self._shown(state.inputs), indent + "    ", self._blind)
        self.print(lines)

    def _change(self, path: str, change: Change, indent: str) -> list[str]:
        sign, color = _MARKS[change.kind]
        sides = [
            value_lines(self._shown(side), indent + "    ", self._blind)
            for side, kind in ((change.old, ChangeKind.ADD), (change.new, ChangeKind.DELETE))
            if change.kind is not kind
        ]
        lines = sides[0] if len(sides) == 1 else [*sides[0][:-1], f"{sides[0][-1]} => {sides[1][0]}", *sides[1][1:]]
        return [self._palette(f"{indent}  {sign} {path}: {lines[0]}", color), *lines[1:]]
