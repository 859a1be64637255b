"""Takes every known secret out of texts that someone may read."""

import re
import threading
from typing import Any

from engine.values import BLINDED, Secret, leaves, reveal

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
        """Remembers every text inside the secrets of `value`, and the long lines of each."""
        found: set[str] = set()
        for secret in (item for item in leaves(value) if isinstance(item, Secret)):
            for text in (str(item) for item in leaves(reveal(secret.value)) if isinstance(item, str)):
                lines = [line for line in text.splitlines() if len(line) >= _MIN_LINE_CHARS]
                found.update((text, text.strip(), *lines))
        found = {text for text in found if len(text) >= _MIN_CHARS and text.lower() not in _COMMON}
        with self._lock:
            if not found <= self._texts:
                self._texts |= found
                self._pattern = re.compile("|".join(map(re.escape, sorted(self._texts, key=len, reverse=True))))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(BLINDED, text) if self._pattern else text
