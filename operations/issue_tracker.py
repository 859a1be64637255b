"""The issues of the repository whose automation this runs in, on GitHub or GitLab, by their REST APIs.

Which of them, where, and with what token is in the variables that the host's automation sets.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from drift.finding import printable
from drift.issue import Issue
from operations.errors import OperationError
from operations.http_call import Answer, CallError, call, is_safe

LABEL = "drift"
_MOST_PAGES = 100


class Tracker(Protocol):
    """Issues of one repository. Every method raises OperationError."""

    def open_issues(self, marker: str) -> list[Issue]:
        """Those of our own that have the marker; anybody may write an issue that has it, too."""

    def open(self, title: str, body: str) -> Issue: ...

    def write(self, number: int, body: str) -> None: ...

    def comment(self, number: int, body: str) -> None: ...

    def close(self, number: int) -> None: ...


def tracker(environment: Mapping[str, str]) -> Tracker:
    """That of the repository that the environment names. Raises OperationError where it names none, or no token."""
    if environment.get("GITHUB_REPOSITORY"):
        return GitHub(
            _api(
                environment,
                host="GitHub",
                url=environment.get("GITHUB_API_URL") or "https://api.github.com",
                tokens=("GITHUB_TOKEN", "GH_TOKEN"),
                cure="In a workflow: env: GITHUB_TOKEN: ${{ github.token }}, and permissions: issues: write",
                header=("Authorization", "Bearer "),
            ),
            _matching(environment, "GITHUB_REPOSITORY", r"[\w.-]+/[\w.-]+"),
        )
    if environment.get("CI_PROJECT_ID"):
        return GitLab(
            _api(
                environment,
                host="GitLab",
                url=environment.get("CI_API_V4_URL") or "https://gitlab.com/api/v4",
                tokens=("GITLAB_TOKEN",),
                cure="Make a project access token, scope api, role Reporter, and a masked variable of it",
                header=("PRIVATE-TOKEN", ""),
            ),
            _matching(environment, "CI_PROJECT_ID", r"\d+"),
        )
    raise OperationError(
        "issue: the repository must be known (got neither GITHUB_REPOSITORY nor CI_PROJECT_ID)."
        " Run this in a workflow of GitHub or a pipeline of GitLab, or set these variables."
    )


@dataclass(frozen=True, kw_only=True)
class Api:
    """Where a host answers, and as whom."""

    host: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    cure: str
    """What to do where the token does not do."""

    def __call__(
        self, method: Literal["GET", "POST", "PUT", "PATCH"], path: str, content: Mapping[str, Any] | None = None
    ) -> Answer:
        """Whatever is answered. What makes something is asked once: it may have been made. Raises OperationError."""
        try:
            return call(method, self.url + path, headers=self.headers, content=content, again=method != "POST")
        except CallError as problem:
            raise OperationError(f"{self.host}: it must answer (got: {problem}). {self._later}") from None

    def json(
        self, method: Literal["GET", "POST", "PUT", "PATCH"], path: str, content: Mapping[str, Any] | None = None
    ) -> Any:
        """The content of a good answer. Raises OperationError with what to do about any other."""
        answer = self(method, path, content)
        if not answer.ok:
            raise OperationError(self._refusal(answer))
        try:
            return answer.json()
        except CallError as problem:
            raise OperationError(f"{self.host}: {problem}. {self._later}") from None

    def pages(self, path: str) -> list[Any]:
        """All entries of a list. Raises OperationError."""
        found: list[Any] = []
        for page in range(1, _MOST_PAGES + 1):
            entries = self.json("GET", f"{path}&per_page=100&page={page}")
            if not isinstance(entries, list):
                raise OperationError(f"{self.host}: a list must be one (got a {type(entries).__name__}). {self._later}")
            found += entries
            if len(entries) < 100:  # noqa: PLR2004 - a page that is not full is the last
                break
        return found

    @property
    def _later(self) -> str:
        return f"Look at the address {printable(self.url)}, or try again later."

    def _refusal(self, answer: Answer) -> str:
        limited = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
        got = f"got {answer.status}{_said(answer)}"
        if answer.status == 429 or (answer.status == 403 and limited):  # noqa: PLR2004
            return f"{self.host}: it must not be asked too often ({got}). Try again later, or look less often."
        rules = {
            401: ("the token must be a valid one", self.cure),
            403: ("the token must be allowed to write issues", self.cure),
            404: ("the repository must be there, and the token must reach its issues", self.cure),
            410: ("the repository must have issues", "Enable them in its settings"),
        }
        if answer.status in rules:
            rule, cure = rules[answer.status]
            return f"{self.host}: {rule} ({got}). {cure}."
        if 300 <= answer.status < 400:  # noqa: PLR2004
            return (
                f"{self.host}: the repository must be where it is looked for ({got}: it has moved). Correct its name."
            )
        return f"{self.host}: it must do what it is asked for ({got}). {self._later}"


def _said(answer: Answer) -> str:
    """A refusal's own words, if it has some."""
    try:
        content = answer.json()
    except CallError:
        return ""
    said = (content.get("message") or content.get("error") or "") if isinstance(content, dict) else ""
    return f": {printable(str(said))[:200]}" if said else ""


@dataclass(frozen=True)
class GitHub:
    """github.com and GitHub Enterprise Server."""

    api: Api
    repository: str

    def open_issues(self, marker: str) -> list[Issue]:
        entries = self.api.pages(f"/repos/{self.repository}/issues?state=open&labels={LABEL}")
        marked = [each for each in entries if _has(each, "body", marker) and "pull_request" not in each]
        return _issues(marked, "number", "body", self._is_own()) if marked else []

    def _is_own(self) -> "Own":
        """Whose an issue must be. An app's token, as that of a workflow, may not ask who it is."""
        answer = self.api("GET", "/user")
        me = answer.json().get("login") if answer.ok else None
        return lambda each: each["user"]["login"] == me if me else each["user"]["type"] == "Bot"

    def open(self, title: str, body: str) -> Issue:
        content = {"title": title, "body": body, "labels": [LABEL]}
        made = self.api.json("POST", f"/repos/{self.repository}/issues", content)
        return Issue(number=int(made["number"]), body=body)

    def write(self, number: int, body: str) -> None:
        self.api.json("PATCH", f"/repos/{self.repository}/issues/{number}", {"body": body})

    def comment(self, number: int, body: str) -> None:
        self.api.json("POST", f"/repos/{self.repository}/issues/{number}/comments", {"body": body})

    def close(self, number: int) -> None:
        self.api.json("PATCH", f"/repos/{self.repository}/issues/{number}", {"state": "closed"})


@dataclass(frozen=True)
class GitLab:
    """gitlab.com and servers of one's own. Issues are confidential: they tell how a server is set up."""

    api: Api
    project: str

    def open_issues(self, marker: str) -> list[Issue]:
        entries = self.api.pages(f"/projects/{self.project}/issues?state=opened&labels={LABEL}")
        marked = [each for each in entries if _has(each, "description", marker)]
        if not marked:
            return []
        me = self.api.json("GET", "/user")["id"]
        return _issues(marked, "iid", "description", lambda each: each["author"]["id"] == me)

    def open(self, title: str, body: str) -> Issue:
        content = {"title": title, "description": body, "labels": LABEL, "confidential": True}
        made = self.api.json("POST", f"/projects/{self.project}/issues", content)
        return Issue(number=int(made["iid"]), body=body)

    def write(self, number: int, body: str) -> None:
        self.api.json("PUT", f"/projects/{self.project}/issues/{number}", {"description": body})

    def comment(self, number: int, body: str) -> None:
        self.api.json("POST", f"/projects/{self.project}/issues/{number}/notes", {"body": body})

    def close(self, number: int) -> None:
        self.api.json("PUT", f"/projects/{self.project}/issues/{number}", {"state_event": "close"})


class Own(Protocol):
    def __call__(self, each: Mapping[str, Any], /) -> bool: ...


def _has(entry: Mapping[str, Any], key: str, marker: str) -> bool:
    """It begins with the marker: an issue that quotes one is another."""
    return str(entry.get(key) or "").lstrip().startswith(marker)


def _issues(entries: Sequence[Mapping[str, Any]], number: str, body: str, own: Own) -> list[Issue]:
    return [
        Issue(number=int(each[number]), body=str(each[body]).replace("\r\n", "\n")) for each in entries if own(each)
    ]


def _api(
    environment: Mapping[str, str], *, host: str, url: str, tokens: Sequence[str], cure: str, header: tuple[str, str]
) -> Api:
    token = next((environment[name] for name in tokens if environment.get(name)), "")
    if not token:
        raise OperationError(
            f"{host}: a token must be there to write issues with (got no {' or '.join(tokens)}). {cure}."
        )
    if not token.isascii() or not token.isprintable():
        raise OperationError(f"{host}: the token must be of letters, digits and signs (got others). {cure}.")
    if not is_safe(url):
        raise OperationError(f"{host}: its address must begin with https:// (got {printable(url)}). Correct it.")
    return Api(host=host, url=url.rstrip("/"), headers={header[0]: header[1] + token}, cure=cure)


def _matching(environment: Mapping[str, str], name: str, pattern: str) -> str:
    value = environment[name]
    if not re.fullmatch(pattern, value):
        raise OperationError(f"{name}: must be as the host's automation sets it (got {value!r:.100}). Correct it.")
    return value
