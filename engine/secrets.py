"""The passphrase secrets provider: AES-256-GCM under a PBKDF2 key, as the Pulumi CLI writes it."""

import base64
import hashlib
import os
from functools import cached_property
from pathlib import Path

from engine.errors import SecretsError

_PROBE = "pulumi"  # what the third part of a salt decrypts to under the right passphrase
_ITERATIONS = 1_000_000
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 8
_SALT_PARTS = 3


def read_passphrase() -> str:
    """The passphrase from PULUMI_CONFIG_PASSPHRASE or the file PULUMI_CONFIG_PASSPHRASE_FILE."""
    phrase = os.environ.get("PULUMI_CONFIG_PASSPHRASE")
    if phrase is not None:
        return phrase
    path = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretsError(f"PULUMI_CONFIG_PASSPHRASE_FILE: cannot read {path} ({error.strerror}).") from error
    raise SecretsError(
        "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables"
    )


class Crypter:
    """Encrypts and decrypts texts under one salt. The key is derived when it is first needed."""

    def __init__(self, salt: str) -> None:
        """`salt` is `v1:<salt>:<probe>` as it stands under `encryptionsalt` in a stack's configuration."""
        self.salt = salt

    @classmethod
    def create(cls) -> "Crypter":
        """A crypter with a new random salt."""
        raw = base64.b64encode(os.urandom(_SALT_BYTES)).decode()
        crypter = cls(f"v1:{raw}:")
        crypter.salt += crypter.encrypt(_PROBE)
        return crypter

    @cached_property
    def _key(self) -> bytes:
        parts = self.salt.split(":", _SALT_PARTS - 1)
        if len(parts) != _SALT_PARTS or parts[0] != "v1":
            raise SecretsError(f"encryptionsalt: not a salt of the passphrase provider (got {self.salt!r}).")
        return hashlib.pbkdf2_hmac(
            "sha256", read_passphrase().encode(), base64.b64decode(parts[1]), _ITERATIONS, _KEY_BYTES
        )

    def verify(self) -> None:
        """Raises SecretsError unless the passphrase is the one this salt was made with."""
        if self.decrypt(self.salt.split(":", _SALT_PARTS - 1)[-1]) != _PROBE:
            raise SecretsError("incorrect passphrase")

    def encrypt(self, text: str) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  only if secrets exist

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode(), None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, ciphertext: str) -> str:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  only if secrets exist
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        try:
            _version, nonce, sealed = ciphertext.split(":")
            return AESGCM(self._key).decrypt(base64.b64decode(nonce), base64.b64decode(sealed), None).decode()
        except InvalidTag:
            raise SecretsError("incorrect passphrase") from None
        except ValueError as error:
            raise SecretsError(f"secret: not a ciphertext of the passphrase provider ({error}).") from error
