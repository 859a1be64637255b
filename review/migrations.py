"""What an image would do to the database, as images/python/pending.py tells it, and what a linter says of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from review.errors import ReviewInputError

BREAKING = ("AddField", "AlterModelTable", "DeleteModel", "RemoveField", "RenameField", "RenameModel")
"""Contractions that the running code is sure to meet; of the others only its own code can tell."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """SQL that would run."""

    sql: str
    of: str
    """The operation that it belongs to, in words."""
    widens: bool = False
    """It alters a column that takes all that it took, and whose rows stay as they are."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One that the database lacks."""

    label: str
    atomic: bool = True
    contractions: tuple[str, ...] = ()
    """Why the code that runs now may not run after it."""
    waivers: Mapping[str, str] = field(default_factory=dict)
    """Rule to the reason why it does not matter here, as its author wrote it into the migration."""
    statements: tuple[Statement, ...] = ()
    unknown: tuple[str, ...] = ()
    """Operations whose SQL only a database knows, and Python code."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """All that an image told of itself."""

    packages: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    """Why it could not tell its migrations; empty if it could."""
    ahead: tuple[str, ...] = ()
    """Migrations of the database that are newer than the image."""
    migrations: tuple[Migration, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """What is wrong with one statement."""

    migration: int
    """Which of the pending ones."""
    id: str
    words: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Linted:
    """Pending migrations and what the linter found in each of their statements."""

    pending: Pending
    flaws: Sequence[Flaw] | None = None
    """None when there was no linter."""

    def found(self, rule: str) -> Iterator[tuple[Migration, str, str]]:
        """Migration, words and SQL of all that has been found under the id of a rule."""
        for flaw in self.flaws or ():
            if flaw.id == rule:
                yield self.pending.migrations[flaw.migration], flaw.words, flaw.sql


def read(text: str) -> Pending:
    """The JSON of images/python/pending.py. Raises ReviewInputError."""
    try:
        content = json.loads(text.strip().splitlines()[-1])
        return Pending(
            packages={str(name): str(version) for name, version in content["packages"].items()},
            problem=str(content["problem"]),
            ahead=tuple(map(str, content.get("ahead") or ())),
            migrations=tuple(
                Migration(
                    label=str(each["label"]),
                    atomic=bool(each["atomic"]),
                    contractions=tuple(map(str, each["contractions"])),
                    waivers={str(rule): str(why).strip() for rule, why in each["waivers"].items()},
                    statements=tuple(Statement(**statement) for statement in each["statements"]),
                    unknown=tuple(map(str, each["unknown"])),
                )
                for each in content["migrations"]
            ),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ReviewInputError(
            f"image: must tell its packages and migrations (got {type(error).__name__}: {error})."
            " Build it with this version of the project."
        ) from None


def is_breaking(contraction: str) -> bool:
    """The running code is sure to meet it."""
    return contraction.startswith(BREAKING)
