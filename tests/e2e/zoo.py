"""A Django project with a field, an index and a constraint of every kind, and a database of its own to migrate."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drift import schema
from drift.finding import Finding
from drift.inside import BOOT, scripts

SETTINGS = """
SECRET_KEY = "x" * 50
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.flatpages",
    "django.contrib.messages", "django.contrib.postgres", "django.contrib.redirects", "django.contrib.sessions",
    "django.contrib.sites", "zoo",
]
import os
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "zoo", "USER": "zoo", "PASSWORD": "zoo",
    "HOST": os.environ["ZOO_HOST"]}}
AUTH_USER_MODEL = "zoo.Keeper"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

MODELS = """
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

class Keeper(AbstractBaseUser, PermissionsMixin):
    username = models.CharField(max_length=50, unique=True)
    USERNAME_FIELD = "username"
    objects = BaseUserManager()
"""

FIRST = """
import django.contrib.auth.models
import django.contrib.postgres.fields as pg
import django.contrib.postgres.indexes as pgi
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.operations import BtreeGistExtension, CITextExtension
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now, Upper

class Migration(migrations.Migration):
    initial = True
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        BtreeGistExtension(),
        migrations.CreateModel("Keeper", [
            ("id", models.AutoField(primary_key=True)),
            ("password", models.CharField(max_length=128)),
            ("last_login", models.DateTimeField(null=True)),
            ("is_superuser", models.BooleanField(default=False)),
            ("username", models.CharField(max_length=50, unique=True)),
            ("groups", models.ManyToManyField("auth.Group")),
            ("user_permissions", models.ManyToManyField("auth.Permission")),
        ], options={"swappable": "AUTH_USER_MODEL"}),
        migrations.CreateModel("House", [
            ("code", models.CharField(max_length=8, primary_key=True)),
            ("name", models.TextField(unique=True, db_index=True)),
            ("slug", models.SlugField()),
            ("old", models.CharField(max_length=20, default="x")),
        ]),
        migrations.CreateModel("Animal", [
            ("id", models.UUIDField(primary_key=True)),
            ("house", models.ForeignKey("zoo.House", models.CASCADE, related_name="+")),
            ("loose", models.ForeignKey("zoo.House", models.CASCADE, db_constraint=False, db_index=False, null=True)),
            ("mother", models.OneToOneField("self", models.SET_NULL, null=True)),
            ("kin", models.ManyToManyField("self")),
            ("name", models.CharField(max_length=30, db_default="it's 5% \\\\ \\"x\\"")),
            ("legs", models.PositiveSmallIntegerField(db_default=4)),
            ("debt", models.IntegerField(db_default=-5)),
            ("weight", models.DecimalField(max_digits=9, decimal_places=2, db_default=1)),
            ("size", models.FloatField(db_default=1e5)),
            ("tame", models.BooleanField(db_default=True)),
            ("born", models.DateTimeField(db_default=Now())),
            ("day", models.DateField(null=True)),
            ("hour", models.TimeField(null=True)),
            ("span", models.DurationField(null=True)),
            ("blob", models.BinaryField(null=True)),
            ("address", models.GenericIPAddressField(null=True)),
            ("data", models.JSONField(db_default={"a": [1]})),
            ("tags", pg.ArrayField(models.CharField(max_length=9), null=True, db_index=True)),
            ("range", pg.IntegerRangeField(null=True)),
            ("search", SearchVectorField(null=True)),
            ("shout", models.GeneratedField(
                expression=Upper("name"), output_field=models.CharField(max_length=30), db_persist=True)),
            ("total", models.GeneratedField(
                expression=F("legs") * 2 + F("debt"), output_field=models.IntegerField(), db_persist=True)),
        ]),
        migrations.CreateModel("Pair", [
            ("pk", models.CompositePrimaryKey("one", "two")),
            ("one", models.IntegerField()),
            ("two", models.BigIntegerField()),
            ("order", models.SmallIntegerField(db_column="Order By", db_index=True)),
        ], options={"db_table": "Zoo Pairs"}),
        migrations.CreateModel("Elsewhere", [("id", models.AutoField(primary_key=True))], options={"managed": False}),
        migrations.CreateModel("Proxy", [], options={"proxy": True}, bases=("zoo.House",)),
        migrations.CreateModel("Stable", [
            ("house_ptr", models.OneToOneField("zoo.House", models.CASCADE, parent_link=True, primary_key=True)),
            ("number", models.PositiveIntegerField()),
        ], bases=("zoo.house",)),
    ]
"""

NEXT = """
import django.contrib.postgres.fields as pg
import django.contrib.postgres.indexes as pgi
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.indexes import OpClass
from django.db import migrations, models
from django.db.models import F, Q, Deferrable, Value
from django.db.models.functions import Lower, Upper, Coalesce

def rows(apps, schema_editor):
    schema_editor.execute("CREATE INDEX IF NOT EXISTS made_in_python ON zoo_animal (hour)")

def index(*fields, kind=models.Index, **options):
    return migrations.AddIndex("animal", kind(*([] if isinstance(fields[0], str) else fields),
        **({"fields": list(fields)} if isinstance(fields[0], str) else {}), **options))

def constraint(each):
    return migrations.AddConstraint("animal", each)

class Migration(migrations.Migration):
    dependencies = [("zoo", "0001_initial")]
    operations = [
        index("name", "-born", name="two_ways"),
        index("name", name="pattern", opclasses=["varchar_pattern_ops"]),
        index("legs", name="partial", condition=Q(name__startswith="a%") & Q(legs__in=[1, 2]) | Q(day__isnull=True)),
        index("legs", name="covering", include=["name", "born"]),
        index(Lower("name").desc(nulls_last=True), F("legs"), name="by_expression"),
        index(OpClass(Upper("name"), name="text_pattern_ops"), name="by_opclass"),
        index(Coalesce("day", Value(None), output_field=models.DateField()), name="by_value"),
        index("data", kind=pgi.GinIndex, name="gin"),
        index("data", kind=pgi.GinIndex, name="gin_ops", opclasses=["jsonb_path_ops"]),
        index("born", kind=pgi.BrinIndex, name="brin", pages_per_range=4),
        index("name", kind=pgi.HashIndex, name="hash"),
        index("range", kind=pgi.GistIndex, name="gist"),
        constraint(models.UniqueConstraint(fields=["name", "legs"], name="u_plain")),
        constraint(models.UniqueConstraint(fields=["name"], name="u_late", deferrable=Deferrable.DEFERRED)),
        constraint(models.UniqueConstraint(fields=["debt"], name="u_where", condition=Q(tame=True, debt__gt=-600))),
        constraint(models.UniqueConstraint(Lower("name"), "legs", name="u_lower")),
        constraint(models.UniqueConstraint(fields=["size"], name="u_include", include=["legs"])),
        constraint(models.UniqueConstraint(fields=["day"], name="u_nulls", nulls_distinct=False)),
        constraint(models.CheckConstraint(condition=Q(legs__range=(0, 100)), name="c_range")),
        constraint(models.CheckConstraint(condition=Q(name__in=["b'c", "d%"]) | Q(debt__lt=F("legs")), name="c_in")),
        constraint(models.CheckConstraint(condition=~Q(name="") & Q(weight__gte="1.50"), name="c_not")),
        constraint(models.CheckConstraint(condition=Q(born__gt="2020-01-01T00:00:00Z"), name="c_date")),
        constraint(models.CheckConstraint(condition=Q(name__regex=r"^\\w+$", data__has_key="a"), name="c_regex")),
        constraint(ExclusionConstraint(name="x_range", expressions=[("range", "&&"), ("legs", "=")])),
        migrations.AlterUniqueTogether("house", {("slug", "old")}),
        migrations.RenameField("house", "old", "new"),
        migrations.AlterField("house", "new", models.CharField(max_length=40, null=True, db_index=True)),
        migrations.AlterField("house", "slug", models.CharField(max_length=10)),
        migrations.AddField("house", "keeper", models.ForeignKey("zoo.Keeper", models.PROTECT, null=True)),
        migrations.AddField("house", "level", models.IntegerField(default=3)),
        migrations.RenameModel("Stable", "Barn"),
        migrations.AlterModelTable("barn", "zoo_barns"),
        migrations.AlterField("keeper", "id", models.BigAutoField(primary_key=True)),
        migrations.RenameIndex("animal", old_name="two_ways", new_name="both_ways"),
        migrations.RunSQL("ALTER TABLE zoo_house ADD COLUMN made_by_sql tsvector; CREATE INDEX ON zoo_house (level)"),
        migrations.RunSQL("ALTER TABLE zoo_house ALTER COLUMN level SET DEFAULT 7"),
        migrations.RunSQL("CREATE VIEW zoo_view AS SELECT code FROM zoo_house; CREATE TABLE of_no_app (id int)"),
        migrations.RunPython(rows),
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.CreateModel("View", [("code", models.CharField(max_length=8, primary_key=True))],
                options={"db_table": "zoo_view"}),
            migrations.AddField("animal", "only_in_state", models.IntegerField(null=True)),
        ]),
        migrations.SeparateDatabaseAndState(database_operations=[
            migrations.AddField("animal", "only_in_database", models.IntegerField(null=True)),
        ]),
    ]
"""


@dataclass(frozen=True, kw_only=True)
class Zoo:
    """The project, and the server with its database."""

    folder: Path
    server: str
    """The container."""

    def psql(self, database: str, *statements: str) -> str:
        words = [
            "docker",
            "exec",
            self.server,
            "psql",
            "-XqAt",
            "-h",
            "/run/postgresql",
            "-U",
            "postgres",
            "-d",
            database,
        ]
        words += [word for each in statements for word in ("-v", "ON_ERROR_STOP=1", "-c", each)]
        return subprocess.run(words, text=True, capture_output=True, timeout=60, check=True).stdout.strip()

    def make(self) -> None:
        """Write the project; make role and database; migrate."""
        package = self.folder / "zoo" / "migrations"
        package.mkdir(parents=True)
        for folder in (package, package.parent):
            (folder / "__init__.py").touch()
        (self.folder / "conf.py").write_text(SETTINGS)
        (package.parent / "models.py").write_text(MODELS)
        (package / "0001_initial.py").write_text(FIRST)
        (package / "0002_next.py").write_text(NEXT)
        self.remove()
        self.psql("postgres", "CREATE ROLE zoo LOGIN PASSWORD 'zoo'", "CREATE DATABASE zoo OWNER zoo")
        self.psql("zoo", "CREATE EXTENSION btree_gist")
        done = self._python("-m", "django", "migrate", "--skip-checks")
        assert done.returncode == 0, done.stderr[-3000:]

    def keep(self) -> None:
        """A copy of the database, to put back."""
        self.psql("postgres", "DROP DATABASE IF EXISTS kept", "CREATE DATABASE kept TEMPLATE zoo OWNER zoo")

    def put_back(self) -> None:
        self.psql("postgres", "DROP DATABASE zoo WITH (FORCE)", "ALTER DATABASE kept RENAME TO zoo")

    def remove(self) -> None:
        self.psql("postgres", "DROP DATABASE IF EXISTS zoo WITH (FORCE)")
        self.psql("postgres", "DROP DATABASE IF EXISTS kept WITH (FORCE)", "DROP ROLE IF EXISTS zoo")

    def look(self) -> tuple[list[Finding], list[str]]:
        """Findings and notes about the database as it is."""
        done = self._python("-c", BOOT, stdin=scripts())
        assert done.returncode == 0, done.stderr[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout)
        assert answer["problem"] == ""
        return list(schema.findings(answer)), list(schema.notes(answer))

    def _python(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        command = ["docker", "inspect", f"--format={address}", self.server]
        host = subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "conf", "ZOO_HOST": host, "PYTHONPATH": str(self.folder)}
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=environment,
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
        )
