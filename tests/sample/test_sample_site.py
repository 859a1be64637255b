"""The sample site as the stack runs it: built without secrets, then told everything by its environment."""

import json
import re
import socket
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sample.hosted import ServedSite, Site

FEWEST_TESTS = 43


@pytest.fixture(scope="module")
def served(site: Site) -> Iterator[ServedSite]:
    """One Gunicorn for the tests that need nothing special."""
    with site.served() as served:
        yield served


def test_its_own_tests_pass(site: Site) -> None:
    """All of them ran, none was skipped, and nothing warned."""
    done = site.manage("test", "--verbosity", "1", PYTHONWARNINGS="error")
    ran = re.search(r"^Ran (\d+) tests", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout
    assert ran
    assert int(ran[1]) >= FEWEST_TESTS
    assert re.search(r"^OK$", done.stdout, re.MULTILINE), "OK, without skipped or expected failures"


def test_static_files_are_collected_without_secrets_or_database(unbuilt_site: Site, tmp_path: Path) -> None:
    """An image build has neither; every file gets a name with its hash."""
    done = unbuilt_site.manage("collectstatic", "--noinput", STATIC_ROOT=str(tmp_path))
    assert done.returncode == 0, done.stdout
    manifest = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    for name in ("site.css", "logo.svg", "rollcall.js", "admin/css/base.css"):
        assert re.search(r"\.[0-9a-f]{12}\.", manifest[name])
        assert (tmp_path / manifest[name]).is_file()


def test_migrations_match_the_models(site: Site) -> None:
    """Nobody has to write one at the server."""
    done = site.manage("makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout


def test_deployment_check_is_clean_with_tls(site: Site) -> None:
    """Django's own check of production settings finds nothing to warn of."""
    done = site.manage("check", "--deploy", "--fail-level", "WARNING", TLS_ENABLED="1")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_PASSWORD"])
@pytest.mark.parametrize("content", [None, "", "\n"])
def test_missing_or_empty_secret_stops_every_command(
    site: Site, tmp_path: Path, name: str, content: str | None
) -> None:
    """At once, naming the file, and never by starting with an empty key."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)
    done = site.manage("check", **{f"{name}_FILE": str(file), name: "from the environment"})
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name}_FILE: " in done.stdout
    assert f"(got {file}" in done.stdout


def test_gunicorn_does_not_boot_without_its_secrets(site: Site) -> None:
    """The container stops, and its log says why."""
    with pytest.raises(RuntimeError, match="did not start"), site.served(SECRET_KEY_FILE="") as served:
        served.ask("/health/")
    logs = "".join(log.read_text() for log in site.folder.glob("*/log"))
    assert "SECRET_KEY: no secret was given. Set SECRET_KEY_FILE" in logs


def test_pages_link_to_hashed_files_that_exist(site: Site, served: ServedSite) -> None:
    """What a page asks for is what the build collected."""
    page = served.ask("/")
    assert page.status == 200
    linked = re.findall(r'(?:href|src)="/static/([^"#]+)', page.text)
    assert {name.partition(".")[0] for name in linked} >= {"site", "logo"}
    assert all((Path(site.environment["STATIC_ROOT"]) / name).is_file() for name in linked)
    assert "<code>r7</code>" in page.text


def test_machines_get_what_they_ask_for(served: ServedSite) -> None:
    """Health names release and replica; a ping is committed; a slow answer is slow."""
    health = json.loads(served.ask("/health/").text)
    assert (health["status"], health["release"], health["replica"]) == ("ok", "r7", "web-r7-1")
    assert served.ask("/ping/", "POST", '{"token": "t"}').status == 201
    assert 0.5 <= served.ask("/slow/?seconds=0.5").seconds < 5
    assert served.ask("/health/", Host="elsewhere.example").status == 400


def test_form_is_accepted_at_the_address_that_the_browser_shows(served: ServedSite) -> None:
    """The Host must reach Django with its port, or the browser's Origin looks like another site's."""
    form = served.ask("/gallery/", Host="localhost:8080")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
    assert token
    body = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], "title": "No picture"})
    sent = {
        "Cookie": form.headers["Set-Cookie"].partition(";")[0],
        "Origin": "http://localhost:8080",
        "Content_Type": "application/x-www-form-urlencoded",
    }
    assert served.ask("/gallery/", "POST", body, Host="localhost:8080", **sent).status == 422
    assert served.ask("/gallery/", "POST", body, Host="localhost", **sent).status == 403


def test_tls_redirects_people_and_leaves_health_alone(site: Site) -> None:
    """Behind a proxy that says https, cookies are secure and HSTS is sent."""
    with site.served(TLS_ENABLED="1") as served:
        assert served.ask("/health/").status == 200
        redirect = served.ask("/give/")
        assert (redirect.status, redirect.headers["Location"]) == (301, "https://localhost/give/")
        page = served.ask("/give/", X_Forwarded_Proto="https")
        assert page.status == 200
        assert "Secure" in page.headers["Set-Cookie"]
        assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_database_that_is_away_is_reported_and_logged(site: Site) -> None:
    """503 names the class of the reason; the log has the rest, for the page's error too, with DEBUG off."""
    with site.served(DATABASE_HOST=str(site.folder)) as served:
        health = served.ask("/health/")
        assert (health.status, json.loads(health.text)["reason"]) == (503, "OperationalError")
        assert str(site.folder) not in health.text
        page = served.ask("/")
        assert page.status == 500
        assert "Something broke" in page.text
        log = served.log.read_text()
    assert "Unhealthy: OperationalError: " in log
    assert "django.request: Internal Server Error: /" in log
    assert "Traceback" in log


def test_database_that_never_answers_costs_two_seconds(site: Site) -> None:
    """Whatever accepts the connection and then says nothing is not a database."""
    with (
        tempfile.TemporaryDirectory(dir=site.folder) as folder,
        socket.socket(socket.AF_UNIX) as silent,
        site.served(DATABASE_HOST=folder) as served,
    ):
        silent.bind(f"{folder}/.s.PGSQL.5432")
        silent.listen()
        health = served.ask("/health/")
        assert (health.status, json.loads(health.text)["reason"]) == (503, "TimeoutError")
        assert 1.9 <= health.seconds < 3
