"""docker:index/volume:Volume."""

from urllib.parse import quote

from engine.model import State
from engine.providers import Context
from engine.providers.bridged import Bridged
from engine.providers.docker_api import inspect
from engine.providers.network import label_list, labels_of
from engine.providers.removal import remove
from engine.providers.schema import LABEL, as_read, parse_schema, recorded
from engine.values import Properties, reveal

SCHEMA = parse_schema(
    """
    driver      text        computed
    driverOpts  map
    labels      object-set
    name        text        computed
    """,
    labels=LABEL,
)


class Volume(Bridged):
    """A Docker volume; every change replaces it. A volume of the name that exists already is adopted."""

    schema = SCHEMA

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        request = {"Name": plain["name"], "Driver": plain.get("driver") or "local", "Labels": labels_of(plain)}
        context.docker().call("POST", "/volumes/create", {**request, "DriverOpts": plain.get("driverOpts") or {}})
        return plain["name"], {**(_observed(context, plain["name"]) or {}), **recorded(inputs, SCHEMA)}

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        observed = _observed(context, state.id)
        return None if observed is None else as_read(state, observed, SCHEMA)

    def delete(self, context: Context, state: State) -> None:
        remove(context, f"/volumes/{quote(state.id, safe='')}", busy="volume is in use", force=True)


def _observed(context: Context, name: str) -> Properties | None:
    info = inspect(context.docker(), "volumes", name)
    if info is None:
        return None
    observed = {"driver": info["Driver"], "id": info["Name"], "mountpoint": info["Mountpoint"], "name": info["Name"]}
    options = {"driverOpts": info["Options"]} if info.get("Options") else {}
    return {"__meta": '{"schema_version":"1"}', **observed, "labels": label_list(info.get("Labels")), **options}
