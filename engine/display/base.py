"""What the displays of a terminal have in common."""

import threading
from typing import TextIO

from engine.display.words import BOLD, SEVERITY_COLORS, Blind, Palette, summary_lines
from engine.events import Began, Ended, Event, Message, StepEvent


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
