"""Plain lines, as the CLI prints them where there is no terminal."""

import threading
from typing import TextIO

from engine.display.words import (
    BOLD,
    OPS,
    SEVERITY_COLORS,
    Blind,
    Palette,
    diff_summary,
    label,
    planned,
    seconds,
    summary_lines,
)
from engine.events import Began, Ended, Event, Message, StepBegan, StepEvent, StepFailed
from engine.model import Op


class LineDisplay:
    """Writes each event as it comes, then diagnostics, outputs and a summary."""

    def __init__(self, out: TextIO, palette: Palette, blind: Blind) -> None:
        self._out, self._palette, self._blind = out, palette, blind
        self._lock = threading.RLock()
        self._preview = False
        self._messages: dict[str, list[Message]] = {}
        self._last: Message | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._preview, self._messages = event.preview, {}
                self._print(self._palette(event.title, BOLD) + "\n")
            elif isinstance(event, Message):
                self._message(event)
            elif isinstance(event, Ended):
                for line in summary_lines(event, self._messages, self._palette, self._blind):
                    self._print(line)
            elif event.step.op is not Op.SAME and not event.step.state.is_default_provider:
                self._step(event)
            self._out.flush()

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")

    def _step(self, event: StepEvent) -> None:
        step, words = event.step, OPS[event.step.op]
        if isinstance(event, StepFailed):
            verb = f"**{words.begun} failed**"
        elif isinstance(event, StepBegan):
            verb = "" if self._preview else f"{words.begun} (0s)"
        else:
            verb = planned(step) if self._preview else f"{words.ended} ({seconds(event.seconds)})"
        if not verb:
            return
        explained = self._preview or isinstance(event, StepBegan)
        cause = f"because {self._blind(step.cause)}" if explained and step.op is not Op.REFRESH else ""
        parts = (label(step.urn), self._palette(verb, words.color), diff_summary(step.diff), cause)
        self._print(f" {self._palette(words.symbol, words.color)} " + " ".join(filter(None, parts)))

    def _message(self, message: Message) -> None:
        if message.passing and message == self._last:
            return
        self._last = message
        if not message.passing:
            self._messages.setdefault(message.urn, []).append(message)
        where = label(message.urn) if message.urn else "pulumi:pulumi:Stack"
        prefix = "" if message.severity == "info" else f"{message.severity}: "
        for line in self._blind(message.text).splitlines():
            self._print(f"    {where} {self._palette(prefix, SEVERITY_COLORS.get(message.severity, ''))}{line}")
