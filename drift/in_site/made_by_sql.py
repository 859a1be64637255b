"""What migrations do by SQL or Python of their own, of which Django's state knows nothing: its words."""

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

_CHANGES = re.compile(r"\b(alter|create|drop|execute)\b", re.IGNORECASE)

Tables = Mapping[tuple[str, str], str]
"""Table names of models, by app and lower-case name."""


class MadeBySql:
    """Says of names whether a migration may have made or changed what they stand for."""

    def __init__(self, migrations: Iterable[Any], tables: Tables) -> None:
        texts = (
            text for each in migrations for operation in each.operations for text in _texts(operation, each, tables)
        )
        self._words = [frozenset(re.findall(r"[\w$]+", text.lower())) for text in texts]

    def __call__(self, *names: str) -> bool:
        """Whether one statement or source has all these names."""
        wanted = {name.lower() for name in names}
        return any(wanted <= words for words in self._words)


def _texts(operation: Any, migration: Any, tables: Tables) -> Iterator[str]:
    """Statements that change a schema, and the source of what may run some."""
    kind = type(operation)
    if kind.__name__ == "SeparateDatabaseAndState":  # the state knows one half, the database the other
        for each in (*operation.database_operations, *operation.state_operations):
            yield from _texts(each, migration, tables)
            yield _named(each, migration.app_label, tables)
    elif kind.__name__ == "RunSQL":
        given = operation.sql if isinstance(operation.sql, list | tuple) else [operation.sql]
        statements = (part for each in given for part in (each if isinstance(each, str) else each[0]).split(";"))
        yield from filter(_CHANGES.search, statements)
    elif kind.__name__ == "RunPython" or not kind.__module__.startswith("django."):
        modules = (inspect.getmodule(getattr(operation, "code", kind)), sys.modules[type(migration).__module__])
        sources = (_source(each) for each in modules if each and not each.__name__.startswith("django."))
        yield from filter(_CHANGES.search, sources)


def _source(module: ModuleType) -> str:
    """Without the migration itself: what that names is in the state."""
    nodes = ast.parse(inspect.getsource(module)).body
    return "\n".join(ast.unparse(each) for each in nodes if getattr(each, "name", "") != "Migration")


def _named(operation: Any, app: str, tables: Tables) -> str:
    """Whatever an operation of Django's names, and the table and the column that it is about."""
    model = str(getattr(operation, "model_name", "") or getattr(operation, "name", "")).lower()
    table = tables.get((app, model), f"{app}_{model}")
    return f"{operation.deconstruct()} {table} {getattr(operation, 'name', '')}_id"
