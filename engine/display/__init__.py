"""How a run looks: lines, a live tree, details, or JSON; by its flags and by where it writes."""

import argparse
import sys

from engine.blinder import Blinder
from engine.display.json_output import JsonEvents, JsonPreview
from engine.display.lines import DetailDisplay, LineDisplay, Palette
from engine.display.tree import TreeDisplay
from engine.events import Ended, Event, Listener, Message, StepFailed


class Screen:
    """Passes events on to one display for the preview, and to another for the update."""

    def __init__(self, arguments: argparse.Namespace, blinder: Blinder) -> None:
        self._arguments, self._blinder = arguments, blinder
        self._muted = False
        self._display: Listener = lambda _event: None

    def __call__(self, event: Event) -> None:
        if not self._muted or _is_bad_news(event):
            self._display(event)

    def open(self, *, preview: bool, muted: bool = False) -> None:
        """Turns to the next run; a muted one shows nothing but what goes wrong."""
        self._muted = muted
        arguments = self._arguments
        if arguments.json:
            kind = JsonPreview if preview else JsonEvents
            self._display = kind(sys.stdout, self._blinder, show_secrets=arguments.show_secrets)
            return
        palette = Palette(sys.stdout, arguments.color)
        if arguments.diff:
            show_secrets = arguments.show_secrets
            self._display = DetailDisplay(sys.stdout, palette, self._blinder, show_secrets=show_secrets)
        else:
            live = sys.stdout.isatty() and not arguments.non_interactive and not muted
            self._display = (TreeDisplay if live else LineDisplay)(sys.stdout, palette, self._blinder)


def _is_bad_news(event: Event) -> bool:
    if isinstance(event, Message):
        return event.severity == "error"
    return isinstance(event, StepFailed) or (isinstance(event, Ended) and event.failed)
