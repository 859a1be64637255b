"""From a container's last words to the cause and the cure. A table, so that the next one is a line."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a container failed, and what to do."""

    cause: str
    cure: str

    def __str__(self) -> str:
        return f"{self.cause}. {self.cure}"


@dataclass(frozen=True, kw_only=True)
class _Known:
    pattern: str
    """Searched in the log, the last match counts. Its groups fill the texts' {0}, {1}."""
    cause: str
    cure: str


_KNOWN = (
    _Known(
        # The words of the kernel, and of a shell that took it for a script.
        pattern=r"(?i:exec format error)|\x7fELF\S*: not found",
        cause="the image is not for this server's processor, or its start script has no #! line",
        cure="Build on, or for, the server's platform",
    ),
    _Known(
        pattern=r"no pq wrapper available|libpq\.so\.5: cannot open",
        cause="psycopg finds no libpq in the image",
        cure="Require psycopg[binary] in requirements.txt",
    ),
    _Known(
        pattern=r"environ\[['\"](\w+)['\"]\](?:.|\n)*KeyError: ['\"]\1['\"]",
        cause="the environment variable {0} is not set",
        cure="Set it under `environment` in the stack config",
    ),
    _Known(
        pattern=r"KeyError: ['\"]([A-Z][A-Z0-9_]+)['\"]",
        cause="the setting or environment variable {0} is not there",
        cure="If it comes from the environment, set it under `environment` in the stack config",
    ),
    _Known(
        pattern=r"ModuleNotFoundError: No module named ['\"]([\w.]+)['\"]",
        cause="the module {0} is not in the image",
        cure="Add its package to requirements.txt, or correct the import",
    ),
    _Known(
        pattern=r"ImportError: (.+)",
        cause="an import fails: {0}",
        cure="Correct the import, or the version in requirements.txt",
    ),
    _Known(
        pattern=r"Missing staticfiles manifest entry for ['\"](.+?)['\"]",
        cause="the static file {0} was not collected",
        cure="Check that it exists and that its app is installed; the image build runs collectstatic",
    ),
    _Known(
        pattern=r"column \"(\w+)\" of relation \"(\w+)\" does not exist",
        cause="the database has no column {0} in {1}",
        cure="Commit the migration that makes it",
    ),
    _Known(
        pattern=r"(?:relation|column) \"?([\w.]+)\"? does not exist",
        cause="the database has no {0}",
        cure="Commit the migration that makes it",
    ),
    _Known(
        pattern=r"password authentication failed for user \"([^\"]+)\"",
        cause="the database does not accept the password of role {0}",
        cure="Deploy again: the password is set from the stack's secrets at every change of them",
    ),
    _Known(
        pattern=r"(?:failed to resolve host|could not translate host name) ['\"]([^'\"]+)['\"]",
        cause="the host name {0} is not known on the container's networks",
        cure="Use the DATABASE_HOST that the stack gives; localhost is the container itself",
    ),
    _Known(
        pattern=r"too many clients already|remaining connection slots are reserved",
        cause="PostgreSQL has no connection left",
        cure="Raise postgresMemoryMb, or lower webReplicas, gunicornWorkers or gunicornThreads",
    ),
    _Known(
        pattern=r"connection to server at .+ failed: (.+)",
        cause="the database cannot be reached: {0}",
        cure="Look at the log of the PostgreSQL container",
    ),
    _Known(
        pattern=r"Read-only file system: ['\"]([^'\"]+)['\"]",
        cause="the site writes to {0}, and the container's file system is read-only",
        cure="Write under MEDIA_ROOT, or to /tmp for what may be lost",
    ),
    _Known(
        pattern=r"PermissionError: \[Errno 13\] Permission denied: ['\"]([^'\"]+)['\"]",
        cause="the site may not write to {0}",
        cure="Write under MEDIA_ROOT, or to /tmp for what may be lost",
    ),
    _Known(
        pattern=r"Invalid HTTP_HOST header: ['\"]([^'\"]+)['\"]",
        cause="Django does not accept the host name {0}",
        cure="Read ALLOWED_HOSTS from the environment, where the stack puts siteHosts",
    ),
    _Known(
        pattern=r"ImproperlyConfigured: (.+)",
        cause="the settings are not usable: {0}",
        cure="Correct the setting that it names",
    ),
    _Known(
        pattern=r"(?m)^SyntaxError: (.+)",
        cause="the code does not parse: {0}",
        cure="Correct it; the traceback names the line",
    ),
    _Known(
        pattern=r"WORKER TIMEOUT",
        cause="a worker did not finish its request in time, and was replaced",
        cure="Raise requestTimeoutSeconds, or make the request shorter",
    ),
    _Known(
        pattern=r"Perhaps out of memory",
        cause="a worker was killed for want of memory",
        cure="Raise webMemoryMb, or gunicornWorkerMemoryMb so that fewer workers start",
    ),
    _Known(
        pattern=r"(?m)^([\w.]*\wError|[\w.]*Exception): (.+)",
        cause="{0}: {1}",
        cure="The traceback in the log names the line",
    ),
    # What the health check says, where the log has said nothing.
    _Known(
        pattern=r"no answer on (\S+): timed out",
        cause="the health path does not answer in time",
        cure="Make it do less, or look for what it waits for",
    ),
    _Known(
        pattern=r"no answer on (\S+): ",
        cause="nothing listens on the socket {0}",
        cure="Raise startTimeoutSeconds if the site takes longer to load; else look for what keeps Gunicorn from it",
    ),
    _Known(
        pattern=r"(?m)^(/\S*) answered (\d{3}) ",
        cause="the health path {0} answers {1}",
        cure="Make it answer 200 when the site can serve, without a login or a redirect",
    ),
)

_EXITS = {
    126: _Known(pattern="", cause="its start command is not executable", cure="Give it the x bit"),
    127: _Known(pattern="", cause="its start command is not in the image", cure="Require gunicorn in requirements.txt"),
    137: _Known(
        pattern="",
        cause="it was killed, as the kernel does when memory runs out",
        cure="Raise its memory limit in the stack config, or lower the number of workers",
    ),
    139: _Known(pattern="", cause="it crashed in native code", cure="Check packages with binary extensions"),
}


_GUNICORN_GAVE_UP = re.compile(
    r"(?:^During handling of the above exception, another exception occurred:\n\s*)?"
    r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)+gunicorn\.errors\.HaltServer: .*\n?\s*",
    re.MULTILINE,
)


def without_surrender(log: str) -> str:
    """A log without the tracebacks with which Gunicorn itself ends when two workers fail: they hide the workers'."""
    return _GUNICORN_GAVE_UP.sub("", log)


def explain(log: str, *, exit_code: int = 0, out_of_memory: bool = False) -> Explanation | None:
    """The cause and the cure that a log and an exit code speak of; None if they are not known."""
    if out_of_memory:
        return Explanation(
            cause="it ran out of memory",
            cure="Raise its memory limit in the stack config, or lower the number of workers",
        )
    for known in _KNOWN:
        matches = list(re.finditer(known.pattern, log))
        if matches:
            found = [group or "" for group in matches[-1].groups()]
            return Explanation(cause=known.cause.format(*found), cure=known.cure)
    known_exit = _EXITS.get(exit_code)
    return Explanation(cause=known_exit.cause, cure=known_exit.cure) if known_exit else None
