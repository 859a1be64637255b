"""GitHub's and GitLab's issues in memory, behind the REST APIs that they have: rights, pages, labels and refusals."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "t0ken-of-a-job"
BOT = {"login": "github-actions[bot]", "type": "Bot", "id": 41}
STRANGER = {"login": "eve", "type": "User", "id": 66}


@dataclass
class Entry:
    """An issue."""

    number: int
    title: str
    body: str
    labels: list[str]
    author: Mapping[str, Any]
    open: bool = True
    confidential: bool = False
    pull: bool = False
    comments: list[str] = field(default_factory=list)


class Host:
    """The issues, and what is to go wrong. Tests read and change both."""

    def __init__(self) -> None:
        self.issues: list[Entry] = []
        self.calls: list[str] = []
        """Method and path of each, in their order."""
        self.refusals: list[tuple[int, dict[str, str]]] = []
        """Status and headers of the next answers."""
        self.allowed = True
        """Whether the token may write issues."""
        self.is_app = True
        """Whether the token is that of an app, which may not ask who it is."""
        self.messages: list[Any] = []
        """What was posted to /hook."""
        self.delay_seconds = 0.0
        self.racing = 0
        """How many others open an issue just before the next one is opened."""
        self.lock = threading.Lock()
        self.url = ""

    def add(self, body: str, *, title: str = "t", author: Mapping[str, Any] = BOT, **more: Any) -> Entry:
        entry = Entry(number=len(self.issues) + 1, title=title, body=body, labels=["drift"], author=author, **more)
        self.issues.append(entry)
        return entry

    @property
    def open(self) -> list[Entry]:
        return [each for each in self.issues if each.open]

    def answer(  # noqa: PLR0911 - one for each reason
        self, method: str, path: str, headers: Mapping[str, str], content: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, content and headers."""
        parts = urlsplit(path)
        self.calls.append(f"{method} {parts.path}")
        if self.refusals:
            status, more = self.refusals.pop(0)
            return status, {"message": "as it was told"}, more
        if parts.path == "/hook":
            self.messages.append(content)
            return 200, None, {}
        gitlab = parts.path.startswith("/api/v4")
        given = headers.get("private-token") if gitlab else headers.get("authorization", "").removeprefix("Bearer ")
        if given != TOKEN:
            return 401, {"message": "401 Unauthorized" if gitlab else "Bad credentials"}, {}
        if parts.path.endswith("/user"):
            known = gitlab or not self.is_app
            return (200, BOT, {}) if known else (403, {"message": "Resource not accessible by integration"}, {})
        found = re.fullmatch(r"/api/v4/projects/7/issues(.*)" if gitlab else r"/repos/shop/site/issues(.*)", parts.path)
        if not found:
            return 404, {"message": "Not Found"}, {}
        if method != "GET" and not self.allowed:
            return 403, {"message": "Resource not accessible by integration"}, {}
        return self._issues(method, found[1].strip("/").split("/"), parse_qs(parts.query), content, gitlab=gitlab)

    def _issues(
        self, method: str, rest: list[str], query: Mapping[str, list[str]], content: Any, *, gitlab: bool
    ) -> tuple[int, Any, dict[str, str]]:
        body = "description" if gitlab else "body"
        if method == "GET":
            assert query["state"] == ["opened" if gitlab else "open"]
            assert query["labels"] == ["drift"]
            page, size = int(query["page"][0]), int(query["per_page"][0])
            chosen = self.open[::-1][(page - 1) * size : page * size]
            return 200, [_shown(each, gitlab=gitlab) for each in chosen], {}
        if not rest[0]:
            for _ in range(self.racing):
                self.racing -= 1
                self.add(content[body])
            made = self.add(content[body], title=content["title"], confidential=bool(content.get("confidential")))
            assert content["labels"] == ("drift" if gitlab else ["drift"])
            return 201, _shown(made, gitlab=gitlab), {}
        entry = self.issues[int(rest[0]) - 1]
        if rest[1:] == ["notes" if gitlab else "comments"]:
            assert len(content["body"]) < 65_536
            entry.comments.append(content["body"])
            return 201, {}, {}
        assert method == ("PUT" if gitlab else "PATCH")
        if body in content:
            assert len(content[body]) < 65_536
            entry.body = content[body]
        if content.get("state_event") == "close" or content.get("state") == "closed":
            entry.open = False
        return 200, _shown(entry, gitlab=gitlab), {}


def _shown(entry: Entry, *, gitlab: bool) -> dict[str, Any]:
    if gitlab:
        return {"iid": entry.number, "id": 9000 + entry.number, "description": entry.body, "author": entry.author}
    pull: dict[str, Any] = {"pull_request": {}} if entry.pull else {}
    return {"number": entry.number, "id": 9000 + entry.number, "body": entry.body, "user": entry.author, **pull}


@contextmanager
def serving() -> Iterator[Host]:
    """On a free port of loopback."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length)) if length else None
            time.sleep(host.delay_seconds)
            with host.lock:
                given = {key.lower(): value for key, value in self.headers.items()}
                status, answer, headers = host.answer(self.command, self.path, given, content)
            text = b"ok" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError):  # who has waited too long
                self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815 - names that the library calls

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield host
        server.shutdown()


def github(host: Host) -> dict[str, str]:
    """The environment of a workflow."""
    return {"GITHUB_REPOSITORY": "shop/site", "GITHUB_API_URL": host.url, "GITHUB_TOKEN": TOKEN}


def gitlab(host: Host) -> dict[str, str]:
    """The environment of a pipeline."""
    return {"CI_PROJECT_ID": "7", "CI_API_V4_URL": f"{host.url}/api/v4", "GITLAB_TOKEN": TOKEN}
