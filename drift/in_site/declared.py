"""A table as Django would make it for a model. Types, expressions and definitions are as Django writes them."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from definition import name_of

MadeBySql = Callable[..., bool]

_SERIAL = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}
"""What identity columns were in former versions of Django."""
_CONSTRAINT = re.compile(r'ALTER TABLE .+? ADD CONSTRAINT ("(?:[^"]|"")+"|\S+) (.*)', re.DOTALL)
_INDEX = re.compile(r'(CREATE (?:UNIQUE )?INDEX) (?:CONCURRENTLY )?("(?:[^"]|"")+"|\S+)( ON .*)', re.DOTALL)


def table(model: Any, editor: Any, by_sql: MadeBySql) -> dict[str, Any]:
    """Columns by name, and indexes and constraints, each with the statement that makes it."""
    meta = model._meta  # noqa: SLF001 - Django's own word for it
    fields = [each for each in meta.local_concrete_fields if each.column and each.db_type(editor.connection)]
    made = [*_of_fields(meta, fields, editor), *_beside(model, editor)]
    return {
        "columns": {
            each.column: _column(each, editor) | _marked(by_sql(meta.db_table, each.column)) for each in fields
        },
        "objects": [
            {"name": name, "definition": definition, "sql": sql}
            | _marked(by_sql(name) if name else by_sql(meta.db_table, *columns))
            for name, definition, sql, columns in made
        ],
    }


def _marked(by_sql: bool) -> dict[str, bool]:
    return {"by_sql": by_sql}


def _column(field: Any, editor: Any) -> dict[str, Any]:
    connection = editor.connection
    base, space, rest = field.db_parameters(connection=connection)["type"].partition(" ")
    generated = getattr(field, "generated", False)
    defaults = getattr(field, "has_db_default", None)
    return {
        "type": f"{_SERIAL.get(base, base)}{space}{rest}",
        "null": bool(generated or (field.null and not field.primary_key)),
        "default": _composed(connection, *editor.db_default_sql(field)) if defaults and defaults() else "",
        "generated": _composed(connection, *field.generated_sql(connection)) if generated else "",
        "identity": bool(field.db_type_suffix(connection=connection)) or base in _SERIAL,
    }


def _composed(connection: Any, sql: str, parameters: Any) -> str:
    return str(connection.ops.compose_sql(sql, parameters) if parameters else sql)


Made = tuple[str, str, str, list[str]]
"""Name, definition, statement, columns."""


def _of_fields(meta: Any, fields: Iterable[Any], editor: Any) -> Iterator[Made]:
    """What Django writes beside a column, and PostgreSQL gives a name."""
    quoted = editor.quote_name
    composite = list(getattr(meta.pk, "columns", ())) if meta.pk else []
    wanted = [([each.column], "PRIMARY KEY" if each.primary_key else "UNIQUE") for each in fields if each.unique]
    wanted += [(composite, "PRIMARY KEY")] if len(composite) > 1 else []
    made = [(columns, f"{word} ({', '.join(map(quoted, columns))})") for columns, word in wanted]
    checks = ((each, each.db_parameters(connection=editor.connection).get("check")) for each in fields)
    made += [([each.column], f"CHECK ({check})") for each, check in checks if check]
    for columns, definition in made:
        yield "", definition, f"ALTER TABLE {quoted(meta.db_table)} ADD {definition}", columns


def _beside(model: Any, editor: Any) -> Iterator[Made]:
    """Foreign keys, indexes, and what the model's Meta has."""
    editor.deferred_sql = []
    editor.table_sql(model)
    meta = model._meta  # noqa: SLF001
    told = [*editor.deferred_sql, *editor._model_indexes_sql(model)]  # noqa: SLF001 - as it makes a table
    told += [each.create_sql(model, editor) for each in meta.constraints]
    for sql in dict.fromkeys(str(each).strip() for each in told if each):
        if constraint := _CONSTRAINT.fullmatch(sql):
            yield name_of(constraint[1]), constraint[2], sql, []
        elif index := _INDEX.fullmatch(sql):
            yield name_of(index[2]), f"{index[1]} {index[2]}{index[3]}", sql, []
