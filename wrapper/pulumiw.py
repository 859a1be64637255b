"""One call of `./pulumiw`: settle what the engine needs, then become the engine."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from wrapper import engine_choice, overlay, project, provision
from wrapper.arguments import CONFIG_FILE, CREATING, CommandLine, parse
from wrapper.console import say
from wrapper.dev_config import STACK, DevConfig
from wrapper.docker_endpoint import Endpoint
from wrapper.errors import WrapperError
from wrapper.handover import Runner
from wrapper.session import Session, begin
from wrapper.stack_setup import StackSetup

ROOT = Path(__file__).resolve().parent.parent

STATELESS = frozenset(
    (
        *("", "api", "completion", "convert", "gen-completion", "help", "install", "login", "logout", "new"),
        *("package", "plugin", "schema", "template", "version"),
    )
)
"""Verbs that know neither project nor stack."""

HELP = """\
./pulumiw runs the Pulumi CLI's own verbs on this clone, with nothing to install first:

  ./pulumiw up                 deploy the dev stack, and make what is missing on the way
  ./pulumiw stack output url   where the site is
  ./pulumiw preview | refresh | destroy | config … | stack … | cancel …

It makes .venv; finds a Docker Engine 24 or newer, or installs one if you agree; runs the pulumi on PATH if that is
new enough, else the embedded engine; keeps the state in ./.state unless a backend is configured; and gives the dev
stack secrets of its own, in ./.local.

  --install-docker         agree to install what is missing, without being asked
  DJANGO_STACK_ENGINE      pulumi or embedded, whatever is on PATH

Everything else is the engine's:
"""


def main(words: list[str], environment: Mapping[str, str]) -> None:
    """Ends by becoming the engine, or with its exit code. Raises WrapperError."""
    call = parse(words)
    if not call.verb and (call.help or not words):
        print(HELP, flush=True)
    cwd = Path.cwd() / call.cwd
    folder = project.find_folder(cwd=cwd, root=ROOT)
    if not call.cwd and not cwd.is_relative_to(folder):
        os.chdir(folder)  # called from elsewhere, it is about its own clone
    engine = engine_choice.find(environment.get(engine_choice.VARIABLE, ""))
    say(engine.line)
    if call.verb in STATELESS or call.help:
        Runner(engine, root=ROOT, environment=environment).become(call.arguments)
    session = begin(call, root=ROOT, engine=engine, folder=folder, environment=environment)
    try:
        session = prepare(session)
    except OSError as error:
        raise WrapperError(
            f"stack {session.stack}: {error.filename or folder} cannot be used ({error.strerror}). "
            "See to its permissions and to the space on its disk."
        ) from error
    hand_over(session)


def prepare(session: Session) -> Session:
    """See to all that the engine will need. Raises WrapperError."""
    call = session.call
    if call.deploys:
        if session.dev is None:
            session.check_passphrase()
        session, endpoint = with_docker(session)
        if session.backend.has_files:
            prepare_deploy(session, endpoint)
    elif session.dev and (call.verb == "config" or call.stack_action == "init"):
        prepare_stack(session)  # values can be set before the first `up`
    elif session.selects:
        setup = StackSetup(session, dev=None)
        if setup.exists:
            setup.select()
    return session


def with_docker(session: Session) -> tuple[Session, Endpoint]:
    """See to a Docker Engine for the stack. Raises WrapperError."""
    if remote := overlay.value_of(session.tracked, "docker:host"):
        return session, Endpoint(url=remote, source="docker:host of the stack config")
    endpoint = provision.docker(session.environment, consent=session.call.install_docker)
    return session.extended(endpoint.variables), endpoint


def prepare_deploy(session: Session, endpoint: Endpoint) -> None:
    """Create the stack if that makes sense, and give it what it needs. Raises WrapperError."""
    setup = prepare_stack(session)
    if not setup.exists:
        return
    choice = setup.choose_images(endpoint) if session.call.verb in CREATING else ""
    source = choice or setup.images_from
    if session.call.verb == "up" and source == "debian":
        provision.debootstrap(consent=session.call.install_docker)
    if choice:
        setup.keep_images(choice)
        setup.trust_company(session.environment)
    setup.generate_secrets()


def prepare_stack(session: Session) -> StackSetup:
    """Create the stack where there is none yet, unless this call is to destroy it. Raises WrapperError."""
    dev = session.dev
    setup = StackSetup(session, dev=dev)
    if setup.exists:
        setup.adopt_salt()
    creates = session.call.verb != "destroy"
    if setup.exists and session.call.stack_action == "init":
        raise WrapperError(f"stack {session.stack}: it exists already. Choose it with: ./pulumiw stack select {STACK}")
    if dev and (setup.exists or creates):
        told = session.extended(dev.ready_passphrase(session.environment))
        setup = StackSetup(told, dev=dev)
    if creates and not setup.exists and session.project.stack_config(session.stack).is_file():
        setup.create()
    if session.selects and setup.exists:
        setup.select()
    return setup


def hand_over(session: Session) -> None:
    """Become the engine, unless something of dev's has to be taken care of afterwards."""
    call, dev = session.call, session.dev
    if dev is None:
        session.runner.become(call.arguments)
        return
    _refuse(call)
    if call.stack_action == "init":
        session.runner.become(("stack", "select", STACK))  # it was created with a salt that stays out of git
    if call.stack_action == "rm":
        session.runner.become((*call.arguments, "--preserve-config"))
    if call.verb not in CONFIG_FILE or call.config_file or not dev.holds_secrets(session.environment):
        session.extended(dev.known_passphrase(session.environment)).runner.become(call.arguments)
    session = session.extended(dev.ready_passphrase(session.environment))
    dev.settle()
    arguments = call.with_flags("--config-file", str(dev.merged))
    if call.verb == "config":
        sys.exit(_run_config(session, dev, arguments))
    if call.removes_stack:
        sys.exit(_run_and_restore(session, dev.tracked, arguments))
    session.runner.become(arguments)


def _refuse(call: CommandLine) -> None:
    if call.stack_action in ("rename", "change-secrets-provider"):
        raise WrapperError(
            f"stack {STACK}: `stack {call.stack_action}` rewrites Pulumi.{STACK}.yaml, and this stack's secrets are in "
            ".local, for this clone alone. Make a stack to keep: ./pulumiw stack init NAME"
        )


def _run_config(session: Session, dev: DevConfig, arguments: tuple[str, ...]) -> int:
    """Run a `config` verb and take in what it wrote."""
    before = dev.settle()
    code = session.runner.run(arguments)
    found = dev.merged.read_text(encoding="utf-8")
    after = dev.settle()
    if not overlay.same(found, after):
        say(f"stack {STACK}: no longer set in {dev.shown}; what {dev.tracked.name} says counts again")
    elif not overlay.same(before, after):
        say(f"stack {STACK}: kept in {dev.shown}, for this clone alone; {dev.tracked.name} is as it was")
    return code


def _run_and_restore(session: Session, tracked: Path, arguments: tuple[str, ...]) -> int:
    """Run `destroy --remove`, which deletes the stack's config file: the tracked one belongs to all clones."""
    content = tracked.read_bytes() if tracked.is_file() else None
    code = session.runner.run(arguments)
    if content is not None and not tracked.exists():
        tracked.write_bytes(content)
    return code


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
