"""Networks, volumes and images beside what is recorded, and containers that nobody declared. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from drift.finding import Finding, Mend
from drift.observed import LOOKING, Listed, Observed
from drift.recorded import Image, Recorded, Thing, labels_of


def findings(recorded: Recorded, observed: Observed) -> Iterator[Finding]:
    """All of them."""
    for network in recorded.networks:
        yield from _network(network, observed)
    for volume in recorded.volumes:
        yield from _volume(volume, observed.volumes.get(volume.name))
    for name in sorted(observed.stack_volumes - {volume.name for volume in recorded.volumes}):
        yield Finding(
            id="drift.V003",
            what=f"volume {name}",
            expected="none",
            found="a volume with the stack's label",
            mend=Mend(docker=(("volume", "rm", name),), harm="deletes the volume"),
        )
    for image in recorded.images:
        yield from _image(image, observed)
    yield from _strangers(recorded, observed)


def _network(network: Thing, observed: Observed) -> Iterator[Finding]:
    what, info = f"network {network.name}", observed.networks.get(network.name)
    if info is None:
        yield Finding(id="drift.N001", what=what, expected="the network", found="none")
        return
    attached = [each["Name"] for each in (info.get("Containers") or {}).values()]
    leave = [("network", "disconnect", "--force", network.name, each) for each in sorted(attached)]
    anew = Mend(
        docker=(*leave, ("network", "rm", network.name)), up=True, harm="cuts the connections of all that is on it"
    )
    if network.id and network.id != info["Id"]:
        yield Finding(id="drift.N002", what=what, expected=network.id[:12], found=str(info["Id"])[:12], mend=anew)
    for expected, found in (
        (network.inputs.get("driver") or "bridge", info.get("Driver")),
        (_way_out(network.inputs.get("internal")), _way_out(info.get("Internal"))),
        *_labels(network, info),
    ):
        if expected != found:
            yield Finding(id="drift.N003", what=what, expected=str(expected), found=str(found), mend=anew)


def _way_out(internal: Any) -> str:
    return "no way out" if internal else "a way out"


def _labels(thing: Thing, info: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "labels" in thing.ignored:
        return []
    return [(_pairs(labels_of(thing.inputs)), _pairs(info.get("Labels") or {}))]


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no labels"


def _volume(volume: Thing, info: Mapping[str, Any] | None) -> Iterator[Finding]:
    what = f"volume {volume.name}"
    if info is None:
        yield Finding(
            id="drift.V001",
            what=what,
            expected="the volume",
            found="none; what was in it is lost, unless you have a copy",
        )
        return
    by_hand = Mend(by_hand=f"move what is in {volume.name} to a volume that ./pulumiw up has made")
    for expected, found in (
        (volume.inputs.get("driver") or "local", info.get("Driver")),
        *_labels(volume, info),
    ):
        if expected != found:
            yield Finding(id="drift.V002", what=what, expected=str(expected), found=str(found), mend=by_hand)


def _image(image: Image, observed: Observed) -> Iterator[Finding]:
    what, info = f"image {image.name}", observed.images.get(image.name)
    if info is None or (image.id and not image.is_pulled and info["Id"] != image.id):
        kind, found = ("drift.I002", info["Id"][7:19]) if info else ("drift.I001", "none")
        yield Finding(
            id=kind, what=what, expected=image.id[7:19] or "the image", found=found, mend=_bring_back(image, observed)
        )


def _bring_back(image: Image, observed: Observed) -> Mend:
    """Its name again where it is there without it; else it is pulled or built anew."""
    if image.id in observed.images:
        return Mend(docker=(("tag", image.id, image.name),))
    if image.is_pulled:
        return Mend(docker=(("pull", image.name),))
    return Mend(by_hand=f"build {image.name} again: ./ops pin, or a change of its source, then ./pulumiw up")


def _strangers(recorded: Recorded, observed: Observed) -> Iterator[Finding]:
    declared = {each.name for each in recorded.containers}
    networks = {each.name for each in recorded.networks}
    volumes = {each.name for each in recorded.volumes}
    for listed in observed.listed:
        if listed.name in declared or (listed.stack == recorded.prefix and listed.role == LOOKING):
            continue
        remove = Mend(docker=(("rm", "--force", listed.name),), harm="removes the container")
        if listed.stack == recorded.prefix:
            yield _stranger("drift.C031", f"container {listed.name}", listed, remove)
            continue
        for network in sorted(listed.networks & networks):
            leave = Mend(
                docker=(("network", "disconnect", "--force", network, listed.name),), harm="cuts its connections"
            )
            yield _stranger("drift.N004", f"container {listed.name} on network {network}", listed, leave)
        for volume in sorted(listed.volumes & volumes):
            yield _stranger("drift.V004", f"container {listed.name} with volume {volume}", listed, remove)


def _stranger(kind: str, what: str, listed: Listed, mend: Mend) -> Finding:
    return Finding(id=kind, what=what, expected="none", found=f"{listed.state}, image {listed.image}", mend=mend)
