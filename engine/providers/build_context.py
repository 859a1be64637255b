"""A Docker build context: what .dockerignore leaves of a folder, its digest, and its tar archive."""

import hashlib
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine.errors import ProviderError

_READ_BYTES = 1 << 20
_TYPE_LETTERS = {stat.S_IFLNK: "L", stat.S_IFIFO: "p", stat.S_IFSOCK: "S", stat.S_IFCHR: "Dc", stat.S_IFBLK: "D"}
_SPECIAL_BITS = ((stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t"))


class Ignore:
    """The patterns of a .dockerignore file; the last one that matches decides."""

    def __init__(self, patterns: list[str]) -> None:
        cleaned = [_clean(pattern) for pattern in patterns]
        self._rules = [(not text.startswith("!"), _regex(text.removeprefix("!"))) for text in cleaned if text]
        self._has_exceptions = any(not ignored for ignored, _ in self._rules)

    @classmethod
    def load(cls, context: Path, dockerfile: Path) -> "Ignore":
        """The rules beside the Dockerfile, else those of the context, else none."""
        for path in (dockerfile.with_name(dockerfile.name + ".dockerignore"), context / ".dockerignore"):
            if path.is_file():
                lines = path.read_text(encoding="utf-8-sig").splitlines()
                return cls([line for line in lines if not line.startswith("#")])
        return cls([])

    def ignores(self, path: str) -> bool:
        """`path` is relative, with slashes; a rule for a folder holds for all below it."""
        ignored = False
        parts = path.split("/")
        prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        for ignores, regex in self._rules:
            if ignores != ignored and any(regex.fullmatch(prefix) for prefix in prefixes):
                ignored = ignores
        return ignored

    def may_skip(self, folder: str) -> bool:
        """Whether nothing below `folder` can be wanted."""
        return not self._has_exceptions and self.ignores(folder)


def _clean(line: str) -> str:
    text = line.strip()
    negation = "!" if text.startswith("!") else ""
    text = text.removeprefix("!").strip()
    if not text:
        return ""
    text = os.path.normpath(text).lstrip("/")
    return "" if text in (".", "") else negation + text


def _regex(pattern: str) -> re.Pattern[str]:
    out = ""
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if pattern.startswith("**", position):
            position += 2
            if pattern.startswith("/", position):
                position += 1
                out += "(.*/)?"
            else:
                out += ".*"
            continue
        if char == "[" and "]" in pattern[position:]:
            end = pattern.index("]", position)
            out += "[" + pattern[position + 1 : end].replace("\\", "\\\\") + "]"
            position = end
        elif char == "\\" and position + 1 < len(pattern):
            position += 1
            out += re.escape(pattern[position])
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        position += 1
    return re.compile(out, re.DOTALL)


class BuildContext:
    """The files that a build may see. Paths are relative to `cwd`, as the program gives them."""

    def __init__(self, context: str, dockerfile: str, cwd: Path) -> None:
        """Raises ProviderError if the folder or the Dockerfile is not there."""
        self._name = context
        self.folder = cwd / context
        self.dockerfile = cwd / dockerfile
        if not self.folder.is_dir():
            raise ProviderError(f"build.context: no such folder (got {context!r}).")
        if not self.dockerfile.is_file():
            nested = Path(context) / dockerfile
            hint = f" Try {str(nested)!r}." if (cwd / nested).is_file() else ""
            raise ProviderError(f"build.dockerfile: no such file (got {dockerfile!r}).{hint}")
        self._ignore = Ignore.load(self.folder, self.dockerfile)

    @property
    def dockerfile_in_context(self) -> str:
        """The Dockerfile's path in the context; it begins with `../` when it lies outside."""
        return os.path.relpath(self.dockerfile.resolve(), self.folder.resolve())

    def _walk(self, relative: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Every file below, ignored ones too unless a whole folder can be skipped, in the builder's order."""
        with os.scandir(self.folder / relative) as entries:
            ordered = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in ordered:
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not self._ignore.may_skip(path):
                    yield from self._walk(path)
            else:
                yield path, entry

    def digest(self) -> str:
        """The `contextDigest` that the real provider computes: names, modes and contents, no times."""
        total = hashlib.sha256()

        def add(name: str, mode: str, content: bytes) -> None:
            total.update(name.encode("utf-8", "surrogateescape") + mode.encode() + content + b"\0")

        add("Dockerfile", "----------", _file_hash(self.dockerfile))
        for path, entry in self._walk():
            if self._ignore.ignores(path):
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                target = os.path.realpath(entry.path)
                shown = os.path.join(self._name, os.path.relpath(target, self.folder.resolve()))  # noqa: PTH118
                content = hashlib.sha256(os.path.normpath(shown).encode()).digest()
            elif stat.S_ISREG(mode):
                content = _file_hash(Path(entry.path))
            else:
                content = hashlib.sha256().digest()
            add(path, go_mode(mode), content)
        return total.hexdigest()

    def pack(self, out: IO[bytes]) -> str:
        """Writes the context as a tar archive; the name of the Dockerfile in it."""
        dockerfile = self.dockerfile_in_context
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path, entry in self._walk():
                # The builder reads these two even where a rule leaves them out of the image.
                if path in (dockerfile, ".dockerignore") or not self._ignore.ignores(path):
                    tar.add(entry.path, arcname=path, recursive=False, filter=_owned_by_root)
            if dockerfile.startswith("../"):
                dockerfile = ".dockerfile." + _file_hash(self.dockerfile).hex()[:12]
                tar.add(self.dockerfile, arcname=dockerfile, filter=_owned_by_root)
        out.seek(0)
        return dockerfile


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return (
        None if entry.type not in (*tarfile.REGULAR_TYPES, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE) else entry
    )


def _file_hash(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.digest()


def go_mode(mode: int) -> str:
    """A file mode as Go prints it: `-rw-r--r--`, `Lrwxrwxrwx`, `ugtrwxr-xr-x`."""
    letters = _TYPE_LETTERS.get(stat.S_IFMT(mode), "")
    letters += "".join(letter for bit, letter in _SPECIAL_BITS if mode & bit)
    bits = "".join("rwx"[index % 3] if mode & (1 << (8 - index)) else "-" for index in range(9))
    return (letters or "-") + bits
