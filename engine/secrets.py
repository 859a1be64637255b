"""The passphrase secrets provider: AES-256-GCM under a PBKDF2 key, as the Pulumi CLI writes it; and the blinder."""

import base64
import contextlib
import hashlib
import os
import re
import threading
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.values import BLINDED, Secret, leaves

_PROBE = "pulumi"  # what the last part of a salt decrypts to under the right passphrase
_ITERATIONS, _KEY_BYTES, _NONCE_BYTES, _SALT_BYTES = 1_000_000, 32, 12, 8
_MIN_CHARS = 6  # shorter ones would garble every text and hide little
_MIN_LINE_CHARS = 8
_COMMON = frozenset({"secret", "password", "postgres", "localhost"})


def read_passphrase() -> str:
    """PULUMI_CONFIG_PASSPHRASE, else the content of PULUMI_CONFIG_PASSPHRASE_FILE. Raises ConfigError."""
    phrase, path = (os.environ.get(f"PULUMI_CONFIG_PASSPHRASE{end}") for end in ("", "_FILE"))
    if phrase is not None:
        return phrase
    if not path:
        raise ConfigError(
            "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
            "environment variables"
        )
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"PULUMI_CONFIG_PASSPHRASE_FILE: cannot read {path} ({error.strerror}).") from error


class Crypter:
    """Encrypts and decrypts texts under one salt. The key is derived when it is first needed."""

    def __init__(self, salt: str) -> None:
        """`salt` is `v1:<salt>:<probe>` as it stands under `encryptionsalt` in a stack's configuration."""
        self.salt = salt
        self._derived, self._lock = b"", threading.Lock()

    def warm(self) -> None:
        """Derives the key on a thread of its own, as that takes a while; an error waits until the key is needed."""

        def derive() -> None:
            with contextlib.suppress(ConfigError):
                self._key  # noqa: B018  it is kept

        threading.Thread(target=derive, daemon=True).start()

    @classmethod
    def create(cls) -> "Crypter":
        """A crypter with a new random salt."""
        crypter = cls(f"v1:{base64.b64encode(os.urandom(_SALT_BYTES)).decode()}:")
        crypter.salt += crypter.encrypt(_PROBE)
        return crypter

    @property
    def _key(self) -> bytes:
        with self._lock:
            self._derived = self._derived or self._derive()
            return self._derived

    def _derive(self) -> bytes:
        try:
            version, salt, _probe = self.salt.split(":", 2)
            raw = base64.b64decode(salt, validate=True)
        except ValueError as error:
            raise ConfigError(f"encryptionsalt: not one of the passphrase provider (got {self.salt!r}).") from error
        if version != "v1":
            raise ConfigError(f"encryptionsalt: must be of version v1 (got {version!r}).")
        return hashlib.pbkdf2_hmac("sha256", read_passphrase().encode(), raw, _ITERATIONS, _KEY_BYTES)

    def verify(self) -> None:
        """Raises ConfigError unless the passphrase is the one this salt was made with."""
        if self.decrypt(self.salt.split(":", 2)[-1]) != _PROBE:
            raise ConfigError("incorrect passphrase")

    def encrypt(self, text: str) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  only if secrets exist

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode(), None)
        return ":".join(("v1", *(base64.b64encode(part).decode() for part in (nonce, sealed))))

    def decrypt(self, ciphertext: str) -> str:
        """Raises ConfigError under another passphrase."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  only if secrets exist
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        key = AESGCM(self._key)
        try:
            _version, nonce, sealed = ciphertext.split(":")
            return key.decrypt(base64.b64decode(nonce), base64.b64decode(sealed), None).decode()
        except InvalidTag:
            raise ConfigError("incorrect passphrase") from None
        except ValueError as error:
            raise ConfigError(f"secret: not a ciphertext of the passphrase provider ({error}).") from error


class Blinder:
    """Takes every known secret out of texts that someone may read. Safe to share between threads."""

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
