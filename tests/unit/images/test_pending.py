"""What an image would bring, told without a database: the script as it runs in an image, on a small project."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.program import ROOT

SETTINGS = """
import os
SECRET_KEY = open(os.environ["SECRET_KEY_FILE"]).read()
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
DATABASES = {"default": {"ENGINE": os.environ.get("ENGINE", "django.db.backends.postgresql"), "NAME": "nowhere"}}
DATABASES["default"]["HOST"] = "nowhere.invalid"
"""
HEAD = """
from django.contrib.postgres.operations import AddIndexConcurrently, TrigramExtension
from django.db import connection, migrations, models

def rows(apps, schema_editor):
    apps.get_model("shop", "Order").objects.count()

class Asks(migrations.operations.base.Operation):
    reduces_to_sql = True
    def state_forwards(self, app_label, state): ...
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    def describe(self): return "Asks the database"

class Migration(migrations.Migration):
"""
FIRST = """
    initial = True
    operations = [
        migrations.CreateModel("Order", [
            ("id", models.BigAutoField(primary_key=True)),
            ("note", models.CharField(max_length=20)),
            ("number", models.IntegerField(unique=True)),
            ("user", models.ForeignKey("auth.User", models.CASCADE)),
        ]),
    ]
    dependencies = [("auth", "0001_initial")]
"""
NEXT = 'dependencies = [("shop", "0001_initial")]'


class Project:
    """A folder with an app `shop`, whose migrations a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"DJANGO_SETTINGS_MODULE": "conf", "SECRET_KEY_FILE": str(folder / "key")}
        (folder / "conf.py").write_text(SETTINGS)
        (folder / "shop" / "migrations").mkdir(parents=True)
        for package in ("shop", "shop/migrations"):
            (folder / package / "__init__.py").touch()
        self.migrate("0001_initial", FIRST)

    def migrate(self, name: str, body: str) -> None:
        """Write a migration; a bare list of operations follows the first one."""
        whole = body if "    operations = " in body else f"    {NEXT}\n    operations = [{body}]\n"
        (self.folder / "shop" / "migrations" / f"{name}.py").write_text(HEAD + whole)

    def told(self, heads: Any, **environment: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(ROOT / "images" / "python" / "pending.py")],
            cwd=self.folder,
            env=os.environ | self.environment | environment,
            input=json.dumps({"heads": heads}),
            text=True,
            capture_output=True,
            check=True,
        )
        return dict(json.loads(done.stdout))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


HEADS = {"shop": "0001_initial", "auth": "0012_alter_user_first_name_max_length"}
HEADS |= {"contenttypes": "0002_remove_content_type_name"}


def test_everything_is_pending_on_an_empty_database(project: Project) -> None:
    """In the order in which it would run; nothing is a contraction of what nobody has used yet but Python."""
    told = project.told({})
    assert told["problem"] == ""
    labels = [each["label"] for each in told["migrations"]]
    assert labels[0] == "contenttypes.0001_initial"
    assert {"auth.0001_initial", "shop.0001_initial"} <= set(labels)
    assert {reason for each in told["migrations"] for reason in each["contractions"]} == {"RunPython"}


def test_nothing_is_pending_where_all_is_applied(project: Project) -> None:
    """And what is installed is told all the same."""
    told = project.told(HEADS)
    assert told["migrations"] == []
    assert told["packages"]["django"].startswith("5.2")


def test_packages_alone_are_told_without_the_project(project: Project) -> None:
    """Its settings need not even load."""
    (project.folder / "conf.py").write_text("raise RuntimeError")
    told = project.told(None)
    assert (told["problem"], told["migrations"]) == ("", [])
    assert "django" in told["packages"]


def test_the_sql_of_a_migration_is_told_by_operation(project: Project) -> None:
    """That of its index comes at the end, as Django puts it off."""
    project.migrate(
        "0002_tag", 'migrations.AddField("order", "tag", models.CharField(max_length=9, null=True, unique=True))'
    )
    [told] = project.told(HEADS)["migrations"]
    assert (told["label"], told["atomic"], told["contractions"], told["unknown"]) == ("shop.0002_tag", True, [], [])
    first, last = told["statements"][0], told["statements"][-1]
    assert first["sql"] == 'ALTER TABLE "shop_order" ADD COLUMN "tag" varchar(9) NULL UNIQUE;'
    assert first["of"] == "Add field tag to order"
    assert last["of"] == "at the end"
    assert last["sql"].startswith('CREATE INDEX "shop_order_tag_')


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ('migrations.AlterField("order", "note", models.CharField(max_length=20, help_text="x", default="y"))', ""),
        ('migrations.AlterField("order", "note", models.CharField(max_length=80))', ""),
        ('migrations.AlterField("order", "note", models.TextField())', ""),
        ('migrations.AlterField("order", "note", models.CharField(max_length=20, db_index=True))', ""),
        (
            'migrations.AlterField("order", "user", models.ForeignKey("auth.User", models.PROTECT, related_name="x"))',
            "",
        ),
        ('migrations.AlterField("order", "note", models.CharField(max_length=9))', "AlterField order"),
        ('migrations.AlterField("order", "note", models.CharField(max_length=20, null=True))', "AlterField order"),
        ('migrations.AlterField("order", "note", models.CharField(max_length=20, unique=True))', "AlterField order"),
        ('migrations.AlterField("order", "note", models.CharField(max_length=20, db_column="n"))', "AlterField order"),
        ('migrations.AlterField("order", "number", models.BigIntegerField(unique=True))', "AlterField order"),
        ('migrations.AlterField("order", "number", models.PositiveIntegerField(unique=True))', "AlterField order"),
        (
            'migrations.AlterField("order", "user", models.OneToOneField("auth.User", models.CASCADE))',
            "AlterField order",
        ),
        ('migrations.RemoveField("order", "note")', "RemoveField order"),
        (
            'migrations.AddField("order", "a", models.IntegerField(default=1))',
            "AddField order.a without a database default",
        ),
        ('migrations.AddField("order", "a", models.IntegerField(db_default=1))', ""),
        ("TrigramExtension()", ""),
        ("migrations.RunPython(rows)", "RunPython"),
        ("migrations.RunPython(rows, elidable=True)", ""),
    ],
)
def test_what_the_running_code_may_not_survive_is_told(project: Project, operation: str, reason: str) -> None:
    """By the rule of the step that migrates, which here knows what a field was before."""
    project.migrate("0002_more", operation)
    [told] = project.told(HEADS)["migrations"]
    assert told["contractions"] == ([reason] if reason else [])


def test_a_wider_column_is_told_apart_from_another_type(project: Project) -> None:
    """The SQL of both looks alike."""
    wide = 'migrations.AlterField("order", "note", models.CharField(max_length=80)),'
    project.migrate("0002_more", f'{wide} migrations.AlterField("order", "note", models.CharField(max_length=8))')
    [told] = project.told(HEADS)["migrations"]
    assert [(each["sql"][-12:], each["widens"]) for each in told["statements"]] == [
        ("varchar(80);", True),
        (" varchar(8);", False),
    ]


def test_what_only_a_database_knows_is_told(project: Project) -> None:
    """Python, what is within another operation, and what asks. All else of the migration is told."""
    within = "migrations.SeparateDatabaseAndState(database_operations=[migrations.RunPython(rows)])"
    plain = 'migrations.RunSQL("SELECT 1; -- one\\nSELECT 2")'
    project.migrate("0002_more", f"migrations.RunPython(rows), {within}, Asks(), {plain}")
    [told] = project.told(HEADS)["migrations"]
    assert told["unknown"] == [
        "Raw Python operation",
        "Custom state/database change combination",
        "Asks the database",
    ]
    assert [each["sql"] for each in told["statements"]] == ["SELECT 1; -- one", "SELECT 2;"]


def test_constraints_whose_names_only_the_database_knows_have_a_stand_in(project: Project) -> None:
    """Dropping a foreign key or a unique column asks for them."""
    project.migrate("0002_more", 'migrations.RemoveField("order", "user")')
    [told] = project.told(HEADS)["migrations"]
    sql = " ".join(each["sql"] for each in told["statements"])
    assert 'DROP CONSTRAINT "shop_order_user_id_as_named_there"' in sql
    assert 'DROP COLUMN "user_id" CASCADE' in sql


def test_waivers_are_told_with_their_reasons(project: Project) -> None:
    """As the author of a migration has written them into it."""
    body = f'    {NEXT}\n    atomic = False\n    waivers = {{"review.W013": "forty rows"}}\n'
    index = 'AddIndexConcurrently("order", models.Index(fields=["note"], name="by_note"))'
    project.migrate("0002_more", f"{body}    operations = [{index}]\n")
    [told] = project.told(HEADS)["migrations"]
    assert (told["waivers"], told["atomic"]) == ({"review.W013": "forty rows"}, False)
    assert told["statements"][0]["sql"] == 'CREATE INDEX CONCURRENTLY "by_note" ON "shop_order" ("note");'


def test_a_branch_that_was_merged_later_is_pending(project: Project) -> None:
    """Although its name comes before that of the database's last one."""
    project.migrate("0003_applied", 'migrations.AddField("order", "a", models.IntegerField(null=True))')
    project.migrate("0002_later", 'migrations.AddField("order", "b", models.IntegerField(null=True))')
    merge = 'dependencies = [("shop", "0002_later"), ("shop", "0003_applied")]'
    project.migrate("0004_merge", f"    {merge}\n    operations = []\n")
    told = project.told({**HEADS, "shop": "0003_applied"})
    assert [each["label"] for each in told["migrations"]] == ["shop.0002_later", "shop.0004_merge"]


def test_a_squashed_migration_is_done_when_all_that_it_stands_for_is(project: Project) -> None:
    """And the other way round."""
    field = 'migrations.AddField("order", "a", models.IntegerField(null=True))'
    project.migrate("0002_a", field)
    squashed = f'    replaces = [("shop", "0002_a")]\n    {NEXT}\n    operations = [{field}]\n'
    project.migrate("0002_squashed", squashed)
    for head in ("0002_a", "0002_squashed"):
        assert project.told({**HEADS, "shop": head})["migrations"] == []
    [told] = project.told(HEADS)["migrations"]
    assert told["label"] == "shop.0002_squashed"


def test_a_database_that_is_ahead_is_told(project: Project) -> None:
    """An app that is gone is not ahead of anything."""
    told = project.told({**HEADS, "shop": "0009_newer", "gone": "0001_initial"})
    assert told["ahead"] == ["shop.0009_newer"]
    assert told["migrations"] == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("INSTALLED_APPS = ['nothing.of.that.name']", "ModuleNotFoundError: No module named 'nothing'"),
        ("import django.db; django.db.connection.cursor()", "ImproperlyConfigured"),
    ],
)
def test_a_project_that_does_not_load_says_why(project: Project, settings: str, problem: str) -> None:
    """Its packages are told all the same."""
    (project.folder / "conf.py").write_text(settings)
    told = project.told(HEADS)
    assert problem in told["problem"]
    assert told["packages"]


def test_another_database_is_refused(project: Project) -> None:
    """Its SQL and its locks are others."""
    told = project.told(HEADS, ENGINE="django.db.backends.sqlite3")
    assert told["problem"] == "the site's database must be PostgreSQL (got sqlite)"


def test_settings_find_a_stand_in_where_a_secret_would_be(project: Project) -> None:
    """So nothing secret is needed to read migrations."""
    assert project.told(HEADS)["problem"] == ""
    assert len((project.folder / "key").read_text()) >= 48
