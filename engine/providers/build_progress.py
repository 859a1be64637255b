"""The progress of an image build: its messages as lines, and why it failed."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_KEPT_LINES = 15
_NO_BASE = re.compile(r"failed to resolve source metadata|failed to do request|pull access denied|manifest unknown")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VERTEX, _LOG = 1, 3  # the fields of BuildKit's StatusResponse that matter here
_DIGEST, _NAME, _CACHED, _STARTED, _ERROR = 1, 3, 4, 5, 7  # of a vertex
_OF_VERTEX, _TEXT = 1, 4  # of a log


def parse_fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and raw values of one protobuf message."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        value: Any = None
        if key & 7 in (_VARINT, _BYTES):
            value, position = _varint(data, position)
        if key & 7 == _BYTES:
            start, position = position, position + value
            value = data[start:position]
        position += {_FIXED64: 8, _FIXED32: 4}.get(key & 7, 0)
        yield key >> 3, value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while position < len(data):
        byte, position = data[position], position + 1
        result |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return result, position


@dataclass
class BuildProgress:
    """What a build has said so far."""

    image_id: str = ""
    error: str = ""
    _step: str = ""
    _failed: bytes = b""
    _names: set[bytes] = field(default_factory=set)
    _lines: dict[bytes, list[str]] = field(default_factory=dict)

    def feed(self, message: dict[str, Any]) -> Iterator[str]:
        """Takes in one message of the build's stream; the lines to show for it."""
        if "error" in message:
            self.error = str(message["error"])
        elif message.get("id") == "moby.buildkit.trace":
            for number, value in parse_fields(base64.b64decode(message["aux"])):
                content: dict[int, Any] = dict(parse_fields(value)) if number in (_VERTEX, _LOG) else {}
                if number == _VERTEX:
                    yield from self._vertex(content)
                elif number == _LOG:
                    yield from self._keep(
                        content.get(_OF_VERTEX, b""), content.get(_TEXT, b"").decode("utf-8", "replace")
                    )
        elif isinstance(message.get("aux"), dict):
            self.image_id = str(message["aux"].get("ID") or self.image_id)
        elif str(message.get("stream") or "").strip():
            text = str(message["stream"])
            self._step = text.strip() if text.startswith("Step ") else self._step
            yield from self._keep(b"", text)

    def _keep(self, vertex: bytes, text: str) -> list[str]:
        lines = [line for line in text.splitlines() if line.strip()]
        self._lines[vertex] = [*self._lines.get(vertex, ()), *lines][-_KEPT_LINES:]
        return lines

    def _vertex(self, content: dict[int, Any]) -> Iterator[str]:
        digest, name = content.get(_DIGEST, b""), content.get(_NAME, b"").decode("utf-8", "replace")
        if content.get(_ERROR):
            self._failed, self._step = digest, name
        if name and content.get(_STARTED) and digest not in self._names and not name.startswith("[internal]"):
            self._names.add(digest)
            yield f"{name} (cached)" if content.get(_CACHED) else name

    def failure(self) -> str:
        """Which step failed, its last lines, and the builder's own words."""
        text = f"the step {self._step!r} failed: {self.error}" if self._step else f"the build failed: {self.error}"
        lines = self._lines.get(self._failed)
        if lines:
            text += "\nIts last lines:\n" + "\n".join(f"    {line}" for line in lines)
        if _NO_BASE.search(self.error):
            text += (
                "\nThe base image can neither be found on this host nor pulled. Check its name, the registry "
                "login and the network, or load it by hand (docker load)."
            )
        return text
