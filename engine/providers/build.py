"""An image build: what .dockerignore leaves of a folder, its digest and its archive, how it goes, and why it failed."""

import base64
import hashlib
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from engine.bare_import import ALONE, bare
from engine.errors import ProviderError

with ALONE, bare("docker", "docker.utils"):
    from docker.utils.build import PatternMatcher

_TYPE_LETTERS = {stat.S_IFLNK: "L", stat.S_IFIFO: "p", stat.S_IFSOCK: "S"}
_SPECIAL_BITS = ((stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t"))
_KEPT_LINES = 15
_NO_BASE = re.compile(r"failed to resolve source metadata|failed to do request|pull access denied|manifest unknown")
_VERTEX, _LOG = 1, 3  # the fields of BuildKit's StatusResponse that matter here
_DIGEST, _NAME, _CACHED, _STARTED, _ERROR = 1, 3, 4, 5, 7  # of a vertex
_OF_VERTEX, _TEXT = 1, 4  # of a log


class BuildContext:
    """The files that a build may see. Paths are relative to `cwd`, as the program gives them."""

    def __init__(self, context: str, dockerfile: str, cwd: Path) -> None:
        """Raises ProviderError if the folder or the Dockerfile is not there."""
        self._name, self.folder, self.dockerfile = context, cwd / context, cwd / dockerfile
        if not self.folder.is_dir():
            raise ProviderError(f"build.context: no such folder (got {context!r}).")
        if not self.dockerfile.is_file():
            nested = Path(context) / dockerfile
            hint = f" Try {str(nested)!r}." if (cwd / nested).is_file() else ""
            raise ProviderError(f"build.dockerfile: no such file (got {dockerfile!r}).{hint}")

    @property
    def dockerfile_in_context(self) -> str:
        """The Dockerfile's path in the context; it begins with `../` when it lies outside."""
        return os.path.relpath(self.dockerfile.resolve(), self.folder.resolve())

    @cached_property
    def _rules(self) -> Any:
        """The rules beside the Dockerfile, else those of the context, else none."""
        files = (self.dockerfile.with_name(self.dockerfile.name + ".dockerignore"), self.folder / ".dockerignore")
        text = next((path.read_text(encoding="utf-8-sig") for path in files if path.is_file()), "")
        lines = (line.strip() for line in text.splitlines())
        rules = PatternMatcher([line for line in lines if line and not line.startswith("#")])
        rules.patterns.pop()  # its own one that keeps .dockerignore, which the digest must not have
        return rules

    @cached_property
    def files(self) -> list[str]:
        """The paths of all files that no rule leaves out, in the builder's order."""
        paths = (path for path in self._rules.walk(str(self.folder)) if _is_file(self.folder / path))
        return sorted(paths, key=lambda path: os.fsencode(path).split(b"/"))

    def digest(self) -> str:
        """The `contextDigest` that the real provider computes: names, modes and contents, no times."""
        total = hashlib.sha256(b"Dockerfile----------" + _file_hash(self.dockerfile) + b"\0")
        for path in self.files:
            file = self.folder / path
            mode = file.lstat().st_mode
            if stat.S_ISREG(mode):
                content = _file_hash(file)
            else:
                content = hashlib.sha256(self._link_target(file) if stat.S_ISLNK(mode) else b"").digest()
            total.update(os.fsencode(path) + go_mode(mode).encode() + content + b"\0")
        return total.hexdigest()

    def _link_target(self, link: Path) -> bytes:
        inside = os.path.relpath(link.resolve(), self.folder.resolve())
        return os.fsencode(os.path.normpath(f"{self._name}/{inside}"))

    def pack(self, out: IO[bytes]) -> str:
        """Writes the context as a tar archive; the name of the Dockerfile in it."""
        dockerfile = self.dockerfile_in_context
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            read = (".dockerignore", dockerfile)
            needed = [path for path in read if (self.folder / path).is_file() and path[:2] != ".."]
            for path in dict.fromkeys([*needed, *self.files]):  # the builder reads those even where a rule omits them
                tar.add(self.folder / path, arcname=path, recursive=False, filter=_owned_by_root)
            if dockerfile.startswith("../"):
                dockerfile = ".dockerfile." + _file_hash(self.dockerfile).hex()[:12]
                tar.add(self.dockerfile, arcname=dockerfile, filter=_owned_by_root)
        out.seek(0)
        return dockerfile


def _is_file(path: Path) -> bool:
    return path.is_symlink() or not path.is_dir()


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry if entry.isreg() or entry.issym() or entry.islnk() else None


def _file_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def go_mode(mode: int) -> str:
    """A file mode as Go prints it: `-rw-r--r--`, `Lrwxrwxrwx`, `ugtrwxr-xr-x`."""
    letters = _TYPE_LETTERS.get(stat.S_IFMT(mode), "") + "".join(letter for bit, letter in _SPECIAL_BITS if mode & bit)
    return (letters or "-") + "".join("rwx"[i % 3] if mode & (1 << (8 - i)) else "-" for i in range(9))


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
