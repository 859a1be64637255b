"""The progress of a BuildKit build: its trace messages as lines, and why it failed."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KEPT_LINES = 15


def parse_fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and raw values of one protobuf message."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield number, value
        elif wire_type == _BYTES:
            size, position = _varint(data, position)
            yield number, data[position : position + size]
            position += size
        elif wire_type in (_FIXED64, _FIXED32):
            position += 8 if wire_type == _FIXED64 else 4
        else:
            return


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
        shift += 7
    return result, position


@dataclass
class BuildProgress:
    """What a build has said so far."""

    image_id: str = ""
    error: str = ""
    failed_step: str = ""
    _names: dict[bytes, str] = field(default_factory=dict)
    _lines: dict[bytes, list[str]] = field(default_factory=dict)
    _failed: bytes = b""
    _classic: list[str] = field(default_factory=list)

    def feed(self, message: dict[str, Any]) -> Iterator[str]:
        """Takes in one message of the build's stream; the lines to show for it."""
        if "error" in message:
            self.error = str(message["error"])
        elif message.get("id") == "moby.buildkit.trace":
            yield from self._trace(base64.b64decode(message["aux"]))
        elif isinstance(message.get("aux"), dict):
            self.image_id = str(message["aux"].get("ID") or self.image_id)
        elif message.get("stream"):
            for line in str(message["stream"]).splitlines():
                if line.strip():
                    self._classic = [*self._classic, line][-_KEPT_LINES:]
                    self.failed_step = line if line.startswith("Step ") else self.failed_step
                    yield line

    def _trace(self, data: bytes) -> Iterator[str]:
        for number, value in parse_fields(data):
            content: dict[int, Any] = dict(parse_fields(value))
            if number == 1:  # a vertex: digest 1, name 3, cached 4, started 5, completed 6, error 7
                yield from self._vertex(content)
            elif number == 3:  # noqa: PLR2004  a log: vertex 1, text 4
                lines = content.get(4, b"").decode("utf-8", "replace").splitlines()
                kept = self._lines.setdefault(content.get(1, b""), [])
                kept += lines
                del kept[:-_KEPT_LINES]
                yield from lines

    def _vertex(self, content: dict[int, Any]) -> Iterator[str]:
        digest = content.get(1, b"")
        name = content.get(3, b"").decode("utf-8", "replace")
        if content.get(7):
            self._failed = digest
            self.failed_step = name
        if name and not name.startswith("[internal]") and digest not in self._names and content.get(5):
            self._names[digest] = name
            yield f"{name} (cached)" if content.get(4) else name

    def failure(self) -> str:
        """Which step failed, its last lines, and the builder's own words."""
        lines = self._lines.get(self._failed) or self._classic
        shown = "\n".join(f"    {line}" for line in lines)
        step = f"the step {self.failed_step!r} failed" if self.failed_step else "the build failed"
        text = f"{step}: {self.error}" + (f"\nIts last lines:\n{shown}" if shown else "")
        if re.search(
            r"failed to resolve source metadata|failed to do request|pull access denied|not found: manifest", self.error
        ):
            text += (
                "\nThe base image can neither be found on this host nor pulled. Check its name, the registry "
                "login and the network, or load it by hand (docker load)."
            )
        return text
