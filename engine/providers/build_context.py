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

_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|\\.|.", re.DOTALL)
_GLOB_AS_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_TYPE_LETTERS = {stat.S_IFLNK: "L", stat.S_IFIFO: "p", stat.S_IFSOCK: "S", stat.S_IFCHR: "Dc", stat.S_IFBLK: "D"}
_SPECIAL_BITS = ((stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t"))


class Ignore:
    """The patterns of a .dockerignore file; the last one that matches decides."""

    def __init__(self, lines: list[str]) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        for line in map(str.strip, lines):
            path = os.path.normpath(line.removeprefix("!").strip() or ".").lstrip("/")
            if not line.startswith("#") and path not in (".", ""):
                self._rules.append((not line.startswith("!"), re.compile(_as_regex(path), re.DOTALL)))

    @classmethod
    def load(cls, context: Path, dockerfile: Path) -> "Ignore":
        """The rules beside the Dockerfile, else those of the context, else none."""
        for path in (dockerfile.with_name(dockerfile.name + ".dockerignore"), context / ".dockerignore"):
            if path.is_file():
                return cls(path.read_text(encoding="utf-8-sig").splitlines())
        return cls([])

    def ignores(self, path: str) -> bool:
        """`path` is relative, with slashes; a rule for a folder holds for all below it."""
        parts, ignored = path.split("/"), False
        prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        for ignores, regex in self._rules:
            if ignores != ignored and any(regex.fullmatch(prefix) for prefix in prefixes):
                ignored = ignores
        return ignored

    def skips(self, folder: str) -> bool:
        """Whether nothing below `folder` can be wanted."""
        return all(ignores for ignores, _ in self._rules) and self.ignores(folder)


def _as_regex(pattern: str) -> str:
    out = ""
    for token in _GLOB.findall(pattern):
        if len(token) > 1 and token[0] in "[\\":
            out += token if token[0] == "[" else re.escape(token[1])
        else:
            out += _GLOB_AS_REGEX.get(token) or re.escape(token)
    return out


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
        self._ignore = Ignore.load(self.folder, self.dockerfile)

    @property
    def dockerfile_in_context(self) -> str:
        """The Dockerfile's path in the context; it begins with `../` when it lies outside."""
        return os.path.relpath(self.dockerfile.resolve(), self.folder.resolve())

    def _walk(self, relative: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Every file, ignored ones too unless a whole folder can be skipped, in the builder's order."""
        with os.scandir(self.folder / relative) as entries:
            ordered = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in ordered:
            path = f"{relative}/{entry.name}" if relative else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield path, entry
            elif not self._ignore.skips(path):
                yield from self._walk(path)

    def digest(self) -> str:
        """The `contextDigest` that the real provider computes: names, modes and contents, no times."""
        total = hashlib.sha256(b"Dockerfile----------" + _file_hash(self.dockerfile) + b"\0")
        for path, entry in self._walk():
            if self._ignore.ignores(path):
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                content = _file_hash(Path(entry.path))
            else:
                content = hashlib.sha256(self._link_target(entry) if stat.S_ISLNK(mode) else b"").digest()
            total.update(os.fsencode(path) + go_mode(mode).encode() + content + b"\0")
        return total.hexdigest()

    def _link_target(self, entry: os.DirEntry[str]) -> bytes:
        inside = os.path.relpath(os.path.realpath(entry.path), self.folder.resolve())
        return os.fsencode(os.path.normpath(f"{self._name}/{inside}"))

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
    return entry if entry.isreg() or entry.issym() or entry.islnk() else None


def _file_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def go_mode(mode: int) -> str:
    """A file mode as Go prints it: `-rw-r--r--`, `Lrwxrwxrwx`, `ugtrwxr-xr-x`."""
    letters = _TYPE_LETTERS.get(stat.S_IFMT(mode), "")
    letters += "".join(letter for bit, letter in _SPECIAL_BITS if mode & bit)
    return (letters or "-") + "".join("rwx"[i % 3] if mode & (1 << (8 - i)) else "-" for i in range(9))
