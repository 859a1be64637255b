"""Releases that must not go live, each broken in one way, and what the person who deploys them must be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WSGI = "sample/hedgerow/wsgi.py"
APPLICATION = "application = get_wsgi_application()"
VIEWS = "sample/probe/views.py"
SERVING = 'if os.environ["REPLICA"] != "0":'
"""True in a web container, and not where migrations run."""


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """One way to break a release."""

    name: str
    file: str
    old: str
    new: str
    told: tuple[str, ...]
    """Words of the cause and of the cure that must be told."""
    config: Mapping[str, str] = field(default_factory=dict)


def _wsgi(name: str, code: str, *told: str, config: Mapping[str, str] | None = None) -> Breakage:
    return Breakage(name=name, file=WSGI, old=APPLICATION, new=f"{code}\n{APPLICATION}", told=told, config=config or {})


BREAKAGES = (
    _wsgi("crash at start", f'{SERVING} raise RuntimeError("no such luck")', "no such luck", "RuntimeError"),
    Breakage(
        name="health never passes",
        file=VIEWS,
        old="        elapsed = measure()",
        new="        raise TimeoutError",
        told=("503", "not healthy after"),
        config={"startTimeoutSeconds": "8"},
    ),
    Breakage(
        name="health passes, pages answer 500",
        file="sample/timebank/views.py",
        old="    exchanged = Transfer",
        new="    raise ValueError\n    exchanged = Transfer",
        told=("gate.E003", "/ must not answer with a server error (got 500)"),
    ),
    _wsgi(
        "start takes too long",
        f"import time\n{SERVING} time.sleep(60)",
        "not healthy after 8 s",
        config={"startTimeoutSeconds": "8"},
    ),
    Breakage(
        name="migration fails",
        file="sample/timebank/migrations/0002_broken.py",
        old="",
        new=(
            "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
            '    dependencies = [("timebank", "0001_initial")]\n'
            '    operations = [migrations.RunSQL("ALTER TABLE nowhere ADD COLUMN x int")]\n'
        ),
        told=("timebank.0002_broken failed", 'relation "nowhere" does not exist', "42P01"),
    ),
    _wsgi("import fails", "import nothing_of_that_name", "nothing_of_that_name", "requirements.txt"),
    _wsgi("environment variable missing", 'os.environ["PAYMENT_KEY"]', "PAYMENT_KEY", "`environment`"),
    Breakage(
        name="static file not in the manifest",
        file="sample/templates/base.html",
        old="{% static 'site.css' %}",
        new="{% static 'missing.css' %}",
        told=("gate.E003", "500"),
    ),
    Breakage(
        name="image for another processor",
        file="images/app/Dockerfile",
        old="RUN STATIC_ROOT=/srv/static python /opt/stack/collect.py",
        new=(
            "RUN STATIC_ROOT=/srv/static python /opt/stack/collect.py\nUSER root\n"
            # The head of an ELF file for AArch64, on machines that are not: the kernel refuses it. The shell
            # as well, which would take the other for a script.
            "RUN printf '\\177ELF\\002\\001\\001\\000\\000\\000\\000\\000\\000\\000\\000\\000\\002\\000\\267\\000' "
            "> /venv/bin/gunicorn && cp -p /venv/bin/gunicorn /bin/dash.new && mv /bin/dash.new /bin/dash\n"
            "USER 10001:10000"
        ),
        told=("Exec format error", "processor"),
    ),
    _wsgi(
        "out of memory at start",
        f"{SERVING} hold = [bytearray(8 << 20) for _ in range(200)]",
        "memory",
        config={"startTimeoutSeconds": "20"},
    ),
    Breakage(
        name="socket never made",
        file="images/python/gunicorn.conf.py",
        old='f"unix:{_socket}"',
        new='f"unix:{_socket}.elsewhere"',
        told=("no answer on", "not healthy after 8 s"),
        config={"startTimeoutSeconds": "8"},
    ),
    Breakage(
        name="workers hang",
        file=VIEWS,
        old="        elapsed = measure()",
        new="        time.sleep(60)\n        elapsed = measure()",
        told=("not healthy after 8 s",),
        config={"startTimeoutSeconds": "8"},
    ),
    Breakage(
        name="release command fails",
        file="sample/timebank/management/commands/seed.py",
        old="",
        new="raise SystemExit('the seed is spoiled')\n",
        told=("the seed is spoiled",),
    ),
    Breakage(
        name="library missing",
        file="images/app/Dockerfile",
        old="python /opt/stack/collect.py",
        new=(
            "python /opt/stack/collect.py\n"
            "USER root\nRUN /venv/bin/pip uninstall --quiet --yes psycopg-binary\nUSER 10001:10000"
        ),
        told=("libpq", "psycopg[binary]"),
    ),
)
