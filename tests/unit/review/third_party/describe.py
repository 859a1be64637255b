"""Run by the environment of requirements.txt: every migration of its projects as JSON, told as a review has them told.

Each is described as on a database that has all before it and nothing of its own release.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "images" / "python"))
import django
import pending
from django.conf import settings
from django.utils import timezone

APPS = (
    *("allauth", "allauth.account", "allauth.mfa", "allauth.socialaccount", "allauth.usersessions", "axes"),
    *("django_celery_beat", "django_celery_results", "django_otp", "django_otp.plugins.otp_static"),
    *("django_otp.plugins.otp_totp", "easy_thumbnails", "guardian", "oauth2_provider", "rest_framework"),
    *("rest_framework.authtoken", "reversion", "taggit", "waffle"),
)
NEEDED = ("admin", "auth", "contenttypes", "messages", "sessions", "sites")


def main() -> None:
    settings.configure(
        SECRET_KEY="of a test",
        INSTALLED_APPS=[*(f"django.contrib.{name}" for name in NEEDED), *APPS],
        MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"],
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "nowhere.invalid", "NAME": "site"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    timezone.now = lambda: datetime(2026, 1, 1, tzinfo=UTC)  # some columns have the present time as their default
    django.setup()
    from django.db import connection  # noqa: PLC0415 - once Django is set up
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415
    from django.db.migrations.recorder import MigrationRecorder  # noqa: PLC0415

    pending.without_database(connection)
    MigrationRecorder.applied_migrations = lambda _: {}
    executor = MigrationExecutor(connection)
    state = executor._create_project_state()
    told = []
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True):
        if migration.__module__.startswith("django.contrib."):
            state = migration.mutate_state(state, preserve=False)
        else:
            told.append(pending.described(migration, state, connection, set()))
    json.dump({"packages": pending.packages(), "migrations": told}, sys.stdout)


if __name__ == "__main__":
    main()
