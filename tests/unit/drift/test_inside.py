"""What a look inside containers shows: files in volumes, Nginx's configuration, PostgreSQL."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from drift import examine, recorded
from drift.database import quoted, verifies
from drift.finding import Finding
from drift.inside import look as look_inside
from drift.observed import Observed
from drift.recorded import Recorded
from tests.unit.drift.deployed import PREFIX, STACK, RunningStack, export, scram
from tests.unit.recording import Declarations

Look = Callable[[], list[Finding]]
Change = Callable[[RunningStack], Any]
SECRET = "django_secret_key"


def role(docker: RunningStack, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in docker.postgres["roles"] if each["name"] == name)
    return found


def with_role(name: str, **rights: Any) -> Change:
    def change(docker: RunningStack) -> None:
        docker.postgres["roles"].append(role(docker, "site") | {"name": name} | rights)

    return change


def and_more(key: str, *row: Any) -> Change:
    return lambda docker: docker.postgres[key].append(list(row))


def _unlisted(docker: RunningStack) -> None:
    docker.slots["3.sock"] = "/run/web/elsewhere.sock"


def _live(docker: RunningStack) -> None:
    docker.live = docker.live.replace(json.loads(docker.live)["release"], "0123456789", 1)


def _conf(docker: RunningStack) -> None:
    docker.conf = docker.conf.replace("server_tokens off;", "server_tokens on;")


FILES: dict[str, tuple[str, Change, str, str]] = {
    "secret changed": ("F001", lambda docker: docker.secrets.update({SECRET: "hunter2"}), SECRET, "sha256:"),
    "secret gone": ("F002", lambda docker: docker.modes.pop(SECRET), SECRET, "none"),
    "file beside secrets": ("F003", lambda docker: docker.modes.update(more="400 0:0"), "more", "a file"),
    "secret for all": ("F004", lambda docker: docker.modes.update({SECRET: "444 10001:10000"}), SECRET, "mode 444"),
    "owner of a secret": ("F004", lambda docker: docker.modes.update({SECRET: "400 0:0"}), SECRET, "owner 0:0"),
    "static changed": ("F005", lambda docker: docker.static.update({"logo.svg": "x"}), "logo.svg", "sha256:"),
    "static gone": ("F006", lambda docker: docker.static.pop("logo.svg"), "logo.svg", "none"),
    "static added": ("F007", lambda docker: docker.static.update({"evil.js": "x"}), "evil.js", "sha256:"),
    "slot elsewhere": ("F008", _unlisted, "slot 3.sock", "/run/web/elsewhere.sock"),
    "slot gone": ("F009", lambda docker: docker.slots.pop("long-5.sock"), "slot long-5.sock", "none"),
    "other release": ("F010", _live, "live release", "0123456789"),
    "file beside slots": ("F011", lambda docker: docker.more_slots.append(("f", "notes", "")), "file notes", "a file"),
    "configuration": ("X001", _conf, f"{PREFIX}-nginx", "other from line"),
}


def assert_found(case: tuple[str, Any, str, str], look: Look, docker: RunningStack) -> None:
    """One change is one finding that names it, shows no secret, and says what mends it."""
    kind, change, what, found = case
    change(docker)
    (finding,) = look()
    assert finding.id == f"drift.{kind}"
    assert what in finding.what
    assert found in finding.found
    assert "hunter2" not in f"{finding}"
    assert finding.mend.command(STACK)


@pytest.mark.parametrize("name", FILES)
def test_files_in_volumes_are_compared_by_hash(name: str, look: Look, docker: RunningStack) -> None:
    """A change of one file is one finding, with its name."""
    assert_found(FILES[name], look, docker)


def test_files_of_releases_that_are_kept_are_no_drift(look: Look, docker: RunningStack) -> None:
    """They are on another image's list; so is a file that is being written, on none."""
    docker.static |= {"old.css": "body {}", ".new.css.half": "b", ".published/0123.json": "[]"}
    assert look() == []


def test_many_files_are_named_in_part_and_counted(look: Look, docker: RunningStack) -> None:
    """A report that nobody can read helps nobody."""
    docker.static |= {f"more{number:03}.js": "x" for number in range(200)}
    found = look()
    assert len(found) == 5
    assert found[-1].found.endswith("and 195 more such files")


def test_slots_that_are_wrong_in_the_same_way_are_one_finding(look: Look, docker: RunningStack) -> None:
    """As there are sixty of them."""
    docker.slots |= dict.fromkeys([f"{slot}.sock" for slot in range(20)], "/run/web/elsewhere.sock")
    (finding,) = look()
    assert finding.what == "slot 0.sock and 19 more"


def test_a_slot_to_a_socket_that_is_not_there_leads_nowhere(look: Look, docker: RunningStack) -> None:
    """Though it points to where it should."""
    gone = min(docker.sockets)
    docker.sockets.remove(gone)
    assert {(finding.id, finding.found.partition(",")[0]) for finding in look()} == {("drift.F009", f"/run/web/{gone}")}


def test_a_commit_that_cannot_be_read_is_drift(look: Look, docker: RunningStack) -> None:
    """And no crash."""
    for text in ("", "{", "[]", '{"slots": []}'):
        docker.live = text
        (finding,) = look()
        assert (finding.id, finding.found) == ("drift.F010", "none that can be read")


def test_before_the_first_release_no_slot_is_missed(dev: Declarations, docker: RunningStack) -> None:
    """An `up` that failed has left all but that, and the replicas that it has given up."""
    content = json.loads(export(dev))
    for each in content["deployment"]["resources"]:
        if each["type"].endswith(":Release"):
            each["outputs"] = {}
    docker.slots, docker.live = {}, ""
    report = examine.compared(docker, recorded.read(json.dumps(content), prefix=PREFIX), stack=STACK)
    assert list(report.drift) == []
    assert report.unread == ["secret files: no container runs that could be asked"]


def test_lists_of_static_files_that_cannot_be_read_are_passed_over(look: Look, docker: RunningStack) -> None:
    """The files that they would have named are then nobody's."""
    docker.lists = {"a.json": "{", "b.json": "{}", "c.json": "[1]"}
    docker.static["old.css"] = "x"
    assert [finding.id for finding in look()] == ["drift.F007"]


DATABASE: dict[str, tuple[str, Change, str, str]] = {
    "setting lost": (
        "P001",
        lambda docker: docker.postgres["settings"].remove(["work_mem", _setting(docker, "work_mem"), "command line"]),
        "work_mem",
        "default",
    ),
    "setting added": (
        "P002",
        and_more("files", "log_statement", "all", "/var/lib/postgresql/data/17/postgresql.auto.conf"),
        "log_statement",
        "all in postgresql.auto.conf",
    ),
    "setting in a file": (
        "P002",
        and_more("files", "fsync", "off", "/x/postgresql.conf"),
        "fsync",
        "off in postgresql",
    ),
    "secret setting": (
        "P002",
        and_more("files", "primary_conninfo", "hunter2", "/x/postgresql.auto.conf"),
        "primary_conninfo",
        "sha256:",
    ),
    "setting of a role": ("P003", and_more("overrides", "", "site_1", "work_mem=1GB"), "of role site_1", "1GB"),
    "setting of a database": ("P003", and_more("overrides", "site", "", "work_mem=1GB"), "of database site", "1GB"),
    "role added": ("P005", with_role("eve", super=True), "role eve", "super"),
    "rights": ("P006", lambda docker: role(docker, "site_1").update(createdb=True), "role site_1", "createdb"),
    "no login": ("P006", lambda docker: role(docker, "site_1").update(login=False), "role site_1", "none"),
    "few connections": ("P006", lambda docker: role(docker, "site_1").update(limit=1), "role site_1", "at most 1"),
    "member": ("P007", and_more("members", "site", "pg_monitor", False), "site in role pg_monitor", "a member"),
    "no member": ("P007", lambda docker: docker.postgres["members"].clear(), "site_1 in role site", "none"),
    "password": ("P008", lambda docker: role(docker, "site_1").update(password=scram("hunter2")), "site_1", "another"),
    "no password": ("P008", lambda docker: role(docker, "site_1").update(password=None), "site_1", "none"),
    "database added": ("P009", and_more("databases", "copy", "eve", None), "database copy", "a database"),
    "database gone": ("P009", lambda docker: docker.postgres["databases"].pop(), "database site", "none"),
    "owner": ("P010", lambda docker: docker.postgres["databases"][-1].__setitem__(1, "eve"), "site", "owner eve"),
    "open to all": (
        "P010",
        lambda docker: docker.postgres["databases"][-1].__setitem__(2, "{site=CTc/site,=c/site}"),
        "database site",
        "everybody too",
    ),
    "migration gone": ("S001", lambda docker: docker.postgres["migrations"].pop(), "migrations of site", "none"),
    "migration more": ("S002", and_more("migrations", "site", "0004_hand"), "migrations of site", "0004_hand"),
    "app more": ("S002", and_more("migrations", "shop", "0001_first"), "migrations of shop", "0001_first"),
    "index": ("S003", lambda docker: docker.postgres["invalid"].append("public.by_name"), "by_name", "not valid"),
}


def _setting(docker: RunningStack, name: str) -> str:
    return str(next(value for key, value, _ in docker.postgres["settings"] if key == name))


@pytest.mark.parametrize("name", DATABASE)
def test_the_database_is_compared_with_what_the_steps_have_made(name: str, look: Look, docker: RunningStack) -> None:
    """Settings, roles, rights, password, migrations: one change is one finding."""
    assert_found(DATABASE[name], look, docker)


def test_a_login_that_is_gone_is_missed(look: Look, docker: RunningStack) -> None:
    """As is what it had."""
    docker.postgres["roles"].pop()
    docker.postgres["members"].clear()
    assert [finding.id for finding in look()] == ["drift.P004"]


def test_logins_of_earlier_secrets_are_no_drift(look: Look, docker: RunningStack, state: Recorded) -> None:
    """There is one for each version so far; one of a version to come is nobody's."""
    assert state.step("-site") is not None
    with_role("site_2", login=True)(docker)
    assert [finding.id for finding in look()] == ["drift.P005"]


def test_what_a_stranger_has_is_not_told_again(look: Look, docker: RunningStack) -> None:
    """It goes with the role. A login that never ends is as good as one without an end."""
    with_role("eve")(docker)
    docker.postgres["members"].append(["eve", "site", False])
    docker.postgres["overrides"].append(["", "eve", "work_mem=1GB"])
    role(docker, "site_1")["until"] = "infinity"
    assert [finding.id for finding in look()] == ["drift.P005"]


def test_names_are_quoted_where_a_statement_is_made_of_them(look: Look, docker: RunningStack) -> None:
    """So that a name cannot be a statement."""
    with_role('x"; DROP DATABASE site; --')(docker)
    (finding,) = look()
    assert finding.mend.docker[0][-1] == 'DROP ROLE "x""; DROP DATABASE site; --"'
    assert quoted("plain") == '"plain"'


def test_a_password_is_known_by_its_verifier() -> None:
    """Without being told to anybody."""
    assert verifies(scram("right"), "right")
    assert not verifies(scram("right"), "wrong")
    assert not verifies("md5abc", "right")


def test_what_does_not_run_is_not_looked_into(state: Recorded, docker: RunningStack) -> None:
    """And that is said."""
    inside = look_inside(docker, state, Observed())
    assert (inside.nginx, inside.web, inside.postgres) == (None, None, None)
    assert inside.schema is None
    assert len(inside.unread) == 4
    assert docker.calls == []
