"""The verbs that run a stack: preview, up, refresh and destroy, each from its parts."""

import os
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import causes
from engine.checkpoint import Snapshot
from engine.config import ConfigValue
from engine.deployment import Deployment
from engine.errors import EngineError, UpdateFailedError
from engine.events import Began, Ended, Listener, Message
from engine.executor import LiveExecutor, PreviewExecutor
from engine.journal import Journal, save_nothing
from engine.model import STACK_TYPE, State
from engine.planner import Planner
from engine.program import Program, failure_of
from engine.providers.docker_api import DockerApi, DockerEngine
from engine.providers.registry import TYPES
from engine.refresh import Refresher, warn_of_pending
from engine.session import Session
from engine.values import Properties

_NAME_DIGITS = 7


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the flags of a run say."""

    parallel: int
    targets: frozenset[str] = frozenset()
    refresh: bool = False
    message: str = ""


class Hosts:
    """The Docker Engines of a run, each connected when it is first needed."""

    def __init__(self, make: Callable[[str], DockerApi] = DockerEngine) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._known: dict[str, DockerApi] = {}

    def __call__(self, host: str) -> DockerApi:
        with self._lock:
            if host not in self._known:
                self._known[host] = self._make(host)
            return self._known[host]


class Interrupt:
    """^C and SIGTERM: the first cancels, the second ends the engine on the spot."""

    def __init__(self, tell: Listener) -> None:
        self.cancelled = threading.Event()
        self._tell = tell
        self._on_second: list[Callable[[], None]] = []

    def at_once(self, action: Callable[[], None]) -> None:
        """Has `action` run before the engine ends on the spot."""
        self._on_second.append(action)

    def install(self) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._handle)

    def _handle(self, number: int, _frame: object) -> None:
        if not self.cancelled.is_set():
            self.cancelled.set()
            text = "^C received; cancelling. If you would like to terminate immediately, press ^C again."
            # The display may hold its lock in this very thread: another one tells.
            message = Message(severity="warning", text=text)
            threading.Thread(target=self._tell, args=(message,), daemon=True).start()
            return
        for action in self._on_second:
            action()
        os._exit(128 + number)


@dataclass(kw_only=True)
class Runner:
    """Runs one stack. `tell` gets every event; `program` is the waiting process, where there is one."""

    session: Session
    options: Options
    tell: Listener
    interrupt: Interrupt
    hosts: Callable[[str], DockerApi] = field(default_factory=Hosts)
    values: Mapping[str, ConfigValue] = field(default_factory=dict)

    # Previews

    def preview(self, program: Program, title: str) -> Ended:
        """What `up` would do."""
        snapshot, began = self._opened(title, preview=True)
        journal = Journal(snapshot, save_nothing)
        self._observe(journal, live=False)
        executor = PreviewExecutor(types=TYPES, journal=journal, tell=self.tell)
        deployment = self._deployment(journal, executor)
        return self._run(program, deployment, began, preview=True, old=snapshot)

    def preview_destroy(self, title: str) -> Ended:
        snapshot, began = self._opened(title, preview=True)
        journal = Journal(snapshot, save_nothing)
        self._observe(journal, live=False)
        executor = PreviewExecutor(types=TYPES, journal=journal, tell=self.tell)
        deployment = self._deployment(journal, executor)
        self._delete_all(deployment)
        return self._ended(deployment.counts, began, preview=True, failed=deployment.failed, old=snapshot)

    def preview_refresh(self, title: str) -> Ended:
        snapshot, began = self._opened(title, preview=True)
        journal = Journal(snapshot, save_nothing)
        counts, failed = self._refresh(journal, live=False)
        return self._ended(counts, began, preview=True, failed=failed, old=snapshot)

    # Updates

    def up(self, program: Program, title: str) -> Ended:
        snapshot, began = self._opened(title, preview=False)
        journal = Journal(snapshot, self.session.save)
        self._observe(journal, live=True)
        deployment = self._deployment(journal, self._live(journal))
        ended = self._run(program, deployment, began, preview=False, old=snapshot)
        journal.flush()
        return self._archived("update", ended, journal, began)

    def destroy(self, title: str) -> Ended:
        snapshot, began = self._opened(title, preview=False)
        journal = Journal(snapshot, self.session.save)
        self._observe(journal, live=True)
        deployment = self._deployment(journal, self._live(journal))
        self._delete_all(deployment)
        journal.flush()
        failed = deployment.failed or self.interrupt.cancelled.is_set()
        ended = self._ended(deployment.counts, began, preview=False, failed=failed, old=snapshot)
        return self._archived("destroy", ended, journal, began)

    def refresh(self, title: str) -> Ended:
        snapshot, began = self._opened(title, preview=False)
        journal = Journal(snapshot, self.session.save)
        counts, failed = self._refresh(journal, live=True)
        journal.flush()
        ended = self._ended(counts, began, preview=False, failed=failed, old=snapshot, new=journal.states)
        return self._archived("refresh", ended, journal, began)

    # Their parts

    def _opened(self, title: str, *, preview: bool) -> tuple[Snapshot, float]:
        shown = {key: "[secret]" if value.secret else value.text for key, value in self.values.items()}
        self.tell(Began(title=title, preview=preview, config=shown))
        return self.session.snapshot(), time.time()

    def _live(self, journal: Journal) -> LiveExecutor:
        return LiveExecutor(
            types=TYPES,
            journal=journal,
            tell=self.tell,
            docker=self.hosts,
            blind=self.session.blinder,
            parallel=self.options.parallel,
            cwd=self.session.project.directory,
            cancelled=self.interrupt.cancelled,
        )

    def _refresher(self, journal: Journal, tell: Listener) -> Refresher:
        executor = self._live(journal)
        return Refresher(types=TYPES, journal=journal, executor=executor, tell=tell, parallel=self.options.parallel)

    def _observe(self, journal: Journal, *, live: bool) -> None:
        """Before a plan: what an earlier run left unfinished, and with --refresh everything else."""
        refresher = self._refresher(journal, self.tell)
        refresher.recover(live=live)
        if self.options.refresh:
            refresher.drop_unknown_creates()
            refresher.refresh(self.options.targets)
            journal.flush()
        warn_of_pending((item.state.name for item in journal.interrupted), self.tell)

    def _refresh(self, journal: Journal, *, live: bool) -> tuple[Counter[str], bool]:
        refresher = self._refresher(journal, self.tell)
        try:
            refresher.recover(live=live)
            refresher.drop_unknown_creates()
            return refresher.refresh(self.options.targets), False
        except EngineError:
            return Counter(), True

    def _deployment(self, journal: Journal, executor: PreviewExecutor | LiveExecutor) -> Deployment:
        planner = Planner(
            states=journal.states,
            types=TYPES,
            unique=lambda _urn: secrets.token_hex(_NAME_DIGITS)[:_NAME_DIGITS],
            cwd=self.session.project.directory,
            targets=self.options.targets,
        )
        return Deployment(
            stack=self.session.stack,
            project=self.session.project.name,
            planner=planner,
            journal=journal,
            executor=executor,
            tell=self.tell,
            blind=self.session.blinder,
            config=self.values,
            parallel=self.options.parallel,
            cancelled=self.interrupt.cancelled,
            preview=isinstance(executor, PreviewExecutor),
        )

    def _run(self, program: Program, deployment: Deployment, began: float, *, preview: bool, old: Snapshot) -> Ended:
        from engine.monitor import Monitor  # noqa: PLC0415  gRPC is slow to import, and needed only here

        session = self.session
        monitor = Monitor(deployment, dict(self.values), preview=preview, root=session.project.directory)
        self.interrupt.at_once(program.stop)
        runtime = {
            "project": session.project.name,
            "stack": session.stack,
            "parallel": self.options.parallel,
            "dry_run": preview,
            "organization": "organization",
            "root_directory": str(session.project.directory),
        }
        try:
            with monitor.serve() as address:
                code = program.run(
                    address=address,
                    runtime=runtime,
                    config={key: value.text for key, value in self.values.items()},
                    secret_keys=[key for key, value in self.values.items() if value.secret],
                )
        finally:
            program.stop()
        self._judge(code, deployment, monitor.finished.is_set())
        failed = deployment.failed or self.interrupt.cancelled.is_set()
        return self._ended(
            deployment.counts, began, preview=preview, failed=failed, old=old, outputs=deployment.stack_outputs()
        )

    def _judge(self, code: int, deployment: Deployment, finished: bool) -> None:
        """Turns the way in which the program ended into a failure, where it is one."""
        text = failure_of(code)
        if text:
            deployment.fail(EngineError(text + " What it had registered until then is in the state."))
        elif code:
            deployment.failed = True
        elif not finished and not deployment.failed and not self.interrupt.cancelled.is_set():
            deployment.fail(
                EngineError(
                    "the program ended before it was done, so nothing was deleted. "
                    "Let it run to its end: without sys.exit() or os._exit()."
                )
            )

    def _delete_all(self, deployment: Deployment) -> None:
        try:
            steps = deployment.planner.plan_deletes(cause=causes.DESTROYED)
        except EngineError as error:
            deployment.fail(error)
            return
        deployment.delete(steps)

    def _ended(
        self,
        counts: Counter[str],
        began: float,
        *,
        preview: bool,
        failed: bool,
        old: Snapshot,
        outputs: Properties | None = None,
        new: list[State] | None = None,
    ) -> Ended:
        before = outputs_of_stack(old.states)
        ended = Ended(
            preview=preview,
            result="failed" if failed else "succeeded",
            seconds=time.time() - began,
            changes=dict(sorted(counts.items())),
            outputs=outputs if outputs is not None else outputs_of_stack(new or ()),
            old_outputs=before,
        )
        self.tell(ended)
        return ended

    def _archived(self, kind: str, ended: Ended, journal: Journal, began: float) -> Ended:
        """Writes the history entry of a finished update. Raises UpdateFailedError if it failed."""
        session = self.session
        entry: dict[str, Any] = {
            "kind": kind,
            "startTime": int(began),
            "message": self.options.message,
            "environment": {"exec.kind": "embedded"},
            "config": session.config.entries,
            "version": 0,
            "result": ended.result,
            "endTime": int(time.time()),
            "resourceChanges": dict(ended.changes),
        }
        checkpoint = session.render(journal.states, journal.interrupted)
        session.backend.add_history(session.stack, entry, checkpoint)
        if ended.result == "failed":
            raise UpdateFailedError("update failed")
        return ended


def outputs_of_stack(states: Any) -> Properties:
    return next((state.outputs for state in states if state.type == STACK_TYPE), {})
