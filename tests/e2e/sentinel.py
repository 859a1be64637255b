"""A recognisable secret, and every form in which it might be found somewhere."""

import base64
import gzip
import secrets
import string
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

_CHUNK = 4 * 1024 * 1024
_CONTEXT = 24
"""Bytes shown before what was found."""
_LETTERS = string.ascii_letters + string.digits


class Sentinel:
    """Secrets that all have one random token in them; whoever finds the token has found one of them."""

    def __init__(self) -> None:
        self.token = "Sn" + "".join(secrets.choice(_LETTERS) for _ in range(22))
        self._forms = forms(self.token)
        self._overlap = max(map(len, self._forms.values())) + _CONTEXT
        self._made = 0

    def secret(self) -> str:
        """A new one: long and mixed enough for any key, with the characters that shells, URLs, JSON and SQL quote."""
        self._made += 1
        return f"{self.token}.{self._made}.{secrets.token_hex(16)}+/=&%$\"'\\:end"

    def found(self, place: str, content: bytes) -> set[str]:
        """Where in the content it is, by form, each once."""
        found = set()
        for form, needle in self._forms.items():
            at = content.find(needle)
            if at >= 0:
                found.add(f"{place}: {form}, after {content[max(0, at - _CONTEXT) : at].decode(errors='replace')!r}")
        return found

    def found_in(self, place: str, chunks: Iterable[bytes]) -> set[str]:
        """The same of a stream."""
        found, rest = set(), b""
        for chunk in chunks:
            found |= self.found(place, rest + chunk)
            rest = (rest + chunk)[-self._overlap :]
        return found

    def found_in_files(self, folder: Path) -> set[str]:
        """The same of every file of a folder, and of their names."""
        found: set[str] = set()
        for file in folder.rglob("*"):
            name = str(file.relative_to(folder.parent))
            found |= self.found(name, name.encode())
            if file.is_file():
                found |= self.found(name, file.read_bytes())
        return found

    def found_in_tar(self, place: str, stream: IO[bytes]) -> set[str]:
        """The same of each file of a tar; what is compressed is opened, and a tar in a tar is a file like any other."""
        found: set[str] = set()
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                found |= self.found(f"{place} {member.name}", f"{member.name} {member.linkname}".encode())
                content = tar.extractfile(member) if member.isreg() else None
                if content:
                    found |= self.found_in(f"{place} {member.name}", _opened(content))
        return found


def forms(token: str) -> dict[str, bytes]:
    """The token as it is and as it may have been written, by name."""
    plain = token.encode()
    return {
        "plain": plain,
        "reversed": plain[::-1],
        "hex": plain.hex().encode(),
        "upper-case hex": plain.hex().upper().encode(),
        "URL-quoted": "".join(f"%{byte:02X}" for byte in plain).encode(),
        "escaped": "".join(f"\\x{byte:02x}" for byte in plain).encode(),
        "UTF-16": token.encode("utf-16-le"),
        **{f"base64 at {before}": _base64(plain, before, b"+/") for before in range(3)},
        **{f"URL-safe base64 at {before}": _base64(plain, before, b"-_") for before in range(3)},
    }


def _base64(plain: bytes, before: int, alphabet: bytes) -> bytes:
    """Of the token after so many other bytes; the part that does not depend on those, nor on what follows."""
    encoded = base64.b64encode(bytes(before) + plain, alphabet)
    return encoded[-(-8 * before // 6) : 8 * (before + len(plain)) // 6]


def _opened(stream: IO[bytes]) -> Iterator[bytes]:
    begin = stream.read(_CHUNK)
    if begin.startswith(b"\x1f\x8b"):
        yield gzip.decompress(begin + stream.read())
        return
    yield begin
    yield from iter(lambda: stream.read(_CHUNK), b"")
