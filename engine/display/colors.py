"""Colours of a terminal; none under NO_COLOR or where there is no terminal."""

import os
from typing import TextIO

from engine.model import Op

RESET, BOLD, GREEN, YELLOW, RED, MAGENTA, BLUE, DIM = "0", "1", "32", "33", "31", "35", "34", "2"
OP_COLORS = {
    Op.CREATE: GREEN,
    Op.CREATE_REPLACEMENT: GREEN,
    Op.UPDATE: YELLOW,
    Op.REFRESH: YELLOW,
    Op.READ: BLUE,
    Op.REPLACE: MAGENTA,
    Op.DELETE: RED,
    Op.DELETE_REPLACED: RED,
}


class Palette:
    """Colours a text, or leaves it plain."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled

    @classmethod
    def for_stream(cls, stream: TextIO, choice: str = "auto") -> "Palette":
        if choice in ("always", "never"):
            return cls(enabled=choice == "always")
        return cls(enabled=stream.isatty() and not os.environ.get("NO_COLOR"))

    def __call__(self, text: str, *codes: str) -> str:
        if not self.enabled or not codes or not text:
            return text
        return f"\033[{';'.join(codes)}m{text}\033[{RESET}m"
