"""What runs in the site's image: definitions in one form, and what migrations do by SQL of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from drift.inside import BOOT, scripts
from tests.unit.program import ROOT

sys.path.insert(0, str(ROOT / "drift" / "in_site"))

from definition import bare, canonical, expressions, group, name_of, parts


def same(_: str, expression: str) -> str:
    return expression


@pytest.mark.parametrize(
    ("one", "other", "form"),
    [
        (
            'CREATE INDEX "by_at" ON "shop_order" ("at" DESC)',
            "CREATE INDEX by_at ON public.shop_order USING btree (at DESC)",
            ("index", "INDEX (at DESC)"),
        ),
        (
            'CREATE INDEX CONCURRENTLY "x" ON "t" USING gin ("a" jsonb_path_ops, "B" ASC NULLS LAST)',
            'CREATE INDEX x ON ONLY public.t USING gin (a jsonb_path_ops, "B")',
            ("index", "INDEX USING gin (a jsonb_path_ops, B)"),
        ),
        (
            'CREATE UNIQUE INDEX "u" ON "t" ("a") INCLUDE ("b", "c") WHERE ("d" IS NULL)',
            'CREATE UNIQUE INDEX u ON public.t USING btree (a) INCLUDE (b, c) WHERE ("d" IS NULL)',
            ("unique", 'UNIQUE (a) INCLUDE (b, c) WHERE "d" IS NULL'),
        ),
        (
            'UNIQUE NULLS NOT DISTINCT ("a", "b") DEFERRABLE INITIALLY DEFERRED',
            "UNIQUE (a, b)",
            ("unique", "UNIQUE (a, b)"),
        ),
        (
            'CREATE INDEX "x" ON "t" ((lower("a")) DESC NULLS LAST, (f("b", \'),(\')) text_pattern_ops)',
            'CREATE INDEX x ON t USING btree (lower("a") DESC NULLS LAST, f("b", \'),(\') text_pattern_ops)',
            ("index", 'INDEX (lower("a") DESC NULLS LAST, f("b", \'),(\') text_pattern_ops)'),
        ),
        (
            'FOREIGN KEY ("a_id") REFERENCES "t" ("id") DEFERRABLE INITIALLY DEFERRED',
            "FOREIGN KEY (a_id) REFERENCES t(id)",
            ("foreign key", "FOREIGN KEY (a_id) REFERENCES t (id)"),
        ),
        ('CHECK (("a" > 0))', 'CHECK ("a" > 0) NOT VALID', ("check", 'CHECK ("a" > 0)')),
        ('PRIMARY KEY ("a", "b c")', 'PRIMARY KEY (a, "b c")', ("primary key", "PRIMARY KEY (a, b c)")),
    ],
)
def test_django_and_postgresql_mean_the_same(one: str, other: str, form: tuple[str, str]) -> None:
    """Quotes, parentheses, defaults and what only matters while a statement runs make no difference."""
    assert canonical("t", one, same) == canonical("t", other, same) == form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE INDEX x ON t (a)", "CREATE INDEX x ON t (a DESC)"),
        ("CREATE INDEX x ON t (a)", "CREATE UNIQUE INDEX x ON t (a)"),
        ("CREATE INDEX x ON t (a)", "CREATE INDEX x ON t (a varchar_pattern_ops)"),
        ("CREATE INDEX x ON t (a)", "CREATE INDEX x ON t (a) WHERE (b)"),
        ("CREATE INDEX x ON t (a, b)", "CREATE INDEX x ON t (b, a)"),
        ("FOREIGN KEY (a) REFERENCES t(id)", "FOREIGN KEY (a) REFERENCES t(id) ON DELETE CASCADE"),
        ("FOREIGN KEY (a) REFERENCES t(id)", "FOREIGN KEY (a) REFERENCES u(id)"),
    ],
)
def test_what_differs_is_told_apart(one: str, other: str) -> None:
    """In what it does, not in how it is written."""
    assert canonical("t", one, same) != canonical("t", other, same)


def test_every_expression_of_a_definition_is_found() -> None:
    """Names of columns are none."""
    sql = """CREATE INDEX x ON t USING btree (a, lower(b) DESC, ((c || 'x, y)'))) WHERE (d > 1)"""
    assert list(expressions(sql)) == ["lower(b)", "c || 'x, y)'", "d > 1"]
    assert list(expressions("CHECK (((a > 0)))")) == ["a > 0"]
    assert list(expressions("FOREIGN KEY (a) REFERENCES t(id)")) == []


def test_parentheses_and_commas_in_quotes_are_letters() -> None:
    """As in names and texts."""
    assert group("""f('(' || "a)b") rest""") == ("""'(' || "a)b\"""", " rest")
    assert parts("""a, f(b, c), 'd, e', "f,g\"""") == ["a", "f(b, c)", "'d, e'", '"f,g"']
    assert (bare("((a) + (b))"), bare("(a) + (b)")) == ("(a) + (b)", "(a) + (b)")
    assert (name_of('"a""b"'), name_of("a")) == ('a"b', "a")
    with pytest.raises(ValueError, match="parentheses must have an end"):
        group("(a")


MIGRATION = """
from django.db import migrations, models

def helper(schema_editor):
    schema_editor.execute("ALTER TABLE shop_order ADD COLUMN by_python int")

def rows(apps, schema_editor):
    helper(schema_editor)

class Migration(migrations.Migration):
    operations = [
        migrations.RunSQL(["CREATE INDEX by_sql ON shop_order (at)", ("UPDATE shop_order SET at = %s", [1])]),
        migrations.RunPython(rows),
        migrations.AddField("order", "plain", models.TextField()),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddField("order", "in_state", models.TextField())]),
    ]
"""
ASK = """
import sys
sys.path.insert(0, {folder!r})
import written
from made_by_sql import MadeBySql
by_sql = MadeBySql([written.Migration("0002_x", "shop")], {{("shop", "order"): "shop_order"}})
print(*(by_sql(*names.split()) for names in sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("by_sql", True),
        ("shop_order at", True),
        ("by_python", True),
        ("shop_order in_state", True),
        ("plain", False),
        ("by_sql by_python", False),
    ],
)
def test_what_a_migration_does_by_itself_is_known_by_its_words(names: str, told: bool, tmp_path: Path) -> None:
    """Statements, functions beside the migration, and halves that the state or the database does not know."""
    (tmp_path / "written.py").write_text(MIGRATION)
    script = ASK.format(folder=str(ROOT / "drift" / "in_site"))
    command = [sys.executable, "-c", script, names]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == str(told)


def test_a_site_that_does_not_load_says_why(tmp_path: Path) -> None:
    """In one line, whatever the project prints."""
    (tmp_path / "conf.py").write_text("print('hello')\nraise RuntimeError('no licence')")
    done = subprocess.run(
        [sys.executable, "-c", BOOT],
        cwd=tmp_path,
        env={"DJANGO_SETTINGS_MODULE": "conf", "PATH": ""},
        input=scripts(),
        text=True,
        capture_output=True,
        check=True,
    )
    assert done.stdout == ('{"problem": "RuntimeError: no licence", "ahead": [], "strange": [], "tables": {}}\n')
