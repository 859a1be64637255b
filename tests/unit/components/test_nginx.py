"""The edge: its configuration as text, and what may and may not replace the holder of the ports."""

import dataclasses
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from components import nginx
from components.nginx import SLOTS, Nginx, NginxArgs, render
from components.sizing import Limits
from components.spec import Placement
from components.volume import SiteVolumes, SiteVolumesArgs
from tests.unit.goldens import expect
from tests.unit.program import ROOT
from tests.unit.recording import Declarations, record

PLACEMENT = Placement(prefix="shop-prod")

ARGS: dict[str, Any] = {
    "placement": PLACEMENT,
    "image": "shop-prod/nginx:0123456789ab",
    "network": "shop-prod-edge",
    "hosts": ("www.example.com", "example.com"),
    "publish_address": "0.0.0.0",  # noqa: S104 - compared, not bound
    "http_port": 80,
    "https_port": 443,
    "limits": Limits(cpus=1.5, memory_mb=128, pids=50),
    "upload_limit_mb": 25,
    "request_timeout_seconds": 30,
    "drain_timeout_seconds": 60,
}


def declare(**changes: Any) -> Declarations:
    """The edge with these arguments changed."""

    def program() -> None:
        volumes = SiteVolumes("volumes", SiteVolumesArgs(placement=PLACEMENT))
        Nginx("nginx", NginxArgs(**ARGS | {"volumes": volumes} | changes))

    return record(program)


@pytest.fixture(scope="module")
def unchanged() -> Declarations:
    """The edge with none of them changed."""
    return declare()


def edge(declarations: Declarations) -> tuple[Any, Any]:
    """The holder and Nginx."""
    holder = declarations.all["Container nginx-holder"]
    (server,) = (each for each in declarations.of("Container") if each is not holder)
    assert server.depends_on == ("Command nginx-holder-ready", "Container nginx-holder")
    return holder, server


def rendered(**changes: Any) -> str:
    """The configuration with these arguments changed; volumes are not in it."""
    texts: list[str] = []

    def program() -> None:
        volumes = SiteVolumes("volumes", SiteVolumesArgs(placement=PLACEMENT))
        texts.append(render(NginxArgs(**ARGS | {"volumes": volumes} | changes)))

    record(program)
    return texts[0]


def test_the_configuration_is_the_templates_with_every_value_filled_in() -> None:
    """The whole text, as Nginx reads it."""
    expect("nginx.conf", rendered())


def test_no_placeholder_is_left_and_nginx_keeps_its_own_variables() -> None:
    """`@{name}` is ours, `$name` is Nginx's."""
    text = rendered()
    assert re.findall(r"@\{\w+\}", text) == []
    assert "$request_uri" in text


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"hosts": ("a.example",)}, "server_name a.example;"),
        ({"limits": Limits(cpus=4, memory_mb=128, pids=50)}, "worker_processes 4;"),
        ({"upload_limit_mb": 300}, "client_max_body_size 300m;"),
        ({"drain_timeout_seconds": 7}, "worker_shutdown_timeout 7s;"),
        ({"request_timeout_seconds": 40}, "proxy_read_timeout 45s;"),
        ({"long_timeout_seconds": 77}, "proxy_read_timeout 77s;"),
        ({"long_paths": ("/export/", "/live/")}, "location /export/ {\n            proxy_pass http://long;"),
        ({"long_paths": ("/export/", "/live/")}, "location /live/ {\n            proxy_pass http://long;"),
    ],
)
def test_a_value_reaches_its_directive(changes: dict[str, Any], line: str) -> None:
    """And is not there without the change."""
    assert line in rendered(**changes)
    assert line not in rendered()


@pytest.mark.parametrize(("upstream", "pool"), [("web", ""), ("canary", "canary-"), ("long", "long-")])
def test_there_is_a_slot_for_every_replica_that_a_stack_can_have(upstream: str, pool: str) -> None:
    """In every pool; their number never changes, so scaling needs no new configuration."""
    servers = rendered().partition(f"upstream {upstream} {{\n")[2].partition("    }\n")[0]
    assert servers.splitlines() == [
        f"        server unix:/run/slots/{pool}{slot}.sock max_fails=0;" for slot in range(SLOTS)
    ]
    assert SLOTS == 20


def test_nginx_tells_probes_which_configuration_it_has(unchanged: Declarations) -> None:
    """Its identity is in the text, and follows from all the rest of it."""
    identity = unchanged.all["Nginx nginx"].outputs["edge"]
    assert f'map $http_x_stack_probe $probe_edge {{ default ""; "1" "{identity}"; }}' in rendered()
    others = [
        declare(**changes).all["Nginx nginx"].outputs["edge"]
        for changes in ({"hosts": ("b.example",)}, {"long_paths": ("/export/",)}, {"drain_timeout_seconds": 61})
    ]
    assert len({identity, *others}) == 4
    assert declare(image="shop-prod/nginx:1").all["Nginx nginx"].outputs["edge"] == identity


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("listen @{port};", KeyError),
        ("listen @{http-port};", ValueError),
        ("listen @{port ;", ValueError),
    ],
)
def test_a_placeholder_that_is_unknown_or_broken_is_an_error(
    template: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would otherwise reach Nginx as text."""
    (tmp_path / "site.conf").write_text(template)
    monkeypatch.setattr(nginx, "_TEMPLATES", tmp_path)
    with pytest.raises(error):
        nginx._fill("site.conf", other="1")


def test_other_at_signs_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named locations begin with one; a doubled one before a brace stands for itself."""
    (tmp_path / "site.conf").write_text("error_page 502 = @anyone; a@example.com @@{x} @{name}")
    monkeypatch.setattr(nginx, "_TEMPLATES", tmp_path)
    assert nginx._fill("site.conf", name="1") == "error_page 502 = @anyone; a@example.com @{x} 1"


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "shop-prod/nginx:ba9876543210"},
        {"hosts": ("b.example",)},
        {"limits": Limits(cpus=2, memory_mb=256, pids=60)},
        {"upload_limit_mb": 30},
        {"request_timeout_seconds": 31},
        {"drain_timeout_seconds": 61},
        {"long_paths": ("/export/",)},
        {"long_timeout_seconds": 61},
    ],
)
def test_a_new_nginx_starts_beside_the_old_one_and_the_holder_stays(
    changes: dict[str, Any], unchanged: Declarations
) -> None:
    """Another name for Nginx; the same holder but for the image, which is not looked at."""
    before, after = edge(unchanged), edge(declare(**changes))
    assert before[1].name != after[1].name
    assert before[1].inputs["name"] != after[1].inputs["name"]
    assert before[0].ignore_changes == ("image",)
    assert {**before[0].inputs, "image": ""} == {**after[0].inputs, "image": ""}


@pytest.mark.parametrize("changes", [{"publish_address": "127.0.0.1"}, {"http_port": 8080}, {"https_port": 0}])
def test_a_new_port_changes_the_holder_and_not_nginx(changes: dict[str, Any], unchanged: Declarations) -> None:
    """Nginx follows it by its namespace alone."""
    before, after = edge(unchanged), edge(declare(**changes))
    assert before[0].inputs["ports"] != after[0].inputs["ports"]
    assert before[1].name == after[1].name


def holder_label(declarations: Declarations) -> str:
    """What the holder says that it is made from."""
    labels = edge(declarations)[0].inputs["labels"]
    return next(str(each["value"]) for each in labels if each["label"] == "django-stack.spec")


@pytest.mark.parametrize(
    "changes",
    [{"publish_address": "127.0.0.1"}, {"https_port": 0}, {"network": "other"}, {"connections_migrate": False}],
)
def test_whatever_replaces_the_holder_is_in_its_label(changes: dict[str, Any], unchanged: Declarations) -> None:
    """Its image does not; see above."""
    assert holder_label(declare(**changes)) != holder_label(unchanged)


@pytest.mark.parametrize(("running", "announced"), [("", 0), ("the same", 0), ("0123456789", 1), ("unknown", 1)])
def test_a_replacement_of_the_holder_is_announced(
    running: str, announced: int, unchanged: Declarations, caplog: pytest.LogCaptureFixture
) -> None:
    """With what it means for visitors; not where nothing runs yet, nor where nothing changes."""
    with caplog.at_level(logging.WARNING):
        declare(running_holder=holder_label(unchanged) if running == "the same" else running)
    told = [entry.message for entry in caplog.records if "no connection is possible meanwhile" in entry.message]
    assert len(told) == announced


@pytest.mark.parametrize(
    ("https_port", "ports"),
    [
        (
            443,
            [
                {"ip": "0.0.0.0", "external": 80, "internal": 8080},  # noqa: S104 - compared, not bound
                {"ip": "0.0.0.0", "external": 443, "internal": 8443},  # noqa: S104 - compared, not bound
            ],
        ),
        (0, [{"ip": "0.0.0.0", "external": 80, "internal": 8080}]),  # noqa: S104 - compared, not bound
    ],
)
def test_the_holder_publishes_what_the_config_says(https_port: int, ports: list[dict[str, Any]]) -> None:
    """Both ports from the first day on, unless HTTPS is left out."""
    assert edge(declare(https_port=https_port))[0].inputs["ports"] == ports


@pytest.mark.parametrize(("migrate", "sysctls"), [(True, {"net.ipv4.tcp_migrate_req": "1"}), (False, None)])
def test_connections_are_handed_over_where_the_kernel_can(migrate: bool, sysctls: dict[str, str] | None) -> None:
    """An older kernel does not know the setting and would refuse the container."""
    assert edge(declare(connections_migrate=migrate))[0].inputs.get("sysctls") == sysctls


def test_nginx_lives_in_the_holders_network(unchanged: Declarations) -> None:
    """It follows from the holder's id, so a new holder is a reason to replace it."""
    holder, server = edge(unchanged)
    assert server.inputs["networkMode"].startswith("container:nginx-holder-")
    assert server.inputs["networksAdvanced"] == []
    assert [network["name"] for network in holder.inputs["networksAdvanced"]] == ["shop-prod-edge"]


def test_nginx_stops_gracefully_and_later_than_its_requests(unchanged: Declarations) -> None:
    """SIGQUIT lets requests finish; the kill comes after the time that they have."""
    inputs = edge(unchanged)[1].inputs
    assert (inputs["stopSignal"], inputs["stopTimeout"]) == ("SIGQUIT", 70)


def test_every_argument_is_tried() -> None:
    """An argument that is added is added to these tests."""
    apart = {"volumes", "connections_migrate", "running_holder", "long_paths", "long_timeout_seconds"}
    assert {field.name for field in dataclasses.fields(NginxArgs)} == ARGS.keys() | apart


@pytest.mark.parametrize(
    ("method", "connect_times", "asked"),
    [
        ("GET", "-, -, -", "1"),
        ("POST", "-, -, -", "1"),
        ("GET", "0.000, -, -", "1"),
        ("HEAD", "-, 0.001, -", "1"),
        ("GET", "- : 0.001, -", "1"),
        ("POST", "0.000", "0"),
        ("PATCH", "-, 0.000", "0"),
        ("GET", "0.000, 0.000, -", "1"),
        ("GET", "0.000, 0.000, 0.001", "0"),
    ],
)
def test_dead_replicas_do_not_cost_a_request_that_can_be_asked_again(
    method: str, connect_times: str, asked: str
) -> None:
    """What reached nobody goes to all; what waited in a replica that died as well, but never a form."""
    rules = re.search(r"\$ask_anyone \{(.*?)\n    \}", (ROOT / "nginx" / "nginx.conf").read_text(), re.DOTALL)
    assert rules
    patterns = re.findall(r'"~(.*)" (\d);', rules[1])
    found = [value for pattern, value in patterns if re.search(pattern, f"{method} {connect_times}")]
    assert (found or ["0"])[0] == asked
