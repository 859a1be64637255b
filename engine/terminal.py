"""The person at the terminal: questions, ^C and SIGTERM."""

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from engine.errors import DECLINED, UsageError
from engine.events import Listener, Message

_CANCELLING = "^C received; cancelling. If you would like to terminate immediately, press ^C again."
_AT_ONCE_SECONDS = 1.0


def is_interactive(arguments: argparse.Namespace) -> bool:
    return not arguments.non_interactive and sys.stdin.isatty() and sys.stdout.isatty()


def confirm(question: str, *answers: str, declined: str = "confirmation declined") -> None:
    """Raises UsageError unless the answer is one of `answers`; ^C and the end of the input are none."""
    try:
        answer = input(question).strip().lower()
    except (EOFError, KeyboardInterrupt):
        print()
        answer = ""
    if answer not in (answers or ("yes", "y")):
        raise UsageError(declined, DECLINED)


class Interrupt:
    """The first ^C or SIGTERM cancels, the second ends the engine on the spot."""

    def __init__(self, tell: Listener, at_once: Callable[[], None]) -> None:
        self.cancelled = threading.Event()
        self.at_once = [at_once]
        """What to do before the engine ends on the spot."""
        self._tell = tell

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, ^C is a KeyboardInterrupt: it answers a question, and cancels nothing."""
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, handler)

    def _handle(self, number: int, _frame: object) -> None:
        if self.cancelled.is_set():
            # Aside, as it may need what this very thread was in the middle of.
            ending = threading.Thread(target=lambda: [action() for action in self.at_once], daemon=True)
            ending.start()
            ending.join(_AT_ONCE_SECONDS)
            os._exit(128 + number)
        self.cancelled.set()
        # The display may hold its lock in this very thread: another one tells.
        threading.Thread(target=self._tell, args=[Message(severity="warning", text=_CANCELLING)], daemon=True).start()
