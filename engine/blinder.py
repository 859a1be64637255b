"""Takes every known secret out of texts that someone may read."""

import re
import threading
from typing import Any

from engine.values import BLINDED, Secret, leaves

_MIN_CHARS = 6  # shorter ones would garble every text and hide little
_MIN_LINE_CHARS = 8
_COMMON = frozenset({"secret", "password", "postgres", "localhost"})


class Blinder:
    """Knows the secrets that have come by. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, value: Any) -> None:
        """Remembers every text in `value` that is itself a secret, and the long lines of each.

        A list or map that is secret as a whole is hidden where it is shown, but not remembered: only some of
        its items are secret, and the others are words such as `debian`.
        """
        found: set[str] = set()
        for secret in leaves(value):
            if isinstance(secret, Secret) and isinstance(secret.value, str):
                lines = [line for line in secret.value.splitlines() if len(line) >= _MIN_LINE_CHARS]
                found.update((secret.value, secret.value.strip(), *lines))
        found = {text for text in found if len(text) >= _MIN_CHARS and text.lower() not in _COMMON}
        with self._lock:
            if not found <= self._texts:
                self._texts |= found
                self._pattern = re.compile("|".join(map(re.escape, sorted(self._texts, key=len, reverse=True))))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(BLINDED, text) if self._pattern else text
