"""Recorded beside observed: every finding that can be made from the outside. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from drift import container, surroundings
from drift.container import Aspect
from drift.finding import Finding, Mend
from drift.observed import Observed
from drift.recorded import Container, Recorded

_ATTACHED = ("C010", "C011")
_STOPPED = {"paused": "unpause", "exited": "start", "created": "start"}
_OF_THE_WHOLE_SITE = ("edge", "nginx", "postgres")


def findings(recorded: Recorded, observed: Observed) -> list[Finding]:
    """All of them, most basic first."""
    cut = [
        Finding(id="drift.R001", what="state", expected="no operation under way", found=each)
        for each in recorded.cut_off
    ]
    own = [finding for each in recorded.containers for finding in _container(each, recorded, observed)]
    return [*cut, *_with_harm(own, recorded), *surroundings.findings(recorded, observed)]


def _with_harm(own: list[Finding], recorded: Recorded) -> list[Finding]:
    """Where every replica that serves would be made anew, the site would not answer meanwhile."""
    live = {each.name for each in recorded.live}
    removed = {words[-1] for finding in own for words in finding.mend.docker if words[0] == "rm"}
    if not live or not live <= removed:
        return own
    harm = "interrupts the site until one of its replicas is there again"
    return [replace(each, mend=replace(each.mend, harm=harm)) if _removes(each, live) else each for each in own]


def _removes(finding: Finding, names: set[str]) -> bool:
    return any(words[0] == "rm" and words[-1] in names for words in finding.mend.docker)


def _container(own: Container, recorded: Recorded, observed: Observed) -> Iterator[Finding]:
    what, info = f"container {own.name}", observed.containers.get(own.name)
    if info is None:
        yield Finding(id="drift.C001", what=what, expected="the container", found="none")
        return
    anew = _anew(own)
    if own.id and own.id != info["Id"]:
        yield Finding(id="drift.C002", what=what, expected=own.id[:12], found=str(info["Id"])[:12], mend=anew)
    stands_by = not observed.runs(own.name) and _is_spare(own, recorded, observed)
    if not stands_by:
        yield from _alive(own, info)
    image = observed.images.get(info["Image"]) or {}
    aspects = [*container.differing(own, info, image), *_image(own, info, recorded)]
    for aspect in aspects:
        if stands_by and aspect.kind == "C025":
            continue
        yield Finding(
            id=f"drift.{aspect.kind}",
            what=what,
            expected=aspect.expected or "none",
            found=aspect.found or "none",
            mend=_mend(aspect, own, info, anew),
        )
    if written := _written(observed.written.get(own.name, ()), info):
        found = f"{len(written)} more: {', '.join(written[:5])}"
        yield Finding(id="drift.C032", what=what, expected="no file but the image's", found=found, mend=anew)
    if own.role == "nginx" and _older_than_its_holder(info, recorded, observed):
        restart = Mend(docker=(("restart", own.name),))
        yield Finding(id="drift.C033", what=what, expected="in the holder's network", found="older", mend=restart)


def _is_spare(own: Container, recorded: Recorded, observed: Observed) -> bool:
    """It is of a release that has failed: such containers are kept, stopped for good, for their logs."""
    if own.role == "nginx":
        return any(observed.runs(each.name) for each in recorded.of_role("nginx"))
    return own.role == "web" and own.release != recorded.release


def _alive(own: Container, info: Mapping[str, Any]) -> Iterator[Finding]:
    what, state = f"container {own.name}", info["State"]
    if state["Status"] != "running":
        word = _STOPPED.get(state["Status"])
        found = (
            f"{state['Status']}, exit code {state.get('ExitCode')}{', out of memory' * bool(state.get('OOMKilled'))}"
        )
        look = Mend(by_hand=f"docker logs --tail=50 {own.name}")
        cause = "it ran out of memory" if state.get("OOMKilled") else ""
        mend = Mend(docker=((word, own.name),)) if word else look
        yield Finding(id="drift.C003", what=what, expected="running", found=found, mend=mend, cause=cause)
    elif (state.get("Health") or {}).get("Status") == "unhealthy":
        look = Mend(by_hand=f"docker logs --tail=50 {own.name}")
        yield Finding(id="drift.C004", what=what, expected="healthy", found="unhealthy", mend=look)


def _image(own: Container, info: Mapping[str, Any], recorded: Recorded) -> Iterator[Aspect]:
    """The same name may stand for another image by now."""
    built = next((each for each in recorded.images if each.name == own.inputs["image"] and not each.is_pulled), None)
    if built and built.id and "image" not in own.ignored and info["Image"] != built.id:
        yield Aspect("C005", built.id[7:19], str(info["Image"])[7:19])


def _mend(aspect: Aspect, own: Container, info: Mapping[str, Any], anew: Mend) -> Mend:
    inputs = own.inputs
    if aspect.kind == "C013":
        return Mend(
            docker=(("update", f"--cpus={inputs['cpus']}", f"--cpu-shares={inputs.get('cpuShares') or 0}", own.name),)
        )
    if aspect.kind in ("C014", "C015") and inputs.get("memory") and inputs.get("memorySwap"):
        memory, swap = inputs["memory"], inputs["memorySwap"]
        return Mend(docker=(("update", f"--memory={memory}m", f"--memory-swap={swap}m", own.name),))
    if aspect.kind == "C016":
        return Mend(docker=(("update", f"--pids-limit={own.pids}", own.name),))
    if aspect.kind == "C025":
        return Mend(docker=(("update", f"--restart={inputs['restart']}", own.name),))
    if aspect.kind in _ATTACHED and inputs.get("networksAdvanced"):
        return _rejoin(own, info)
    return anew


def _rejoin(own: Container, info: Mapping[str, Any]) -> Mend:
    """Leave networks that nobody declared, and join those that are declared, with their aliases."""
    declared = {each["name"]: sorted(each.get("aliases") or ()) for each in own.inputs["networksAdvanced"]}
    joined = (info.get("NetworkSettings") or {}).get("Networks") or {}
    wrong = [name for name in joined if name not in declared]
    wrong += [name for name, aliases in declared.items() if name in joined and _differ(own, info, name, aliases)]
    words = [("network", "disconnect", name, own.name) for name in sorted(wrong)]
    words += [
        ("network", "connect", *(f"--alias={alias}" for alias in aliases), name, own.name)
        for name, aliases in sorted(declared.items())
        if name not in joined or name in wrong
    ]
    cut = [name for name in declared if name in wrong and own.role in _OF_THE_WHOLE_SITE]
    return Mend(docker=tuple(words), harm="cuts its connections for a moment" if cut else "")


def _differ(own: Container, info: Mapping[str, Any], network: str, aliases: list[str]) -> bool:
    found = set(info["NetworkSettings"]["Networks"][network].get("Aliases") or ()) - {info["Id"][:12], own.name}
    return found != set(aliases)


def _anew(own: Container) -> Mend:
    """Remove it, so that `up` makes it anew: what Docker fixes when a container is created cannot be changed."""
    seconds = int(own.inputs.get("stopTimeout") or 10)
    return Mend(
        docker=(("stop", f"--time={seconds}", own.name), ("rm", "--force", own.name)),
        up=True,
        harm="interrupts the site until it is there again" if own.role in _OF_THE_WHOLE_SITE else "",
    )


def _written(lines: Sequence[str], info: Mapping[str, Any]) -> list[str]:
    """Files that are not the image's; without the places that Docker itself makes for mounts."""
    places = [each["Destination"] for each in info.get("Mounts") or ()]
    places += [*(info["HostConfig"].get("Tmpfs") or {}), "/etc", "/dev", "/proc", "/sys", "/run", "/var", "/srv"]
    made = {path for place in places for path in (place, *_above(place))}
    changes = [line.partition(" ")[2] for line in lines if line[:2] in ("A ", "C ", "D ")]
    return [path for path in changes if path not in made]


def _above(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts))]


def _older_than_its_holder(info: Mapping[str, Any], recorded: Recorded, observed: Observed) -> bool:
    """Nginx that was there before the holder's network serves nobody; both have to run."""
    holders = [observed.containers.get(each.name) for each in recorded.of_role("edge")]
    started = [_started(each) for each in holders if each and each["State"]["Status"] == "running"]
    return info["State"]["Status"] == "running" and bool(started) and _started(info) < max(started)


def _started(info: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(info["State"]["StartedAt"])
