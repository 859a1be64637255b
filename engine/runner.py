"""Runs the program, in the project's own Python: what pulumi-language-python-exec does for the CLI.

It is a script, not a module of the engine: the Python it runs in need only have the Pulumi SDK. The
settings come as one line of JSON on standard input, read after the slow imports; when that input
ends the engine is gone, and so is the program.
"""

import asyncio
import contextlib
import importlib
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_LIKELY = ("pulumi_docker", "pulumi_command", "docker")
"""What a program for this engine imports first; its settings are not there yet, so there is time for it."""
ALREADY_TOLD, NO_SDK = 32, 33


def user_traceback(error: BaseException, program: str) -> str:
    """The traceback from the program's first line on, without the frames that started it."""
    frames = traceback.extract_tb(error.__traceback__)
    entry = str(Path(program) / "__main__.py") if Path(program).is_dir() else program
    start = next((i for i, frame in enumerate(frames) if Path(frame.filename) == Path(entry)), 0)
    lines = traceback.format_list(frames[start:])
    return "".join(["Traceback (most recent call last):\n", *lines, *traceback.format_exception_only(error)])


def main() -> int:
    try:
        import pulumi  # noqa: PLC0415  its absence is told below
        from pulumi import runtime  # noqa: PLC0415
    except ImportError:
        traceback.print_exc()
        return NO_SDK
    for name in _LIKELY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    line = sys.stdin.readline()
    if not line:
        return 1
    settings = json.loads(line)

    def die_with_engine() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=die_with_engine, daemon=True).start()
    # The display leaves these out, and the SDK waits for an answer to each: a third of a preview's time.
    pulumi.log.debug = lambda *_, **__: None
    runtime.set_all_config(settings["config"], settings["secret_keys"])
    runtime.configure(runtime.Settings(**settings["runtime"]))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(max_workers=settings["runtime"]["parallel"] * 4))
    # A failed resource leaves futures that nobody awaits; asyncio would complain about each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    program = settings["program"]
    sys.argv = [program]
    sys.path.insert(0, settings["directory"])
    os.chdir(settings["directory"])

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return ALREADY_TOLD
    except BaseException as error:  # noqa: BLE001  whatever ends a program is told to its user
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        text = user_traceback(error, program)
        pulumi.log.error(f"Program failed with an unhandled exception:\n{text}")
        return ALREADY_TOLD
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # no wait for the program's own threads
