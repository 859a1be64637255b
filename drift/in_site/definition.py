"""Definitions of indexes and constraints, as Django and PostgreSQL write them, in one form. Pure, but for `normal`.

`normal` gives an expression of a table as PostgreSQL itself would write it.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

Normal = Callable[[str, str], str]

_KEY = re.compile(
    r"(?P<what>.+?)(?: COLLATE \S+)?(?P<opclass> [a-z_]\w*)?(?P<order> DESC| ASC)?(?P<nulls> NULLS (?:FIRST|LAST))?",
    re.DOTALL,
)
_NAME = re.compile(r'\s*(?:"(?:[^"]|"")+"|[a-z_][\w$]*)\s*')
_ACTION = re.compile(r" ON (?:DELETE|UPDATE) (?!NO ACTION)[A-Z ]+?(?= ON| DEFERRABLE| NOT|$)")
_KINDS = {"CHECK": "check", "FOREIGN KEY": "foreign key", "PRIMARY KEY": "primary key", "EXCLUDE": "exclusion"}


def canonical(table: str, definition: str, normal: Normal) -> tuple[str, str]:
    """The kind of an index or a constraint, and its definition in the form that both sides have.

    A unique index and a unique constraint are the same. What only matters while a statement runs is left out.
    """
    kind = next((kind for word, kind in _KINDS.items() if definition.startswith(word)), "")
    if kind == "exclusion":
        return kind, "EXCLUDE"
    head, (inside, rest) = definition.partition("(")[0], group(definition)
    if kind == "check":
        return kind, f"CHECK ({bare(normal(table, bare(inside)))})"
    if kind == "primary key":
        return kind, f"PRIMARY KEY ({_names(inside)})"
    if kind == "foreign key":
        target, after = group(rest)
        to = name_of(rest.partition("(")[0].replace("REFERENCES", "", 1))
        return (
            kind,
            f"FOREIGN KEY ({_names(inside)}) REFERENCES {to} ({_names(target)}){''.join(_ACTION.findall(after))}",
        )
    return _index(table, head, inside, rest, normal)


def _index(table: str, head: str, inside: str, rest: str, normal: Normal) -> tuple[str, str]:
    word = "UNIQUE" if head.startswith(("UNIQUE", "CREATE UNIQUE")) else "INDEX"
    method = re.search(r" USING (\w+)", head)
    using = f" USING {method[1]}" if method and method[1] != "btree" else ""
    include = f" INCLUDE ({_names(group(rest, rest.index(' INCLUDE '))[0])})" if " INCLUDE " in rest else ""
    where = f" WHERE {bare(normal(table, _condition(rest)))}" if _condition(rest) else ""
    keys = ", ".join(_key(table, each, normal) for each in parts(inside))
    return word.lower(), f"{word}{using} ({keys}){include}{where}"


def expressions(definition: str) -> Iterator[str]:
    """What of a definition must be brought into PostgreSQL's form."""
    if definition.startswith("CHECK"):
        yield bare(group(definition)[0])
    elif definition.startswith(("CREATE", "UNIQUE")):
        inside, rest = group(definition)
        keys = filter(None, map(_KEY.fullmatch, parts(inside)))
        yield from (bare(key["what"]) for key in keys if not _NAME.fullmatch(key["what"]))
        yield from filter(None, [_condition(rest)])


def _condition(rest: str) -> str:
    return bare(rest.partition(" WHERE ")[2].strip().removesuffix(";"))


def _key(table: str, text: str, normal: Normal) -> str:
    key = _KEY.fullmatch(text)
    if not key:
        return text
    what = name_of(key["what"]) if _NAME.fullmatch(key["what"]) else bare(normal(table, bare(key["what"])))
    order = " DESC" if key["order"] == " DESC" else ""
    usual = " NULLS FIRST" if order else " NULLS LAST"
    nulls = key["nulls"] if key["nulls"] and key["nulls"] != usual else ""
    return f"{what}{key['opclass'] or ''}{order}{nulls}"


def _names(text: str) -> str:
    return ", ".join(map(name_of, parts(text)))


def name_of(text: str) -> str:
    """An identifier, without the quotes that it may have."""
    text = text.strip()
    return text[1:-1].replace('""', '"') if _NAME.fullmatch(text) and text.startswith('"') else text


def group(text: str, start: int = 0) -> tuple[str, str]:
    """What stands in the first parentheses from there on, and what comes after. Raises ValueError without an end."""
    at = text.index("(", start)
    end = next((index for index, _, depth in _depths(text[at:]) if depth == 0), None)
    if end is None:
        raise ValueError(f"parentheses must have an end (got {text!r})")
    return text[at + 1 : at + end], text[at + end + 1 :]


def parts(text: str) -> list[str]:
    """What is between commas that stand in no parentheses and no quotes."""
    commas = [index for index, char, depth in _depths(text) if char == "," and depth == 0]
    bounds = [-1, *commas, len(text)]
    return [text[one + 1 : other].strip() for one, other in pairwise(bounds)]


def bare(text: str) -> str:
    """Without parentheses around all of it."""
    text = text.strip()
    while text.startswith("(") and not group(text)[1].strip():
        text = group(text)[0].strip()
    return text


def _depths(text: str) -> Iterator[tuple[int, str, int]]:
    """Index, character and depth in parentheses after it, of all that is in no quotes."""
    depth, quote = 0, ""
    for index, char in enumerate(text):
        if quote or char in "'\"":
            quote = "" if char == quote else quote or char
            continue
        depth += (char in "([") - (char in ")]")
        yield index, char, depth
