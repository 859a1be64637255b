"""The progress of an image build: its messages as lines, and why it failed."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

_KEPT_LINES = 15
_NO_BASE = re.compile(r"failed to resolve source metadata|failed to do request|pull access denied|manifest unknown")
_VERTEX, _LOG = 1, 3  # the fields of BuildKit's StatusResponse that matter here
_DIGEST, _NAME, _CACHED, _STARTED, _ERROR = 1, 3, 4, 5, 7  # of a vertex
_OF_VERTEX, _TEXT = 1, 4  # of a log


def parse_fields(data: bytes) -> list[tuple[int, Any]]:
    """Field numbers and raw values of one protobuf message; none of one that is cut off."""
    try:
        fields: Any = UnknownFieldSet(Empty.FromString(data))
        return [(item.field_number, item.data) for item in fields]
    except DecodeError:
        return []


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
                content = dict(parse_fields(value)) if number in (_VERTEX, _LOG) else {}
                if number == _VERTEX:
                    yield from self._vertex(content)
                elif number == _LOG:
                    text = content.get(_TEXT, b"").decode("utf-8", "replace")
                    lines = [line for line in text.splitlines() if line.strip()]
                    vertex = content.get(_OF_VERTEX, b"")
                    self._lines[vertex] = [*self._lines.get(vertex, ()), *lines][-_KEPT_LINES:]
                    yield from lines
        elif isinstance(message.get("aux"), dict):
            self.image_id = str(message["aux"].get("ID") or self.image_id)

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
        if lines := self._lines.get(self._failed):
            text += "\nIts last lines:\n" + "\n".join(f"    {line}" for line in lines)
        if _NO_BASE.search(self.error):
            text += (
                "\nThe base image can neither be found on this host nor pulled. Check its name, the registry "
                "login and the network, or load it by hand (docker load)."
            )
        return text
