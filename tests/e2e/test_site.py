"""What a visitor gets, and what serves it."""

import io
import re
import subprocess
import threading
import time

import pytest
import requests

from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


def hashed_stylesheet(dev: Deployment) -> str:
    """Path of the first stylesheet that the home page names."""
    found = re.search(r'href="(/static/[^"]+\.css)"', dev.get("/").text)
    assert found, "the home page must name a stylesheet"
    return found.group(1)


def test_home_page_answers_through_nginx(dev: Deployment) -> None:
    """The page comes from Django, the header from Nginx, which does not say its version."""
    response = dev.get("/")
    assert response.status_code == 200
    assert "<!doctype html>" in response.text.lower()
    assert response.headers["Server"] == "nginx"


def test_static_file_has_a_hashed_name_and_is_cached_for_a_year(dev: Deployment) -> None:
    """A browser need never ask again for a file whose name carries its content's hash."""
    path = hashed_stylesheet(dev)
    response = dev.get(path)
    assert re.search(r"\.[0-9a-f]{12}\.css$", path)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")
    assert "immutable" in response.headers["Cache-Control"]


def test_admin_has_its_stylesheet(dev: Deployment) -> None:
    """Django's own static files are published like the project's."""
    page = dev.get("/admin/login/").text
    found = re.search(r'href="(/static/admin/css/base\.[0-9a-f]{12}\.css)"', page)
    assert found
    assert dev.get(found.group(1)).status_code == 200


def test_static_file_leaves_by_sendfile(dev: Deployment) -> None:
    """The Nginx worker hands the file to the kernel: sendfile(2), seen on the worker itself."""
    path = hashed_stylesheet(dev)
    [nginx] = dev.containers("nginx")
    workers = [
        line.split()[1]
        for line in subprocess.run(
            ["docker", "top", nginx.id], text=True, capture_output=True, check=True
        ).stdout.splitlines()
        if "worker process" in line
    ]
    command = ["strace", "-f", "-e", "trace=sendfile,sendfile64", *(word for pid in workers for word in ("-p", pid))]
    trace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert trace.stderr is not None
    for _ in workers:
        assert "attached" in trace.stderr.readline()
    # Asked for as it is on the disk: an answer that is compressed on the way is written, not sent.
    assert dev.get(path, headers={"Accept-Encoding": "identity"}).status_code == 200
    trace.terminate()
    assert "sendfile(" in trace.communicate(timeout=10)[1]


def upload(dev: Deployment, picture: bytes) -> requests.Response:
    """Send a picture through the gallery's form as a browser does, port in Host and Origin included."""
    session = requests.Session()
    base = f"http://localhost:{dev.port}"
    page = session.get(f"{base}/gallery/", timeout=10)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, page.text[:500]
    return session.post(
        f"{base}/gallery/",
        data={"csrfmiddlewaretoken": token.group(1), "title": "A test picture"},
        files={"image": ("picture.png", io.BytesIO(picture), "image/png")},
        headers={"Origin": base, "Referer": f"{base}/gallery/"},
        timeout=10,
    )


def test_uploaded_picture_is_read_back_from_disk(dev: Deployment) -> None:
    """An upload passes Nginx and Gunicorn into the media volume, and Nginx serves it from there."""
    picture = (dev.clone.path / "docs" / "images" / "sample.png").read_bytes()
    assert upload(dev, picture).status_code == 200
    sources = re.findall(r'src="(/media/[^"]+)"', dev.get("/gallery/").text)
    assert sources
    response = dev.get(sources[0])
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("image/")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_unknown_host_gets_no_answer(dev: Deployment) -> None:
    """A request for somebody else's name is not passed to Django."""
    with pytest.raises(requests.ConnectionError):
        dev.get("/", headers={"Host": "other.example.com"})


def test_release_and_replica_are_told_to_probes_alone(dev: Deployment) -> None:
    """Visitors do not see them; whoever asks does, and meets every replica."""
    assert "X-Stack-Release" not in dev.get("/health/").headers
    answers = [dev.get("/health/", headers={"X-Stack-Probe": "1"}).headers for _ in range(8)]
    assert {answer["X-Stack-Replica"] for answer in answers} == {"1", "2"}
    release = dev.pulumi("stack", "output", "release").stdout.strip()
    assert {answer["X-Stack-Release"] for answer in answers} == {release}


def test_site_runs_on_python_3_13(dev: Deployment) -> None:
    """The default Python of both image sources."""
    [web, *_] = dev.containers("web")
    assert web.exec_run(["python", "--version"]).output.decode().startswith("Python 3.13.")


def test_open_writer_does_not_block_a_reader(dev: Deployment) -> None:
    """MVCC: a reader sees the last committed state at once while a transaction holds the row."""
    dev.sql("CREATE TABLE IF NOT EXISTS mvcc_probe (id int PRIMARY KEY, value int)")
    dev.sql("INSERT INTO mvcc_probe VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET value = 1")
    writer = threading.Thread(
        target=dev.sql, args=("BEGIN; UPDATE mvcc_probe SET value = 2; SELECT pg_sleep(3); ROLLBACK",)
    )
    writer.start()
    time.sleep(1)
    start = time.monotonic()
    assert dev.sql("SELECT value FROM mvcc_probe") == "1"
    assert time.monotonic() - start < 1
    writer.join()
    dev.sql("DROP TABLE mvcc_probe")


def test_crashed_worker_is_replaced_while_the_others_serve(dev: Deployment) -> None:
    """Gunicorn pre-forks: killing a worker costs no request on a new connection, and a new worker comes."""
    [web, *_] = dev.containers("web")
    init, *processes = [(row[1], row[2]) for row in web.top()["Processes"]]  # number, and that of the parent
    [master] = [number for number, parent in processes if parent == init[0]]
    before = [number for number, parent in processes if parent == master]
    subprocess.run(["kill", "-9", before[0]], check=True)
    assert {dev.get("/health/").status_code for _ in range(30)} == {200}
    workers = [row[1] for row in web.top()["Processes"] if row[2] == master]
    assert len(workers) == len(before)
    assert before[0] not in workers


def test_notes_on_published_files_are_not_served(dev: Deployment) -> None:
    """They are the stack's own."""
    tag = dev.containers("web")[0].attrs["Config"]["Image"].rpartition(":")[2]
    assert dev.get(f"/static/.published/{tag}.json").status_code == 404


def test_static_file_without_a_hash_in_its_name_is_asked_for_again(dev: Deployment) -> None:
    """What it stands for may change with the next release."""
    assert dev.get("/static/site.css").headers["Cache-Control"] == "public, max-age=60"
