"""^C and SIGTERM: the first cancels, the second ends the engine on the spot."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from engine.events import Listener, Message
from engine.providers.command import kill_all

_TEXT = "^C received; cancelling. If you would like to terminate immediately, press ^C again."


class Interrupt:
    def __init__(self, tell: Listener) -> None:
        self.cancelled = threading.Event()
        self.at_once: list[Callable[[], None]] = [kill_all]
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
            for action in self.at_once:
                action()
            os._exit(128 + number)
        self.cancelled.set()
        # The display may hold its lock in this very thread: another one tells.
        message = Message(severity="warning", text=_TEXT)
        threading.Thread(target=self._tell, args=(message,), daemon=True).start()
