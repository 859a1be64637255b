"""What this machine's apt is configured to install from, and the same for a later Debian suite. Texts in, data out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

NEXT_SUITES = {"bookworm": "trixie"}
"""Debian suites whose docker.io is too old, and the next stable one, whose docker.io is not."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One repository and suite."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""
    """Path of a keyring, or a key block; empty for apt's trusted keys."""


def parse(name: str, text: str) -> list[Source]:
    """The binary repositories of one file in /etc/apt, by its name: deb822 for `.sources`, else one a line."""
    return list(_deb822(text) if name.endswith(".sources") else _one_line(text))


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match:
            options = dict(word.partition("=")[::2] for word in (match[1] or "").split())
            yield Source(
                uri=match[2],
                suite=match[3],
                components=tuple(match[4].split()),
                signed_by=options.get("signed-by", ""),
            )


def _deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false"):
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(
                    uri=uri,
                    suite=suite,
                    components=tuple(fields.get("components", "").split()),
                    signed_by=fields.get("signed-by", ""),
                )


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')}\n{line}"
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def of_suite(sources: Iterable[Source], *, suite: str, later: str) -> tuple[Source, ...]:
    """The repositories of `suite` and of its security updates, moved to the suite `later`."""
    moved = (
        replace(source, suite=later + source.suite.removeprefix(suite))
        for source in sources
        if source.suite in (suite, f"{suite}-security")
    )
    return tuple(dict.fromkeys(moved))


def render(sources: Iterable[Source]) -> str:
    """The text of a `.sources` file."""
    return "\n".join(_stanza(source) for source in sources)


def _stanza(source: Source) -> str:
    lines = ["Types: deb", f"URIs: {source.uri}", f"Suites: {source.suite}"]
    if source.components:
        lines.append(f"Components: {' '.join(source.components)}")
    if source.signed_by:
        lines.append(f"Signed-By: {source.signed_by}")
    return "\n".join(lines) + "\n"


def newest(madison: str, *, suites: Iterable[str] = ()) -> dict[str, str]:
    """Package to version, the newest first, from the output of `apt-cache madison`; of `suites` alone if given."""
    wanted = set(suites)
    versions: dict[str, str] = {}
    for line in madison.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == len(("package", "version", "origin")):
            suite = parts[2].split()[1].partition("/")[0] if len(parts[2].split()) > 1 else ""
            if not wanted or suite in wanted:
                versions.setdefault(parts[0], parts[1])
    return versions
