"""Drift that only a look inside shows: files in volumes, Nginx, PostgreSQL; and the program beside the state."""

from tests.e2e.deployment import Deployment
from tests.e2e.drifts import OUTSIDE, Act, Drift, docker
from tests.e2e.drifts_of_schema import SCHEMA, sql


def as_root(stack: Deployment, volume: str, script: str) -> None:
    """A shell with the volume in /mnt, as a person on the server has it."""
    image = next(each.attrs["Config"]["Image"] for each in stack.containers("web"))
    mount = f"--volume={stack.prefix}-{volume}:/mnt"
    docker("run", "--rm", "--network=none", "--user=0:0", mount, "--entrypoint=sh", image, "-ec", script)


def in_volume(volume: str, script: str) -> Act:
    return lambda stack: as_root(stack, volume, script)


def _edit_nginx(stack: Deployment) -> None:
    script = "echo '# by hand' >> /tmp/nginx.conf && nginx -e stderr -c /tmp/nginx.conf -s reload"
    docker("exec", stack.names(["nginx"])[0], "sh", "-ec", script)


_CSS = "$(find /mnt -type f -name '*.css' | sort | head -n 1)"
_SECRET = "/mnt/django_secret_key"
_INVALID = (
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = (SELECT max(indexrelid) FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'timebank%')"
)
_LIVE = """sed -i 's/"release": "[^"]*"/"release": "0123456789"/' /mnt/.live.json"""

INSIDE = (
    Drift(
        name="secret changed",
        ids=("F001",),
        what="django_secret_key",
        seed=in_volume("secrets-1", f"echo x > {_SECRET}.x; cat {_SECRET}.x > {_SECRET}; rm {_SECRET}.x"),
    ),
    Drift(name="secret removed", ids=("F002",), what="django_secret_key", seed=in_volume("secrets-1", f"rm {_SECRET}")),
    Drift(name="file by the secrets", ids=("F003",), what="more", seed=in_volume("secrets-1", "echo x > /mnt/more")),
    Drift(
        name="secret readable by all",
        ids=("F004",),
        what="django_secret_key",
        seed=in_volume("secrets-1", f"chmod 444 {_SECRET}"),
    ),
    Drift(name="static file changed", ids=("F005",), what=".css", seed=in_volume("static", f"echo x >> {_CSS}")),
    Drift(name="static file removed", ids=("F006",), what=".css", seed=in_volume("static", f"rm {_CSS}")),
    Drift(name="static file added", ids=("F007",), what="evil.js", seed=in_volume("static", "echo x > /mnt/evil.js")),
    Drift(
        name="slot elsewhere",
        ids=("F008",),
        what="3.sock",
        seed=in_volume("slots", "ln -sfn /run/web/elsewhere.sock /mnt/3.sock"),
    ),
    Drift(name="slot removed", ids=("F009",), what="long-5.sock", seed=in_volume("slots", "rm /mnt/long-5.sock")),
    Drift(name="release committed by hand", ids=("F010",), what="live release", seed=in_volume("slots", _LIVE)),
    Drift(name="file beside the slots", ids=("F011",), what="notes", seed=in_volume("slots", "echo x > /mnt/notes")),
    Drift(name="Nginx reconfigured", ids=("X001",), what="-nginx-", seed=_edit_nginx),
    Drift(
        name="ALTER SYSTEM",
        ids=("P002",),
        what="log_statement",
        seed=sql("ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()"),
    ),
    Drift(
        name="setting of a role",
        ids=("P003",),
        what="work_mem",
        seed=sql("ALTER ROLE site_1 SET work_mem = '64MB'"),
    ),
    Drift(
        name="role renamed",
        ids=("P004", "P005"),
        what="site_1",
        seed=sql("ALTER ROLE site_1 RENAME TO gone"),
    ),
    Drift(
        name="role with a hostile name",
        ids=("P005",),
        what="<img src=x>",
        seed=sql('CREATE ROLE "a|b `c` <img src=x> @all \u202e [x](http://x)" SUPERUSER'),
    ),
    Drift(name="rights of a role", ids=("P006",), what="site_1", seed=sql("ALTER ROLE site_1 CREATEDB")),
    Drift(name="membership", ids=("P007",), what="pg_monitor", seed=sql("GRANT pg_monitor TO site")),
    Drift(name="password", ids=("P008",), what="site_1", seed=sql("ALTER ROLE site_1 PASSWORD 'hunter2hunter2'")),
    Drift(name="database created", ids=("P009",), what="copy", seed=sql("CREATE DATABASE copy")),
    Drift(
        name="database opened",
        ids=("P010",),
        what="database site",
        seed=sql("GRANT CONNECT ON DATABASE site TO PUBLIC"),
    ),
    Drift(
        name="migration taken back",
        ids=("S001",),
        what="probe",
        seed=sql("DELETE FROM django_migrations WHERE app = 'probe'"),
        undo=sql("INSERT INTO django_migrations (app, name, applied) VALUES ('probe', '0001_initial', now())"),
    ),
    Drift(
        name="migration applied by hand",
        ids=("S002",),
        what="probe",
        seed=sql("INSERT INTO django_migrations (app, name, applied) VALUES ('probe', '0099_by_hand', now())"),
        undo=sql("DELETE FROM django_migrations WHERE name = '0099_by_hand'"),
    ),
    Drift(
        name="invalid index",
        ids=("S003",),
        what="timebank",
        seed=sql(_INVALID),
        undo=sql("UPDATE pg_index SET indisvalid = true WHERE NOT indisvalid"),
    ),
    Drift(
        name="program differs",
        ids=("D003",),
        what="Container",
        seed=lambda stack: stack.set(postgresMemoryMb="640"),
        undo=lambda stack: stack.set(postgresMemoryMb="512"),
    ),
)

DRIFTS = (*OUTSIDE, *INSIDE, *SCHEMA)
