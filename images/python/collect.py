"""The last step of a project's image: its static files are collected, and its migrations listed.

In one process, as what takes the time is to import the project. The list, `app.name` of each as a JSON list, tells a
deployment whether replicas have to wait for migrations. There is none where it cannot be made without a database.
"""

import contextlib
import json
import runpy
import sys
from pathlib import Path

MIGRATIONS = Path("/srv/build/migrations.json")


def collect_static() -> None:
    """`python manage.py collectstatic`. Fails as that does."""
    sys.path[0] = str(Path.cwd())  # the project's modules, and none of the stack's
    sys.argv = ["manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    runpy.run_path("manage.py", run_name="__main__")


def list_migrations(file: Path = MIGRATIONS) -> None:
    """Write down which migrations the project has, those of its packages included."""
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415 - Django is the project's

    loader = MigrationLoader(None, ignore_no_migrations=True)
    file.write_text(json.dumps(sorted(f"{app}.{name}" for app, name in loader.disk_migrations)))


def main() -> None:
    collect_static()
    with contextlib.suppress(Exception):  # whatever a project's migration raises is told where it is to be applied
        list_migrations()


if __name__ == "__main__":
    main()
