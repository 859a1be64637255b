"""Files in secret, static and slot volumes, and Nginx's configuration, beside what they must be. Pure."""

import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drift.finding import Finding, Mend, short_hash
from drift.inside import Inside, NginxFiles, WebFiles
from drift.observed import Observed
from drift.recorded import Container, Recorded, Step

_POOLS = {"": ".sock", "canary-": ".sock", "long-": ".long.sock"}
"""How slots' names begin, and how the sockets end that they lead to."""
_SLOTS = 20
_NOTES = {".live.json", ".kept"}
_WRITER = re.compile(r"--volume=(\S+):/run/secrets(?:\s|$)")
_RELOAD = (
    "printf '%s' \"$NGINX_CONF\" > /tmp/nginx.conf && nginx -t -q -e stderr -c /tmp/nginx.conf"
    " && nginx -e stderr -c /tmp/nginx.conf -s reload"
)
_MOST_NAMED = 5


def findings(recorded: Recorded, observed: Observed, inside: Inside) -> Iterator[Finding]:
    """All of them."""
    if inside.web:
        yield from _secrets(recorded, inside.web)
    if inside.nginx:
        yield from _slots(recorded, observed, inside.nginx)
        yield from _configuration(inside.nginx)
        if inside.web:
            yield from _static(recorded, inside.nginx, inside.web)


def _secrets(recorded: Recorded, web: WebFiles) -> Iterator[Finding]:
    """Of the version that the replica has mounted, if the state knows what was written into it."""
    mounted = {each["volumeName"] for each in web.container.inputs.get("volumes") or ()}
    writers = [(step, _WRITER.search(step.create)) for step in recorded.steps if "write_secrets.py" in step.create]
    for step, volume in writers:
        if volume and volume[1] in mounted:
            yield from _secrets_of(step, volume[1], web)


def _secrets_of(step: Step, volume: str, web: WebFiles) -> Iterator[Finding]:
    written: Mapping[str, str] = json.loads(step.stdin or "{}")
    user = _flag(step, "--user")
    for name, value in sorted(written.items()):
        what = f"secret {name} in volume {volume}"
        digest = hashlib.sha256(value.encode()).hexdigest()
        harm = "deletes the file that is there, and writes the recorded one"
        anew = Mend(docker=(_remove(step, volume, "/run/secrets", name),), step=step.name, harm=harm)
        if name not in web.modes:
            yield Finding(id="drift.F002", what=what, expected="the file", found="none", mend=Mend(step=step.name))
            continue
        found = web.secrets.get(name, "")
        if found and found != digest:
            told = (f"sha256:{digest[:8]}", f"sha256:{found[:8]}")
            yield Finding(id="drift.F001", what=what, expected=told[0], found=told[1], mend=anew)
        if web.modes[name] != f"400 {user}":
            yield Finding(
                id="drift.F004", what=what, expected=f"mode 400, owner {user}", found=_mode(web.modes[name]), mend=anew
            )
    for name in sorted(web.modes.keys() - written.keys()):
        mend = Mend(docker=(_remove(step, volume, "/run/secrets", name),), harm="deletes the file")
        what = f"file {name} in volume {volume}"
        yield Finding(id="drift.F003", what=what, expected="none", found="a file", mend=mend)


def _mode(text: str) -> str:
    mode, _, owner = text.partition(" ")
    return f"mode {mode}, owner {owner}"


def _flag(step: Step, flag: str) -> str:
    words = shlex.split(step.create)
    return next((word.partition("=")[2] for word in words if word.startswith(f"{flag}=")), "")


def _remove(step: Step, volume: str, folder: str, name: str) -> tuple[str, ...]:
    """A container that removes one file: the step's own user and image, and nothing else of it."""
    image = next(word for word in shlex.split(step.create) if re.fullmatch(r"[\w./-]+:[0-9a-f]{12}", word))
    hardened = ("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", f"--user={_flag(step, '--user')}")
    return (*hardened, f"--volume={volume}:{folder}", "--entrypoint=rm", image, "-f", "--", f"{folder}/{name}")


def _static(recorded: Recorded, nginx: NginxFiles, web: WebFiles) -> Iterator[Finding]:
    """The image that serves is the measure: what it was published from."""
    step = recorded.step("-static")
    again = Mend(step=step.name) if step else Mend(by_hand="deploy again")
    wrong = [
        ("drift.F005", [name for name in web.static if nginx.static.get(name, web.static[name]) != web.static[name]]),
        ("drift.F006", [name for name in web.static if name not in nginx.static]),
    ]
    for kind, names in wrong:
        for name in sorted(names)[:_MOST_NAMED]:
            found = f"sha256:{nginx.static[name][:8]}" if name in nginx.static else "none"
            yield Finding(
                id=kind,
                what=f"static file {name}",
                expected=f"sha256:{web.static[name][:8]}",
                found=found + _more(names, name),
                mend=again,
            )
    listed = _published(nginx.lists)
    extra = sorted(nginx.static.keys() - web.static.keys() - listed)
    for name in extra[:_MOST_NAMED]:
        volume = next((each.name for each in recorded.volumes if each.name.endswith("-static")), "")
        remove = (
            Mend(docker=(_remove(step, volume, "/srv/published", name),), harm="deletes the file") if step else again
        )
        yield Finding(
            id="drift.F007",
            what=f"static file {name}",
            expected="none",
            found=f"sha256:{nginx.static[name][:8]}" + _more(extra, name),
            mend=remove,
        )


def _more(names: Sequence[str], name: str) -> str:
    """Where there are too many to name, the last one that is named says how many more there are."""
    last = sorted(names)[min(len(names), _MOST_NAMED) - 1]
    return f", and {len(names) - _MOST_NAMED} more such files" if name == last and len(names) > _MOST_NAMED else ""


def _published(lists: Mapping[str, str]) -> set[str]:
    names: set[str] = set()
    for text in lists.values():
        try:
            content = json.loads(text)
        except ValueError:
            continue
        names |= {name for name in content if isinstance(name, str)} if isinstance(content, list) else set()
    return names


def _slots(recorded: Recorded, observed: Observed, nginx: NginxFiles) -> Iterator[Finding]:
    committed = _committed(nginx.live)
    if not recorded.release and not committed:  # the first release has not gone live
        return
    if committed.get("release") != recorded.release:
        step = recorded.step("-switch")
        mend = Mend(step=step.name) if step else Mend(by_hand="deploy again")
        found = str(committed.get("release") or "none that can be read")
        yield Finding(id="drift.F010", what="live release", expected=recorded.release, found=found, mend=mend)
    wrong: dict[tuple[str, str], list[tuple[str, str]]] = {}
    down = {_socket(each) for each in recorded.live if not observed.runs(each.name)}
    for name, kind, expected, found in _misplaced(recorded, nginx, committed.get("slots") or {}, down):
        wrong.setdefault((kind, found), []).append((name, expected))
    for (kind, found), slots in wrong.items():
        name, expected = slots[0]
        more = f" and {len(slots) - 1} more" if len(slots) > 1 else ""
        yield Finding(id=kind, what=f"slot {name}{more}", expected=expected, found=found, mend=_restore(recorded))
    for name in sorted(nginx.slots.keys() - {slot for slot, _ in _names()} - _NOTES):
        if not re.fullmatch(r"\.(.+\.sock\.new|live\.json\.new|kept\.new)", name):
            words = _in_slots(recorded, "rm", "-rf", "--", f"/run/slots/{name}")
            remove = Mend(docker=(words,), harm="deletes the file")
            what = f"file {name} beside the slots"
            yield Finding(id="drift.F011", what=what, expected="none", found="a file", mend=remove)


def _names() -> list[tuple[str, str]]:
    """Every slot, and how the sockets end that it may lead to."""
    return [(f"{pool}{slot}.sock", ending) for pool, ending in _POOLS.items() for slot in range(_SLOTS)]


def _misplaced(
    recorded: Recorded, nginx: NginxFiles, committed: Mapping[str, Any], down: set[str]
) -> Iterator[tuple[str, str, str, str]]:
    """Name, kind of drift, what the slot must point to, and what it does; of slots that are not as committed.

    Where a replica is down nothing listens, which is no drift of the slots.
    """
    sockets = [_socket(each) for each in recorded.live]
    for name, ending in _names() if sockets else ():
        possible = sorted(socket + ending for socket in sockets)
        kind, target = nginx.slots.get(name, ("", ""))
        meant = committed.get(name) if committed.get(name) in possible else None
        expected = str(meant or " or ".join(possible))
        if kind != "l":
            yield name, "drift.F009", expected, "a file" if kind else "none"
        elif target not in possible or (meant and target != meant):
            yield name, "drift.F008", expected, target
        elif target.rpartition("/")[2] not in nginx.sockets and target.removesuffix(ending) not in down:
            yield name, "drift.F009", expected, f"{target}, where nothing listens"


def _socket(replica: Container) -> str:
    """Path of a replica's sockets, without how they end."""
    return f"/run/web/{replica.release}-{_env(replica.inputs, 'REPLICA')}"


def _committed(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("slots"), dict) else {}


def _env(inputs: Mapping[str, Any], name: str) -> str:
    pairs = [pair.partition("=") for pair in inputs.get("envs") or ()]
    return next((value for key, _, value in pairs if key == name), "")


def _restore(recorded: Recorded) -> Mend:
    """Point the slots as the last commit has them."""
    return Mend(docker=(_in_slots(recorded, "python3", "/opt/stack/slots.py", "restore"),))


def _in_slots(recorded: Recorded, program: str, *words: str) -> tuple[str, ...]:
    image = next((each.name for each in recorded.images if each.name.startswith(f"{recorded.prefix}/python:")), "")
    hardened = ("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--user=10002:10000")
    return (*hardened, f"--volume={recorded.prefix}-slots:/run/slots", f"--entrypoint={program}", image, *words)


def _configuration(nginx: NginxFiles) -> Iterator[Finding]:
    """The file that Nginx was started with, and reads again when it is told to."""
    name, declared = nginx.container.name, _env(nginx.container.inputs, "NGINX_CONF")
    if nginx.conf == declared:
        return
    expected, found = declared.splitlines(), (nginx.conf or "").splitlines()
    pairs = enumerate(zip(expected, found, strict=False), start=1)
    line = next((number for number, (one, other) in pairs if one != other), min(len(expected), len(found)) + 1)
    yield Finding(
        id="drift.X001",
        what=f"configuration of {name}",
        expected=short_hash(declared),
        found=f"{short_hash(nginx.conf)}, other from line {line} on" if nginx.conf is not None else "none",
        mend=Mend(docker=(("exec", name, "sh", "-c", _RELOAD),)),
    )
