"""What a change of code, config or of the running system leads to: that, and nothing else."""

import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import pytest
import requests

from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


def restarted(container: Any, *, since: str) -> None:
    """Wait up to a minute until Docker has started it again and it is healthy; `since` is when it started before."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        container.reload()
        state = container.attrs["State"]
        if state["StartedAt"] != since and state.get("Health", {}).get("Status") == "healthy":
            return
        time.sleep(0.5)
    pytest.fail(f"{container.name} has not been started again within a minute, or is not healthy: {state}")


def test_second_up_and_preview_change_nothing(dev: Deployment) -> None:
    """What was deployed is what the program says."""
    before = dev.ids()
    dev.pulumi("preview", "--expect-no-changes")
    dev.up("--expect-no-changes")
    dev.pulumi("refresh", "--preview-only", "--expect-no-changes")
    assert dev.ids() == before


def test_changed_nginx_limit_shows_exactly_that(dev: Deployment) -> None:
    """One new Nginx, the old one gone, the switch asked again; no other container is touched."""
    before = dev.ids()
    dev.set(nginxMemoryMb="80")
    plan = dev.planned()
    changed = {name.split("-")[0] for name in plan} - {"Command web"}  # what is told of the release names Nginx
    assert changed == {"Container nginx", "Command nginx", "Command release"}
    assert sorted(plan.values()).count("create") == 2
    assert sorted(plan.values()).count("delete") == 2
    dev.up()
    after = dev.ids()
    assert {n: i for n, i in before.items() if "-nginx-" not in n} == {
        n: i for n, i in after.items() if "-nginx-" not in n
    }
    assert [c.attrs["HostConfig"]["Memory"] for c in dev.containers("nginx")] == [80 * 1024 * 1024]


def test_changed_database_limit_touches_the_database_alone(dev: Deployment) -> None:
    """PostgreSQL is replaced on the same volume with settings to match; the web containers live on."""
    dev.sql("CREATE TABLE kept (id int)")
    before = dev.ids()
    dev.set(postgresMemoryMb="640")
    steps = {"postgres-hold", "postgres", "postgres-ready", "postgres-site", "postgres-resume"}
    assert {name.rpartition(" ")[2] for name in dev.planned()} == steps
    dev.up()
    after = dev.ids()
    assert {n for n in after if after[n] != before.get(n)} == {f"{dev.prefix}-postgres"}
    assert dev.sql("SHOW shared_buffers") == "160MB"
    assert dev.sql("SELECT count(*) FROM kept") == "0"
    assert dev.get("/health/").status_code == 200


def test_changed_source_line_is_a_new_image_and_new_web_containers_only(dev: Deployment) -> None:
    """The same source is the same image; one changed line changes the reference, the release and the replicas."""
    before, image = dev.ids(), dev.containers("web")[0].attrs["Config"]["Image"]
    dev.clone.edit("sample/templates/base.html", "<title>", "<title>Changed: ")
    touched = dev.planned()
    assert {name.split("-")[0].split(" ")[1] for name in touched} == {"app", "web", "release"}
    dev.up()
    after = dev.ids()
    assert {n for n in before if n not in after or after[n] != before[n]} == {n for n in before if "-web-" in n}
    assert dev.containers("web")[0].attrs["Config"]["Image"] != image
    assert "Changed: " in dev.get("/").text
    dev.clone.edit("sample/templates/base.html", "<title>Changed: ", "<title>")
    dev.up()
    assert dev.containers("web")[0].attrs["Config"]["Image"] == image


def test_scaling_adds_and_removes_replicas_and_leaves_the_others(dev: Deployment) -> None:
    """One to three and back: the first replica lives through all of it."""
    first = dev.ids()[dev.names(["web"])[0]]
    for replicas in (3, 1, 2):
        dev.set(webReplicas=str(replicas))
        dev.up()
        answers = {dev.get("/health/", headers={"X-Stack-Probe": "1"}).headers["X-Stack-Replica"] for _ in range(20)}
        assert answers == {str(number) for number in range(1, replicas + 1)}
        assert dev.ids()[dev.names(["web"])[0]] == first


def test_killed_container_is_found_by_refresh_and_mended_by_up(dev: Deployment) -> None:
    """A container that someone killed is drift; `up --refresh` starts it, one that is gone is made again."""
    killed, removed = dev.containers("web")
    killed.kill()
    removed.remove(force=True)
    assert dev.pulumi("refresh", "--preview-only", "--expect-no-changes", check=False).returncode != 0
    dev.up("--refresh")
    assert [container.status for container in dev.containers("web")] == ["running", "running"]
    answers = Counter(dev.get("/health/").status_code for _ in range(20))
    assert answers == {200: 20}
    dev.pulumi("preview", "--refresh", "--expect-no-changes")


def test_replica_that_eats_its_memory_is_replaced_while_the_other_serves(dev: Deployment) -> None:
    """The limit stops one replica, not the site: its main process is killed, Docker starts it again, visitors go on."""
    web = dev.containers("web")[0]
    started, restarts = web.attrs["State"]["StartedAt"], web.attrs["RestartCount"]
    answers: Counter[int] = Counter()
    cut_short = 0
    done = threading.Event()

    def visit() -> None:
        while not done.is_set():
            try:
                answers[dev.get("/health/").status_code] += 1
            except requests.exceptions.ChunkedEncodingError:
                answers[cut_short] += 1
            time.sleep(0.02)

    visitor = threading.Thread(target=visit)
    visitor.start()
    # The kernel kills whom it likes best; told to like the main process, it takes the whole container.
    docker.from_env().containers.run(
        web.image.id, ["-c", f"echo 1000 > /proc/{web.attrs['State']['Pid']}/oom_score_adj"],
        entrypoint=["sh"], user="0", pid_mode="host", privileged=True, remove=True,
    )  # fmt: skip
    eat = "hold = []\nwhile True: hold.append(bytearray(8 << 20))"
    web.exec_run(["python3", "-c", eat])
    restarted(web, since=started)
    done.set()
    visitor.join()
    assert web.attrs["RestartCount"] == restarts + 1
    log = dev.containers("nginx")[0].logs().decode().splitlines()
    errors = [line for line in log if '"status":502' in line or "[error]" in line]
    # Whose answer has begun when its replica dies gets the rest from nobody.
    assert answers.pop(cut_short, 0) <= 1
    assert set(answers) == {200}, "\n".join(errors[-6:])
    assert answers[200] > 50


def test_who_waits_for_a_replica_that_is_killed_gets_the_answer_from_another(dev: Deployment) -> None:
    """Requests in flight are asked again elsewhere, however many slots lead to the dead one."""
    web = dev.containers("web")[0]
    started = web.attrs["State"]["StartedAt"]
    with ThreadPoolExecutor(16) as visitors:
        answers = [visitors.submit(dev.get, "/slow/?seconds=1.5") for _ in range(16)]
        time.sleep(0.7)
        web.exec_run(["sh", "-c", "kill -9 $(cat /proc/1/task/1/children)"])
        statuses = Counter(answer.result().status_code for answer in answers)
    assert statuses == {200: 16}
    restarted(web, since=started)


def test_every_container_stops_gracefully(dev: Deployment) -> None:
    """Each stops by its own signal within its time, with a clean exit code; none is killed."""
    codes = {}
    for role in ("nginx", "web", "postgres", "edge"):
        for container in dev.containers(role):
            start = time.monotonic()
            container.stop(timeout=container.attrs["Config"]["StopTimeout"])
            container.reload()
            codes[container.name] = (container.attrs["State"]["ExitCode"], time.monotonic() - start < 20)
    assert {name: code for name, code in codes.items() if code not in ((0, True), (143, True))} == {}
    for role in ("edge", "postgres", "web", "nginx"):
        for container in dev.containers(role):
            container.start()
    dev.up("--refresh")
    assert dev.get("/health/").status_code == 200


def test_request_in_flight_survives_the_stop_of_its_replica(dev: Deployment) -> None:
    """Gunicorn finishes what it has begun before it leaves."""
    codes: list[int] = []
    visitor = threading.Thread(target=lambda: codes.append(dev.get("/slow/?seconds=4").status_code))
    visitor.start()
    time.sleep(1)
    subprocess.run(["docker", "stop", *dev.names(["web"])], check=True, capture_output=True)
    visitor.join()
    assert codes == [200]
    subprocess.run(["docker", "start", *dev.names(["web"])], check=True, capture_output=True)
    _until_healthy(dev)


def _until_healthy(dev: Deployment) -> None:
    client = docker.from_env()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        states = [client.api.inspect_container(c.id)["State"]["Health"]["Status"] for c in dev.containers("web")]
        if set(states) == {"healthy"}:
            return
        time.sleep(0.3)
    raise AssertionError(states)
