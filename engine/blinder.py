"""Takes every known secret out of texts that someone may read."""

import re
import threading
from typing import Any

from engine.values import BLINDED, secret_texts

_MIN_CHARS = 3  # shorter ones would garble every text and hide nothing
_MIN_LINE_CHARS = 8
_COMMON = frozenset({"true", "false", "null", "none"})


class Blinder:
    """Knows the secrets that have come by. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, value: Any) -> None:
        """Remembers every text inside the secrets of `value`, and long lines of those that have many."""
        found: set[str] = set()
        for text in secret_texts(value):
            found.update((text, text.strip()))
            lines = text.splitlines()
            if len(lines) > 1:
                found.update(line for line in lines if len(line) >= _MIN_LINE_CHARS)
        found = {text for text in found if len(text) >= _MIN_CHARS and text.lower() not in _COMMON}
        with self._lock:
            if not found <= self._texts:
                self._texts |= found
                self._pattern = None

    def __call__(self, text: str) -> str:
        with self._lock:
            if self._pattern is None and self._texts:
                ordered = sorted(self._texts, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, ordered)))
            pattern = self._pattern
        return pattern.sub(BLINDED, text) if pattern else text
