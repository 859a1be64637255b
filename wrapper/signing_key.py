"""Reads an OpenPGP public key far enough to know whose it is (RFC 9580, sections 4 and 5.5)."""

import base64
import binascii
import hashlib
from collections.abc import Iterator

from wrapper.errors import WrapperError

_PUBLIC_KEY = 6
_VERSION_4 = 4


def check(armored: str, *, fingerprint: str) -> None:
    """Raises WrapperError unless `armored` holds exactly one key, and that with `fingerprint` (hex, upper case)."""
    try:
        keys = [body for tag, body in _packets(_dearmor(armored)) if tag == _PUBLIC_KEY]
    except (ValueError, IndexError, binascii.Error):
        keys = []
    found = [_fingerprint(body) for body in keys]
    if found != [fingerprint]:
        raise WrapperError(
            f"docker: the key of the package repository is not the expected one (got {', '.join(found) or 'no key'}, "
            f"need {fingerprint}). Something on the way replaces it; nothing was installed from there."
        )


def _fingerprint(body: bytes) -> str:
    if not body or body[0] != _VERSION_4:
        return "a key of another version"
    prefix = b"\x99" + len(body).to_bytes(2)
    return hashlib.sha1(prefix + body, usedforsecurity=False).hexdigest().upper()


def _dearmor(armored: str) -> bytes:
    lines = [line.strip() for line in armored.splitlines()]
    begin = lines.index("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    end = lines.index("-----END PGP PUBLIC KEY BLOCK-----")
    if lines.count("-----BEGIN PGP PUBLIC KEY BLOCK-----") != 1:
        raise ValueError
    body = lines[lines.index("", begin) + 1 : end]
    return base64.b64decode("".join(line for line in body if not line.startswith("=")), validate=True)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of every packet. Raises ValueError or IndexError on what is none."""
    position = 0
    while position < len(data):
        header = data[position]
        if not header & 0x80:
            raise ValueError
        if header & 0x40:
            tag, (length, begin) = header & 0x3F, _new_length(data, position + 1)
        else:
            tag, size = (header >> 2) & 0x0F, 1 << (header & 0x03)
            length, begin = int.from_bytes(data[position + 1 : position + 1 + size]), position + 1 + size
        if begin + length > len(data):
            raise ValueError
        yield tag, data[begin : begin + length]
        position = begin + length


def _new_length(data: bytes, position: int) -> tuple[int, int]:
    """Length of a body and where it begins."""
    first = data[position]
    if first < 192:  # noqa: PLR2004  the three forms of section 4.2.1
        return first, position + 1
    if first < 224:  # noqa: PLR2004
        return ((first - 192) << 8) + data[position + 1] + 192, position + 2
    return int.from_bytes(data[position + 1 : position + 5]), position + 5
