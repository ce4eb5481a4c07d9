"""The command line. Data on stdout, everything else on stderr; exit codes are a contract.

0 clean, 1 breaks at or above `--fail-on`, 2 usage, configuration or source failure,
3 incomplete, 130 interrupted. Over several reconciliations 2, then 3, then 1, then 0 wins.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from tieout.cli.app import app
from tieout.cli.console import end_output, say_error
from tieout.errors import TieoutError

_GC = (200_000, 20, 20)
"""A run makes many small values and hardly a cycle: at the defaults, a seventh of a run with many
breaks went into looking for them. Importing what a run needs makes fewer values than this."""

GLOBAL = ("--quiet", "-q", "--debug")
"""Options that may stand anywhere on the command line."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code.

    Args:
        arguments: without the program's name; those of the process where None, which then ends.
    """
    gc.set_threshold(*_GC)
    given = list(sys.argv[1:] if arguments is None else arguments)
    until = given.index("--") if "--" in given else len(given)
    first = [each for each in given[:until] if each in GLOBAL]
    rest = [each for each in given[:until] if each not in GLOBAL] + given[until:]
    code = _run([*first, *rest], debug="--debug" in first)
    if arguments is None:
        _end_process(code)
    sys.exit(code)


def _end_process(code: int) -> NoReturn:
    """End the process at once: after what is registered for its exit, without the interpreter's own
    clearing up, which takes every module apart, a seventh of a small run.

    Nothing is lost: stdout is written and each command closed what it opened. A thread that still
    hashes the input of a run that failed is not waited for.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - the one way to do it before the end
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody is left to be told
            stream.flush()
    os._exit(code)


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        code = _called(arguments)
        end_output()
    except KeyboardInterrupt:
        say_error("interrupted")
        code = 130
    except TieoutError as error:
        say_error(traceback.format_exc() if debug else str(error))
        code = 2
    except Exception as error:  # noqa: BLE001 - the process's boundary
        say_error(traceback.format_exc() if debug else _unexpected(error))
        code = 2
    return code


def _called(arguments: list[str]) -> int:
    try:
        app(args=arguments, prog_name="tieout", standalone_mode=True)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 2
    return 0


def _unexpected(error: Exception) -> str:
    what = " ".join(str(error).split())
    return (
        f"unexpected {type(error).__name__}: {what}\n"
        "  hint: this is a fault of Tieout; run it again with --debug and report what it prints"
    )
