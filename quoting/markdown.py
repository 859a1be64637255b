"""The one place where texts of others become Markdown: escaped, so that no name is read as markup, and cut to size.

What names, messages and SQL hold is never markup, HTML, a link, a mention or a character that hides or turns text.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

LIMIT = 60_000
"""Characters of a comment; GitHub refuses more than 65,536."""

_PLAIN = re.compile(r"[A-Za-z0-9 .,()/%='\";?-]")
_CALLS = tuple(f"&#{ord(character)};" for character in "@#!")
_HIDING = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Me")
_MOST_MARKS = 2
"""Combining marks on one letter; more are only there to cover other lines."""


def text(value: str, most: int = 500) -> str:
    """As a line of prose, no longer than `most` characters of Markdown."""
    return _cut(_prose(visible(value)), most).replace("&#58; ", ": ")


def code(value: str, most: int = 500) -> str:
    """As a name within a line, in letters of one width."""
    return f"<code>{_cut(_entities(visible(value)), most)}</code>" if value else ""


def visible(value: str) -> str:
    """On one line, with an escape in the place of each character that cannot be seen, or turns what is around it."""
    told, marks = [], 0
    for character in unicodedata.normalize("NFC", value):
        category = unicodedata.category(character)
        marks = marks + 1 if category == "Mn" else 0
        if character in "\n\r\t":
            told.append(" ")
        elif category in _HIDING or marks > _MOST_MARKS:
            told.append(f"\\u{ord(character):04x}")
        else:
            told.append(character)
    return "".join(told)


def fence(lines: Iterable[str], language: str) -> str:
    """Lines as they are, in a block that none of them can end."""
    shown = [visible(line).rstrip() for line in lines]
    ticks = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    mark = "`" * max(3, ticks + 1)
    return "\n".join([f"{mark}{language}", *shown, mark])


def details(title: str, content: str) -> str:
    """A part that is folded; `title` must be our own words."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns of Markdown."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def items(lines: Sequence[str], most: int) -> str:
    """A list as long as fits, and how many items were left out."""
    kept = fitting([f"- {line}" for line in lines], most - 40)
    left = len(lines) - len(kept)
    return "\n".join([*kept, *([f"- and {left} more"] if left else [])])


def fitting(lines: Sequence[str], most: int) -> list[str]:
    """The first lines that fit into so many characters, newlines included."""
    kept, length = [], 0
    for line in lines:
        length += len(line) + 1
        if length > most:
            break
        kept.append(line)
    return kept


def _cut(parts: Iterable[str], most: int) -> str:
    """Never within an entity."""
    told: list[str] = []
    length = 0
    for part in parts:
        length += len(part)
        if length > most - 1:
            return "".join([*told, "…"])
        told.append(part)
    return "".join(told)


def _prose(value: str) -> Iterator[str]:
    """With a space of no width after what would call a person or an issue; in code nothing does."""
    return (entity + ("&#8203;" if entity in _CALLS else "") for entity in _entities(value))


def _entities(value: str) -> Iterator[str]:
    """Each character by itself, or as an entity: no sign is left that Markdown reads, nor what it takes for a link."""
    for index, character in enumerate(value):
        of_link = character == "." and value[max(0, index - 3) : index].lower() == "www"
        plain = _PLAIN.match(character) or (character.isalnum() and not character.isascii())
        yield character if plain and not of_link else f"&#{ord(character)};"
