"""The sample site, built once for all tests in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sample.hosted import ROLE, Site, postgresql, virtual_environment

PASSWORD = "a password, with spaces"


@pytest.fixture(scope="session")
def unbuilt_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site as it is while its image is built: no secrets and no database."""
    folder = tmp_path_factory.mktemp("sample")
    environment = {
        "DJANGO_SETTINGS_MODULE": "hedgerow.settings",
        "PYTHONDONTWRITEBYTECODE": "1",
        "STATIC_ROOT": str(folder / "static"),
        "MEDIA_ROOT": str(folder / "media"),
    }
    return Site(python=virtual_environment(), environment=environment, folder=folder)


@pytest.fixture(scope="session")
def database() -> Iterator[Path]:
    """A PostgreSQL server; the folder of its socket."""
    with postgresql(PASSWORD) as folder:
        yield folder


@pytest.fixture(scope="session")
def site(unbuilt_site: Site, database: Path) -> Site:
    """The site as in production: static files collected, secrets in files, migrations applied."""
    secrets = {"SECRET_KEY": "0123456789" * 5, "DATABASE_PASSWORD": PASSWORD}
    files = {f"{name}_FILE": str(unbuilt_site.folder / name) for name in secrets}
    for name, value in secrets.items():
        Path(files[f"{name}_FILE"]).write_text(f"{value}\n")
    environment = unbuilt_site.environment | files
    environment |= {
        "ALLOWED_HOSTS": "localhost",
        "DATABASE_HOST": str(database),
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "postgres",
        "DATABASE_USER": ROLE,
        "RELEASE": "r7",
        "REPLICA": "web-r7-1",
    }
    built = Site(python=unbuilt_site.python, environment=environment, folder=unbuilt_site.folder)
    for command in (["collectstatic", "--noinput"], ["migrate"]):
        done = built.manage(*command)
        assert done.returncode == 0, done.stdout
    return built
