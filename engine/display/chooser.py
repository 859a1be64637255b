"""Which display a run gets, by its flags and by where it writes."""

import argparse
import sys
from collections.abc import Callable

from engine.blinder import Blinder
from engine.display.colors import Palette
from engine.display.details import DetailDisplay
from engine.display.json_events import JsonEvents
from engine.display.json_preview import JsonPreview
from engine.display.lines import LineDisplay
from engine.display.tree import TreeDisplay
from engine.events import Ended, Event, Message, StepFailed

Display = Callable[[Event], None]


class Screen:
    """Passes events on to one display for the preview, and to another for the update."""

    def __init__(self, arguments: argparse.Namespace, blinder: Blinder) -> None:
        self._arguments = arguments
        self._blinder = blinder
        self._muted = False
        self._seen: list[Event] = []
        self._display: Display = lambda _event: None

    def __call__(self, event: Event) -> None:
        self._seen.append(event)
        if self._muted and not _matters(event):
            return
        self._display(event)

    def program_line(self, line: str) -> None:
        """Shows a line that the program printed."""
        self(Message(severity="info", text=line))

    def mute(self) -> None:
        """Shows nothing of the preview but what goes wrong."""
        self._muted = True

    def open_preview(self) -> None:
        self._seen = []
        self._display = self._preview_display()

    def open_update(self) -> None:
        self._muted = False
        self._seen = []
        if self._arguments.json:
            show_secrets = self._arguments.show_secrets
            self._display = JsonEvents(sys.stdout, self._blinder, show_secrets=show_secrets)
        else:
            self._display = self._text_display()

    def show_details(self) -> None:
        """Shows the preview once more, with every property."""
        details = self._details()
        for event in self._seen:
            details(event)

    def _preview_display(self) -> Display:
        if self._arguments.json:
            return JsonPreview(sys.stdout, self._blinder, show_secrets=self._arguments.show_secrets)
        return self._text_display()

    def _text_display(self) -> Display:
        if self._arguments.diff:
            return self._details()
        palette = Palette.for_stream(sys.stdout, self._arguments.color)
        if sys.stdout.isatty() and not self._arguments.non_interactive:
            return TreeDisplay(sys.stdout, palette, self._blinder)
        return LineDisplay(sys.stdout, palette, self._blinder)

    def _details(self) -> Display:
        palette = Palette.for_stream(sys.stdout, self._arguments.color)
        return DetailDisplay(sys.stdout, palette, self._blinder, show_secrets=self._arguments.show_secrets)


def _matters(event: Event) -> bool:
    if isinstance(event, Message):
        return event.severity == "error"
    return isinstance(event, StepFailed) or (isinstance(event, Ended) and event.result == "failed")
