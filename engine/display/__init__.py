"""How a run looks: lines, a live tree, details, or JSON; by its flags and by where it writes."""

import argparse
import sys
import threading

from engine.display.json_output import JsonEvents, JsonPreview
from engine.display.lines import DetailDisplay, LineDisplay, Palette
from engine.display.tree import TreeDisplay
from engine.events import Ended, Event, Listener, Message, StepFailed
from engine.secrets import Blinder


class Screen:
    """Passes events on to one display for the preview, and to another for the update, one event at a time."""

    def __init__(self, arguments: argparse.Namespace, blinder: Blinder) -> None:
        self._arguments, self._blinder = arguments, blinder
        self._lock, self._muted = threading.Lock(), False
        self._display: Listener = lambda _event: None

    def __call__(self, event: Event) -> None:
        with self._lock:
            if not self._muted or _is_bad_news(event):
                self._display(event)

    def open(self, *, preview: bool, muted: bool = False) -> None:
        """Turns to the next run; a muted one shows nothing but what goes wrong."""
        self._muted = muted
        out, blind, chosen = sys.stdout, self._blinder, self._arguments
        palette = Palette(out, chosen.color)
        if chosen.json:
            self._display = (JsonPreview if preview else JsonEvents)(out, blind, show_secrets=chosen.show_secrets)
        elif chosen.diff:
            self._display = DetailDisplay(out, palette, blind, show_secrets=chosen.show_secrets)
        else:
            live = out.isatty() and not chosen.non_interactive and not muted
            self._display = (TreeDisplay if live else LineDisplay)(out, palette, blind)


def _is_bad_news(event: Event) -> bool:
    if isinstance(event, Message):
        return event.severity == "error"
    return isinstance(event, StepFailed) or (isinstance(event, Ended) and event.failed)
