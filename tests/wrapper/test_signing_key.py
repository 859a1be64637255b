"""Whose key a package repository is signed with."""

import base64

import pytest

from wrapper.errors import WrapperError
from wrapper.signing_key import check

# The sample key of RFC 9580, appendix A.1, with the fingerprint that is printed there.
SAMPLE = "xjMEU/NfCxYJKwYBBAHaRw8BAQdAPwmJlL3ZFu1AUxl5NOSofIBzOhKA1i+AEJkuQ+47JAY="
FINGERPRINT = "C959BDBAFA32A2F89A153B678CFDE12197965A9A"


def armored(packets: bytes) -> str:
    body = base64.b64encode(packets).decode()
    return f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n-----END PGP PUBLIC KEY BLOCK-----\n"


KEY = base64.b64decode(SAMPLE)
OLD_FORM = b"\x98" + bytes([len(KEY) - 2]) + KEY[2:]
USER = b"\xcd\x05Alice"


@pytest.mark.parametrize("packets", [KEY, KEY + USER, OLD_FORM, OLD_FORM + USER])
def test_the_expected_key_is_accepted(packets: bytes) -> None:
    """In both forms of packet headers, with what else belongs to it."""
    check(armored(packets), fingerprint=FINGERPRINT)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (armored(KEY + KEY), f"{FINGERPRINT}, {FINGERPRINT}"),
        (armored(KEY[:-1] + b"\x07"), r"[0-9A-F]{40}"),
        (armored(b"\xc6\x01\x03"), "a key of another version"),
        (armored(USER), "no key"),
        (armored(KEY[:10]), "no key"),
        (armored(KEY) + armored(KEY), "no key"),
        ("<html>Sign in to the network</html>", "no key"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!\n-----END PGP PUBLIC KEY BLOCK-----\n", "no key"),
    ],
)
def test_anything_else_is_refused(text: str, got: str) -> None:
    """A second key, another one, half of one, none."""
    with pytest.raises(WrapperError, match=rf"\(got {got}, need {FINGERPRINT}\)"):
        check(text, fingerprint=FINGERPRINT)
