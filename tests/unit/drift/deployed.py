"""The dev stack as it is recorded after an `up`, and a docker command in memory that has it exactly so."""

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from drift.observed import familiar
from drift.recorded import SECRET, SIGNATURE
from engine.providers.container import create_request
from release.errors import DockerError
from tests.unit.recording import Declarations, Declared, Secret

PREFIX, PROJECT, STACK = "shop-dev", "shop", "dev"
HEADS = {"auth": "0012_last", "site": "0003_third"}
STATIC = {"site.0123abcd.css": "body {}", "logo.svg": "<svg/>"}
STARTED = "2026-11-24T10:00:00.5Z"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def image_id(name: str) -> str:
    return f"sha256:{digest(name)}"


def wire(value: Any) -> Any:
    """As an export with its secrets in clear has it."""
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "plaintext": json.dumps(value.value)}
    if isinstance(value, Mapping):
        return {key: wire(each) for key, each in value.items()}
    return [wire(each) for each in value] if isinstance(value, list | tuple) else value


def release_of(stack: Declarations) -> str:
    return str(stack.all["Gunicorn web"].outputs["release"])


def resource(declared: Declared, stack: Declarations) -> dict[str, Any]:
    """One resource of an export."""
    outputs: dict[str, Any] = {}
    identity = declared.name
    if declared.short_type in ("Container", "Network"):
        identity = digest(f"{declared.short_type} {declared.inputs['name']}")
    elif declared.short_type == "Image":
        outputs = {"repoDigest": image_id(declared.inputs["imageName"])}
    elif declared.short_type == "RemoteImage":
        outputs = {"imageId": image_id(declared.inputs["name"])}
    elif declared.name == "web-migrate":
        outputs = {"stdout": "migrating\n" + json.dumps({"applied": [], "heads": HEADS, "contracting": {}})}
    elif declared.short_type == "Release":
        outputs = {"release": release_of(stack)}
    return {
        "urn": f"urn:pulumi:{STACK}::{PROJECT}::{declared.type}::{declared.name}",
        "type": declared.type,
        "id": identity,
        "inputs": wire(declared.inputs),
        "outputs": outputs,
        "ignoreChanges": list(declared.ignore_changes),
    }


def export(stack: Declarations, **changes: Any) -> str:
    """`stack export --show-secrets`."""
    resources = [resource(declared, stack) for declared in stack.all.values()]
    return json.dumps({"version": 3, "deployment": {"resources": resources, **changes}})


class RunningStack:
    """Docker with all of it, as it was deployed. Tests change what is in it; nothing else does."""

    def __init__(self, stack: Declarations) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.listed: dict[str, dict[str, Any]] = {}
        """Containers beside those of the stack."""
        self.images = {name: _image(name) for name in _image_names(stack)}
        self.containers = {each.inputs["name"]: _container(each, self.images) for each in stack.of("Container")}
        self.networks = {each.inputs["name"]: _network(each) for each in stack.of("Network")}
        self.volumes = {each.inputs["name"]: _volume(each) for each in stack.of("Volume")}
        self.written: dict[str, list[str]] = {}
        self.failing: dict[str, str] = {}
        """Beginnings of calls, and the errors that they end with."""
        self._release = release_of(stack)
        web = [each for each in self.containers if "-web-" in each]
        self.sockets = {f"{self._release}-{number}{end}" for number in range(1, len(web) + 1) for end in _ENDS}
        self.slots = {f"{pool}{slot}.sock": self._target(pool, slot, len(web)) for pool in _POOLS for slot in range(20)}
        self.live = json.dumps({"release": self._release, "slots": self.slots})
        self.more_slots: list[tuple[str, str, str]] = []
        nginx = next(each for each in stack.of("Container") if "-nginx-" in each.inputs["name"])
        self.conf = next(pair for pair in nginx.inputs["envs"] if pair.startswith("NGINX_CONF=")).partition("=")[2]
        self.static = dict(STATIC)
        self.lists = {"0123.json": json.dumps([*STATIC, "old.css"])}
        written = next(each for each in stack.of("Command") if each.name.endswith("-write")).inputs["stdin"]
        self.secrets: dict[str, str] = json.loads(written.value)
        self.modes = dict.fromkeys(self.secrets, "400 10001:10000")
        self.postgres = _postgres(stack)
        self.schema = _schema()

    def __call__(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:  # noqa: PLR0911
        self.calls.append(words)
        for beginning, error in self.failing.items():
            if " ".join(words).startswith(beginning):
                if check:
                    raise DockerError(error)
                return error if both else ""
        if words[0] == "ps":
            return "\n".join(json.dumps(_row(name, info)) for name, info in (self.containers | self.listed).items())
        if words[1] == "inspect":
            return self._inspect(words[0], words[2:])
        if words[:2] == ("volume", "ls"):
            return "\n".join(
                name for name, each in self.volumes.items() if (each["Labels"] or {}).get(_LABEL) == PREFIX
            )
        if words[:2] == ("image", "ls"):
            return "\n".join(name for name in self.images if name.startswith(words[-1]))
        if words[0] == "diff":
            return "\n".join(self.written.get(words[1], []))
        if words[0] == "run":
            return json.dumps(self.schema)
        return self._exec(words[2], stdin) if words[0] == "exec" else ""

    def _inspect(self, kind: str, names: tuple[str, ...]) -> str:
        some = {
            "container": self.containers,
            "network": self.networks,
            "volume": self.volumes,
            "image": self.images | {each["Id"]: each for each in self.images.values()},
        }[kind]
        found = [some[name] for name in names if name in some]
        errors = [f"Error response from daemon: No such {kind}: {name}" for name in names if name not in some]
        return "\n".join([json.dumps(found), *errors])

    def _exec(self, name: str, script: str) -> str:
        if "-postgres" in name:
            return "\n".join(json.dumps({key: value}) for key, value in self.postgres.items())
        if "-nginx-" in name:
            records = [f"static {digest(text)}  ./{path}" for path, text in self.static.items()]
            records += [f"list {name} {text}" for name, text in self.lists.items()]
            records += [f"slot l {name}\t{target}" for name, target in self.slots.items()]
            records += [f"slot {kind} {name}\t{target}" for kind, name, target in self.more_slots]
            records += [f"socket {name}" for name in self.sockets]
            records += ["slot f .live.json\t", f"live {self.live}", f"conf {self.conf}"]
        else:
            assert "/run/secrets" in script
            records = [f"static {digest(text)}  ./{path}" for path, text in STATIC.items()]
            records += [f"secret {digest(text)}  ./{path}" for path, text in self.secrets.items()]
            records += [f"mode {mode} {path}" for path, mode in self.modes.items()]
        return "".join(f"{record}\0" for record in [*records, "end"])

    def _target(self, pool: str, slot: int, replicas: int) -> str:
        return f"/run/web/{self._release}-{slot % replicas + 1}{_ENDS[pool == 'long-']}"


_LABEL = "django-stack.stack"
_ENDS = (".sock", ".long.sock")
_POOLS = ("", "canary-", "long-")


def _image_names(stack: Declarations) -> set[str]:
    built = {each.inputs["imageName"] for each in stack.of("Image")}
    return built | {each.inputs["name"] for each in stack.of("RemoteImage")}


def _image(name: str) -> dict[str, Any]:
    config = {"Env": ["PATH=/usr/bin", "LANG=C.UTF-8"], "Labels": {"maintainer": "someone"}, "Cmd": ["serve"]}
    config |= {"Entrypoint": ["start"], "User": "10002:10000"}
    return {"Id": image_id(name), "RepoTags": [familiar(name)], "RepoDigests": [], "Config": config}


def _container(declared: Declared, images: Mapping[str, Any]) -> dict[str, Any]:
    """As Docker inspects what the engine has asked it for."""
    inputs = copy.deepcopy(dict(declared.inputs))
    request = create_request(inputs)
    base = images[inputs["image"]]["Config"]
    host = dict(request.pop("HostConfig"))
    identity = digest(f"Container {inputs['name']}")
    networks = {
        each["name"]: {"Aliases": [*each.get("aliases", []), identity[:12]]} for each in inputs["networksAdvanced"]
    }
    mounts = [
        {"Type": "volume", "Name": each["volumeName"], "Destination": each["containerPath"], "RW": not each["readOnly"]}
        for each in inputs["volumes"]
    ]
    mounts += [{"Type": "tmpfs", "Destination": each["target"], "RW": True} for each in inputs["mounts"]]
    entrypoint = request.get("Entrypoint") or base["Entrypoint"]
    command = request.get("Cmd") or ([] if request.get("Entrypoint") else base["Cmd"])
    return {
        "Id": identity,
        "Name": f"/{inputs['name']}",
        "Image": images[inputs["image"]]["Id"],
        "State": {"Status": "running", "ExitCode": 0, "StartedAt": STARTED, "Health": {"Status": "healthy"}},
        "Mounts": mounts,
        "NetworkSettings": {"Networks": networks},
        "HostConfig": host | {"IpcMode": "private", "PidsLimit": _PIDS[inputs["name"].removeprefix(PREFIX)[:5]]},
        "Config": {
            **request,
            "Image": inputs["image"],
            "Env": [*request["Env"], *base["Env"]],
            "Labels": request["Labels"] | base["Labels"],
            "Entrypoint": entrypoint,
            "Cmd": command,
        },
    }


_PIDS = {"-web-": 200, "-ngin": 50, "-edge": 10, "-post": 300}


def _network(declared: Declared) -> dict[str, Any]:
    name = declared.inputs["name"]
    return {
        "Id": digest(f"Network {name}"),
        "Name": name,
        "Driver": "bridge",
        "Internal": bool(declared.inputs.get("internal")),
        "Labels": {_LABEL: PREFIX},
        "Containers": {},
    }


def _volume(declared: Declared) -> dict[str, Any]:
    labels = {each["label"]: each["value"] for each in declared.inputs["labels"]}
    return {"Name": declared.inputs["name"], "Driver": "local", "Labels": labels}


def _row(name: str, info: Mapping[str, Any]) -> list[str]:
    labels = info["Config"]["Labels"]
    networks = ",".join(info["NetworkSettings"]["Networks"])
    volumes = ",".join(each["Name"] for each in info["Mounts"] if each["Type"] == "volume")
    stack, role = (labels.get(f"django-stack.{key}", "") for key in ("stack", "role"))
    return [name, info["State"]["Status"], info["Config"]["Image"], networks, volumes, stack, role]


def stranger(**changes: Any) -> dict[str, Any]:
    """A container of somebody else's."""
    info: dict[str, Any] = {"State": {"Status": "running"}, "Mounts": [], "NetworkSettings": {"Networks": {}}}
    return info | {"Config": {"Image": "alpine", "Labels": {}}} | changes


def _postgres(stack: Declarations) -> dict[str, Any]:
    server = stack.all["Container postgres"].inputs
    settings = [word.partition("=") for word in server["command"] if "=" in word]
    nothing = dict.fromkeys(("super", "createrole", "createdb", "replication", "bypassrls", "login"), False)
    everything = dict.fromkeys(nothing, True)
    usual = {"inherit": True, "limit": -1, "until": None, "password": None}
    verifier = scram(stack.all["Command postgres-site"].inputs["stdin"].value.strip())
    return {
        "settings": [[name, value, "command line"] for name, _, value in settings],
        "files": [["TimeZone", "Etc/UTC", "/var/lib/postgresql/data/17/postgresql.conf"]],
        "overrides": [["", "site_1", "role=site"]],
        "roles": [
            {"name": "postgres", **everything, **usual},
            {"name": "site", **nothing, **usual},
            {"name": "site_1", **nothing, **usual, "login": True, "password": verifier},
        ],
        "members": [["site_1", "site", False]],
        "databases": [
            ["postgres", "postgres", None],
            ["template0", "postgres", "{=c/postgres,postgres=CTc/postgres}"],
            ["template1", "postgres", "{=c/postgres,postgres=CTc/postgres}"],
            ["site", "site", "{site=CTc/site}"],
        ],
        "invalid": [],
        "migrations": [["auth", "0001_first"], *([app, name] for app, name in HEADS.items())],
        "end": True,
    }


def _schema() -> dict[str, Any]:
    """A table with one of each, as in_site/ tells of it."""
    plain = {"type": "text", "null": False, "default": "", "generated": "", "identity": False, "by_sql": False}
    columns = {"id": plain | {"type": "bigint", "identity": True}, "note": plain, "at": plain | {"default": "now()"}}
    objects = [
        ("primary key", "", "shop_order_pkey", "PRIMARY KEY (id)"),
        ("unique", "", "shop_order_note_key", "UNIQUE (note)"),
        ("index", "by_at", "by_at", "INDEX (at DESC)"),
        ("foreign key", "order_fk", "order_fk", "FOREIGN KEY (id) REFERENCES shop_all (id)"),
        ("check", "has_note", "has_note", "CHECK (note <> '')"),
    ]
    sides = {
        side: {
            "columns": copy.deepcopy(columns),
            "objects": [
                {"kind": kind, "name": names[side], "definition": told, "by_sql": False}
                | ({"sql": f"CREATE INDEX {told}"} if side == "expected" else {"is_index": kind == "index"})
                for kind, expected, live, told in objects
                for names in [{"expected": expected, "live": live}]
            ],
        }
        for side in ("expected", "live")
    }
    return {"problem": "", "ahead": [], "strange": [], "tables": {"shop_order": sides}}


def scram(password: str) -> str:
    """A verifier as PostgreSQL makes it."""
    salt = b"0123456789abcdef"
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    encoded = [base64.b64encode(each).decode() for each in (salt, stored, stored)]
    return f"SCRAM-SHA-256$4096:{encoded[0]}${encoded[1]}:{encoded[2]}"
