"""From last words to cause and cure: real logs, and what is made of them."""

import re

import pytest

from release import explain as explain_module
from release.explain import explain

GUNICORN = """\
[2026-11-24 10:00:00 +0000] [1] [INFO] Starting gunicorn 23.0.0
[2026-11-24 10:00:00 +0000] [1] [INFO] Listening at: unix:/run/web/0123456789-1.sock (1)
[2026-11-24 10:00:00 +0000] [7] [INFO] Booting worker with pid: 7
"""
"""What Gunicorn says before anything goes wrong."""

BOOT_FAILED = """
[2026-11-24 10:00:01 +0000] [7] [INFO] Worker exiting (pid: 7)
[2026-11-24 10:00:01 +0000] [1] [ERROR] Worker (pid:7) exited with code 3
[2026-11-24 10:00:01 +0000] [1] [ERROR] Shutting down: Master
[2026-11-24 10:00:01 +0000] [1] [ERROR] Reason: Worker failed to boot.
"""
"""What it says after a worker could not load the site."""

SAMPLES: list[tuple[str, str, str]] = [
    (
        "exec /opt/venv/bin/gunicorn: exec format error",
        "the image is not for this server's processor",
        "Build on, or for, the server's platform",
    ),
    (
        "[FATAL tini (7)] exec gunicorn failed: Exec format error",
        "the image is not for this server's processor",
        "Build on, or for, the server's platform",
    ),
    (
        "/venv/bin/gunicorn: 1: \x7fELF\x02\x01\x01: not found",
        "the image is not for this server's processor",
        "Build on, or for, the server's platform",
    ),
    (
        (
            "ImportError: no pq wrapper available.\nAttempts made:\n"
            "- couldn't import psycopg 'c' implementation: No module named 'psycopg_c'\n"
            "- couldn't import psycopg 'binary' implementation: No module named 'psycopg_binary'\n"
            "- couldn't import psycopg 'python' implementation: libpq library not found"
        ),
        "psycopg finds no libpq in the image",
        "Require psycopg[binary] in requirements.txt",
    ),
    (
        "ImportError: libpq.so.5: cannot open shared object file: No such file or directory",
        "psycopg finds no libpq in the image",
        "Require psycopg[binary]",
    ),
    (
        (
            '  File "/app/shop/settings.py", line 12, in <module>\n    PAYMENT = os.environ["PAYMENT_KEY"]\n'
            "              ~~~~~~~~~~^^^^^^^^^^^^^^^\n"
            '  File "<frozen os>", line 714, in __getitem__\n    raise KeyError(key) from None\n'
            "KeyError: 'PAYMENT_KEY'"
        ),
        "the environment variable PAYMENT_KEY is not set",
        "Set it under `environment` in the stack config",
    ),
    (
        "  File \"/app/shop/config.py\", line 3, in get\n    return values[name]\nKeyError: 'PAYMENT_KEY'",
        "the setting or environment variable PAYMENT_KEY is not there",
        "If it comes from the environment",
    ),
    (
        "ModuleNotFoundError: No module named 'rest_framework.views'",
        "the module rest_framework.views is not in the image",
        "Add its package to requirements.txt",
    ),
    (
        "ImportError: cannot import name 'url' from 'django.conf.urls' (/opt/venv/lib/django/conf/urls/__init__.py)",
        "an import fails: cannot import name 'url' from 'django.conf.urls'",
        "Correct the import, or the version",
    ),
    (
        "ValueError: Missing staticfiles manifest entry for 'css/site.css'",
        "the static file css/site.css was not collected",
        "Check that it exists",
    ),
    (
        (
            'psycopg.errors.UndefinedTable: relation "shop_item" does not exist\nLINE 1: SELECT 1 FROM shop_item\n'
            "The above exception was the direct cause of the following exception:\n"
            'django.db.utils.ProgrammingError: relation "shop_item" does not exist\nLINE 1: SELECT 1 FROM shop_item'
        ),
        "the database has no shop_item",
        "Commit the migration that makes it",
    ),
    (
        "django.db.utils.ProgrammingError: column shop_item.price does not exist\nLINE 1: SELECT ...",
        "the database has no shop_item.price",
        "Commit the migration that makes it",
    ),
    (
        'django.db.utils.ProgrammingError: column "price" of relation "shop_item" does not exist',
        "the database has no column price in shop_item",
        "Commit the migration that makes it",
    ),
    (
        (
            'psycopg.OperationalError: connection failed: connection to server at "172.18.0.2", port 5432 failed: '
            'FATAL:  password authentication failed for user "site_1"'
        ),
        "the database does not accept the password of role site_1",
        "Deploy again",
    ),
    (
        "psycopg.OperationalError: failed to resolve host 'localhost.db': [Errno -2] Name or service not known",
        "the host name localhost.db is not known on the container's networks",
        "Use the DATABASE_HOST that the stack gives",
    ),
    (
        'psycopg2.OperationalError: could not translate host name "db" to address: Name or service not known',
        "the host name db is not known",
        "Use the DATABASE_HOST",
    ),
    (
        (
            'django.db.utils.OperationalError: connection to server at "postgres" (172.18.0.2), port 5432 failed: '
            "FATAL:  sorry, too many clients already"
        ),
        "PostgreSQL has no connection left",
        "Raise postgresMemoryMb",
    ),
    (
        "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "PostgreSQL has no connection left",
        "lower webReplicas",
    ),
    (
        (
            'psycopg.OperationalError: connection to server at "172.18.0.2", port 5432 failed: Connection refused\n'
            "\tIs the server running on that host and accepting TCP/IP connections?"
        ),
        "the database cannot be reached: Connection refused",
        "Look at the log of the PostgreSQL container",
    ),
    (
        "OSError: [Errno 30] Read-only file system: '/app/cache'",
        "the site writes to /app/cache, and the container's file system is read-only",
        "Write under MEDIA_ROOT",
    ),
    (
        "PermissionError: [Errno 13] Permission denied: '/srv/static/staticfiles.json'",
        "the site may not write to /srv/static/staticfiles.json",
        "Write under MEDIA_ROOT",
    ),
    (
        (
            "django.core.exceptions.DisallowedHost: Invalid HTTP_HOST header: 'www.example.com'. "
            "You may need to add 'www.example.com' to ALLOWED_HOSTS."
        ),
        "Django does not accept the host name www.example.com",
        "Read ALLOWED_HOSTS from the environment",
    ),
    (
        "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
        "the settings are not usable: The SECRET_KEY setting must not be empty.",
        "Correct the setting that it names",
    ),
    (
        '  File "/app/shop/urls.py", line 9\n    path("",\n        ^\nSyntaxError: \'(\' was never closed',
        "the code does not parse: '(' was never closed",
        "the traceback names the line",
    ),
    (
        (
            "[2026-11-24 10:00:31 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:7)\n"
            "[2026-11-24 10:00:32 +0000] [1] [ERROR] Worker (pid:7) was sent SIGKILL! Perhaps out of memory?"
        ),
        "a worker did not finish its request in time",
        "Raise requestTimeoutSeconds",
    ),
    (
        "[2026-11-24 10:00:32 +0000] [1] [ERROR] Worker (pid:7) was sent SIGKILL! Perhaps out of memory?",
        "a worker was killed for want of memory",
        "Raise webMemoryMb",
    ),
    (
        "Exception: the shop is closed",
        "Exception: the shop is closed",
        "The traceback in the log names the line",
    ),
    (
        "AttributeError: module 'shop.models' has no attribute 'Item'",
        "AttributeError: module 'shop.models' has no attribute 'Item'",
        "The traceback in the log names the line",
    ),
    (
        "jinja2.exceptions.TemplateSyntaxError: unexpected '}'",
        "jinja2.exceptions.TemplateSyntaxError: unexpected '}'",
        "The traceback in the log names the line",
    ),
    (
        "django.db.utils.InternalError: cache lookup failed for type 16",
        "django.db.utils.InternalError: cache lookup failed for type 16",
        "The traceback in the log names the line",
    ),
    (
        "no answer on /run/web/0123456789-1.sock: [Errno 2] No such file or directory",
        "nothing listens on the socket /run/web/0123456789-1.sock",
        "Raise startTimeoutSeconds",
    ),
    (
        "no answer on /run/web/0123456789-1.sock: timed out",
        "the health path does not answer in time",
        "Make it do less",
    ),
    (
        "/health/ answered 302 Found: ",
        "the health path /health/ answers 302",
        "Make it answer 200",
    ),
]
"""Last words, the beginning of the cause, and words of the cure."""

UNKNOWN = [
    "",
    GUNICORN,
    "Not Found: /favicon.ico\nForbidden (CSRF cookie not set.): /item/",
    '{"level": "error", "message": "no such item", "exception": null}',
    "System check identified no issues (0 silenced).",
    "Error: stream closed",
    "Segmentation fault (core dumped)",
    "the relation between errors: 5 exceptions, 0 failures",
    BOOT_FAILED,
]
"""Words that say nothing of a cause."""


@pytest.mark.parametrize(("log", "cause", "cure"), SAMPLES)
def test_last_words_are_explained(log: str, cause: str, cure: str) -> None:
    """With all that Gunicorn says around them, by their cause and by what to do."""
    found = explain(f"{GUNICORN}Traceback (most recent call last):\n{log}\n{BOOT_FAILED}", exit_code=3)
    assert found is not None
    assert found.cause.startswith(cause)
    assert cure in found.cure


@pytest.mark.parametrize("log", UNKNOWN)
def test_words_that_say_nothing_are_not_explained(log: str) -> None:
    """A wrong explanation is worse than none."""
    assert explain(log, exit_code=1) is None


def test_every_explanation_that_there_is_has_a_sample() -> None:
    """Each line of the table is the first that matches one of them."""
    hits = {
        next(known.pattern for known in explain_module._KNOWN if re.search(known.pattern, log)) for log, _, _ in SAMPLES
    }
    assert hits == {known.pattern for known in explain_module._KNOWN}


def test_the_last_of_several_counts() -> None:
    """What was mended on the way is no cause any more."""
    log = "ModuleNotFoundError: No module named 'optional'\nModuleNotFoundError: No module named 'needed'\n"
    found = explain(log)
    assert found is not None
    assert found.cause == "the module needed is not in the image"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (126, "its start command is not executable"),
        (127, "its start command is not in the image"),
        (137, "it was killed, as the kernel does when memory runs out"),
        (139, "it crashed in native code"),
    ],
)
def test_an_exit_code_explains_where_no_word_does(code: int, cause: str) -> None:
    """Only then."""
    found = explain("starting", exit_code=code)
    assert found is not None
    assert found.cause == cause
    said = explain("ModuleNotFoundError: No module named 'a'", exit_code=code)
    assert said is not None
    assert said.cause == "the module a is not in the image"


@pytest.mark.parametrize("code", [0, 1, 2, 3, 125, 143])
def test_an_exit_code_that_may_mean_anything_explains_nothing(code: int) -> None:
    """SIGTERM, say, or whatever a program ends with."""
    assert explain("starting", exit_code=code) is None


def test_docker_knows_best_that_memory_ran_out() -> None:
    """Whatever the log says."""
    found = explain("ModuleNotFoundError: No module named 'a'", exit_code=137, out_of_memory=True)
    assert found is not None
    assert str(found) == (
        "it ran out of memory. Raise its memory limit in the stack config, or lower the number of workers"
    )
