"""PostgreSQL's settings, roles and migrations beside what they must be. Pure."""

import base64
import hashlib
import hmac
import json
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from drift.finding import Finding, Mend, short_hash
from drift.recorded import Recorded

_BY_INITDB = {
    *("datestyle", "default_text_search_config", "dynamic_shared_memory_type", "lc_messages", "lc_monetary"),
    *("lc_numeric", "lc_time", "listen_addresses", "log_timezone", "max_connections", "max_wal_size"),
    *("min_wal_size", "shared_buffers", "timezone"),
}
"""What stands in postgresql.conf from the start: initdb's, and the official image's own line."""
_TELLING = re.compile(r"[A-Za-z0-9 ._/-]{1,40}")
_SECRETIVE = re.compile(r"conninfo|password|passphrase|command|key")
_OWN_DATABASES = {"postgres", "template0", "template1"}
PSQL = ("psql", "-XqAt", "-h", "/run/postgresql", "-U", "postgres", "-d", "postgres")
_RIGHTS = ("super", "createrole", "createdb", "replication", "bypassrls", "login")
_CLEAN = "NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS"


class Expected:
    """What the recorded steps have made of the server."""

    def __init__(self, recorded: Recorded) -> None:
        step = recorded.step("-site")
        words = shlex.split(step.create) if step else []
        at = words.index("prepare-site") if "prepare-site" in words else -1
        self.database, self.login = (words[at + 1], words[at + 2]) if at >= 0 else ("site", "")
        self.password = step.stdin.removesuffix("\n") if step else ""
        self.step = step.name if step else ""
        server = recorded.of_role("postgres")
        self.container = server[0].name if server else f"{recorded.prefix}-postgres"
        given = server[0].inputs.get("command") or [] if server else []
        self.settings = dict(word.partition("=")[::2] for word in given if "=" in word)

    @property
    def again(self) -> Mend:
        """The step that makes database and roles."""
        return Mend(step=self.step) if self.step else Mend(by_hand="deploy again")

    @property
    def logins(self) -> set[str]:
        """One for each version of the secrets so far; releases before go on using theirs."""
        number = self.login.rpartition("_")[2]
        return {f"{self.database}_{each}" for each in range(1, int(number) + 1)} if number.isdigit() else set()

    def sql(self, *statements: str) -> tuple[str, ...]:
        return ("exec", self.container, *PSQL, *(word for each in statements for word in ("-c", each)))


def findings(recorded: Recorded, answer: Mapping[str, Any] | None) -> Iterator[Finding]:
    """All of them."""
    if answer is None:
        return
    expected = Expected(recorded)
    yield from _settings(expected, answer)
    yield from _roles(expected, answer)
    yield from _members(expected, answer)
    yield from _databases(expected, answer)
    yield from _migrations(recorded, answer)


def _settings(expected: Expected, answer: Mapping[str, Any]) -> Iterator[Finding]:
    live = {name: (setting, source) for name, setting, source in answer.get("settings") or ()}
    for name, value in sorted(expected.settings.items()):
        setting, source = live.get(name, ("", "default"))
        if source != "command line":
            found = f"{_told(name, setting)} ({source})"
            mend = Mend(by_hand=f"docker restart {expected.container}", harm="interrupts the site for some seconds")
            yield Finding(id="drift.P001", what=f"setting {name}", expected=value, found=found, mend=mend)
    for name, setting, file in answer.get("files") or ():
        by_system = str(file).endswith("postgresql.auto.conf")
        if not name or (not by_system and name.lower() in _BY_INITDB):
            continue
        reset = expected.sql(f"ALTER SYSTEM RESET {quoted(name)}", "SELECT pg_reload_conf()")
        by_hand = Mend(by_hand=f"take {name} out of {file} in container {expected.container}")
        yield Finding(
            id="drift.P002",
            what=f"setting {name}",
            expected="as declared" if name in expected.settings else "not set",
            found=f"{_told(name, str(setting))} in {str(file).rpartition('/')[2]}",
            mend=Mend(docker=(reset,)) if by_system else by_hand,
        )
    usual = {("", login, f"role={expected.database}") for login in expected.logins}
    own = {"", "postgres", expected.database, *expected.logins}  # a stranger's are the stranger's finding
    for database, role, setting in answer.get("overrides") or ():
        if role in own and (database, role, setting) not in usual:
            yield _override(expected, database, role, setting)


def _override(expected: Expected, database: str, role: str, setting: str) -> Finding:
    name, _, value = setting.partition("=")
    within = f" IN DATABASE {quoted(database)}" if role and database else ""
    owner = f"ROLE {quoted(role)}{within}" if role else f"DATABASE {quoted(database)}" if database else "ROLE ALL"
    return Finding(
        id="drift.P003",
        what=f"setting {name} of {f'role {role}' if role else f'database {database}'}",
        expected="not set",
        found=_told(name, value),
        mend=Mend(docker=(expected.sql(f"ALTER {owner} RESET {quoted(name)}"),)),
    )


def _told(name: str, value: str) -> str:
    """A value that is plain, of a setting that holds no secret; of any other its hash."""
    harmless = _TELLING.fullmatch(value) and not _SECRETIVE.search(name)
    return f"{name} = {value}" if harmless else f"{name} = {short_hash(value)}"


def _roles(expected: Expected, answer: Mapping[str, Any]) -> Iterator[Finding]:
    found = {role["name"]: role for role in answer.get("roles") or ()}
    rights = {"postgres": {*_RIGHTS}, expected.database: set[str]()} | {login: {"login"} for login in expected.logins}
    again = expected.again
    needed = {"postgres", expected.database, expected.login} - {""}
    for name in sorted(needed - found.keys()):
        yield Finding(id="drift.P004", what=f"role {name}", expected="the role", found="none", mend=again)
    for name in sorted(found.keys() - rights.keys()):
        told = ", ".join(each for each in _RIGHTS if found[name][each]) or "no rights"
        drop = Mend(docker=(expected.sql(f"DROP ROLE {quoted(name)}"),), harm="deletes the role")
        yield Finding(id="drift.P005", what=f"role {name}", expected="none", found=told, mend=drop)
    for name in sorted(found.keys() & rights.keys()):
        role = found[name]
        has = {each for each in _RIGHTS if role[each]}
        limits = [f"at most {role['limit']} connections"] if role["limit"] != -1 else []
        limits += [f"valid until {role['until']}"] if role["until"] not in (None, "infinity") else []
        if has != rights[name] or limits:
            told = ", ".join([*sorted(has), *limits]) or "none"
            wanted = ", ".join(sorted(rights[name])) or "none"
            mend = Mend(docker=(expected.sql(_alter(name, rights[name])),))
            yield Finding(id="drift.P006", what=f"role {name}", expected=wanted, found=told, mend=mend)
    login = found.get(expected.login)
    if login and expected.password and not verifies(login["password"] or "", expected.password):
        told = "another password" if login["password"] else "none"
        what = f"password of role {expected.login}"
        yield Finding(id="drift.P008", what=what, expected="the recorded secret", found=told, mend=again)


def _alter(name: str, rights: set[str]) -> str:
    clean = f"{'LOGIN' if 'login' in rights else 'NOLOGIN'} {_CLEAN}"
    if name == "postgres":
        clean = "LOGIN SUPERUSER CREATEROLE CREATEDB REPLICATION BYPASSRLS"
    return f"ALTER ROLE {quoted(name)} {clean} CONNECTION LIMIT -1 VALID UNTIL 'infinity'"


def verifies(verifier: str, password: str) -> bool:
    """Whether a SCRAM verifier of PostgreSQL's is of this password (RFC 5803)."""
    parts = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)", verifier)
    if not parts:
        return False
    text = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", text, base64.b64decode(parts[2]), int(parts[1]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(hashlib.sha256(key).digest(), base64.b64decode(parts[3]))


def _members(expected: Expected, answer: Mapping[str, Any]) -> Iterator[Finding]:
    own = {expected.database, *expected.logins, "postgres"}
    found = {(member, role) for member, role, _ in answer.get("members") or ()}
    known = {role["name"] for role in answer.get("roles") or ()}
    wanted = {(login, expected.database) for login in expected.logins & known}
    for member, role in sorted(wanted - found):
        told = f"role {member} in role {role}"
        yield Finding(
            id="drift.P007", what=told, expected="a member", found="none", mend=Mend(docker=(_grant(expected, member),))
        )
    for member, role in sorted(found - wanted):
        if member in own:
            revoke = Mend(docker=(expected.sql(f"REVOKE {quoted(role)} FROM {quoted(member)}"),))
            what = f"role {member} in role {role}"
            yield Finding(id="drift.P007", what=what, expected="no member", found="a member", mend=revoke)


def _grant(expected: Expected, member: str) -> tuple[str, ...]:
    return expected.sql(f"GRANT {quoted(expected.database)} TO {quoted(member)}")


def _databases(expected: Expected, answer: Mapping[str, Any]) -> Iterator[Finding]:
    found = {name: (owner, rights) for name, owner, rights in answer.get("databases") or ()}
    for name in sorted(found.keys() - _OWN_DATABASES - {expected.database}):
        drop = Mend(docker=(expected.sql(f"DROP DATABASE {quoted(name)}"),), harm="deletes the database")
        yield Finding(id="drift.P009", what=f"database {name}", expected="none", found="a database", mend=drop)
    what, name = f"database {expected.database}", expected.database
    if name not in found:
        yield Finding(id="drift.P009", what=what, expected="the database", found="none", mend=expected.again)
        return
    owner, rights = found[name]
    if owner != name:
        mend = Mend(docker=(expected.sql(f"ALTER DATABASE {quoted(name)} OWNER TO {quoted(name)}"),))
        yield Finding(id="drift.P010", what=what, expected=f"owner {name}", found=f"owner {owner}", mend=mend)
    entries = set((rights or "{=Tc/}").strip("{}").split(","))
    if others := sorted(entry for entry in entries if not entry.startswith(f"{name}=")):
        grantees = [re.sub(r"\\?\"", "", entry.partition("=")[0]) for entry in others]
        revokes = [
            f"REVOKE ALL ON DATABASE {quoted(name)} FROM {quoted(each) if each else 'PUBLIC'}" for each in grantees
        ]
        told = ", ".join(f"{each or 'everybody'} too" for each in grantees)
        mend = Mend(docker=(expected.sql(*revokes),))
        yield Finding(id="drift.P010", what=what, expected=f"rights of {name} alone", found=told, mend=mend)


def _migrations(recorded: Recorded, answer: Mapping[str, Any]) -> Iterator[Finding]:
    for index in answer.get("invalid") or ():
        mend = Mend(by_hand=f"REINDEX INDEX CONCURRENTLY {index}")
        yield Finding(id="drift.S003", what=f"index {index}", expected="valid", found="not valid", mend=mend)
    heads = recorded_heads(recorded)
    if not heads:
        return
    applied: dict[str, str] = dict(sorted((app, name) for app, name in answer.get("migrations") or ()))
    run = next((f"docker exec {each.name} python manage.py" for each in recorded.live), "python manage.py")
    for app in sorted({*heads, *applied}):
        wanted, found = heads.get(app, ""), applied.get(app, "")
        if wanted == found:
            continue
        kind = "drift.S001" if wanted > found else "drift.S002"
        mend = Mend(by_hand=f"{run} migrate {shlex.quote(app)} {shlex.quote(wanted or 'zero')}")
        what = f"migrations of {app}"
        yield Finding(id=kind, what=what, expected=wanted or "none", found=found or "none", mend=mend)


def recorded_heads(recorded: Recorded) -> dict[str, str]:
    """The last migration of each app, as the migration step has printed it; nothing where it has not run."""
    step = recorded.step("-migrate")
    lines = [line for line in (step.printed if step else "").splitlines() if line.startswith('{"applied"')]
    return dict(json.loads(lines[-1])["heads"]) if lines else {}


def quoted(name: str) -> str:
    """As an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'
