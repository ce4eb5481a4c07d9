"""Runs a transcript: commands with the stdout, stderr and exit code that they must have.

$ tieout status          a command, for `sh`
first line of stdout     `...` stands for anything
! a line of stderr       without one, stderr must be empty
? 2                      the exit code; without one it must be 0
# a remark
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import tieout
from tieout.cli import main


@dataclass
class Step:
    command: str
    line: int
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    code: int = 0


def parse(text: str) -> list[Step]:
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("$ "):
            steps.append(Step(line[2:], number))
        elif line.startswith("! "):
            steps[-1].err.append(line[2:])
        elif line.startswith("? "):
            steps[-1].code = int(line[2:])
        elif not line.startswith("# ") and steps:
            steps[-1].out.append(line)
    for step in steps:
        while step.out and not step.out[-1]:
            step.out.pop()
    return steps


def environment(directory: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """One in which `tieout` is this one, and nothing depends on who runs the tests."""
    programs = directory / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "tieout"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tieout "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    kept = {name: text for name, text in os.environ.items() if name.startswith("COV")}
    source = str(Path(tieout.__file__).parents[1])
    return kept | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": source,
        "PYTHONUTF8": "1",
        "COLUMNS": "100",
        "HOME": str(directory),
        **(more or {}),
    }


def run(command: str, directory: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=directory,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def run_here(
    arguments: list[str], directory: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """The command in this process: what it costs to start one says nothing about the command."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    code = 0
    with (
        contextlib.chdir(directory),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.dict(os.environ, env, clear=True),
    ):
        try:
            main(arguments)
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else 2
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    return subprocess.CompletedProcess(arguments, code, *texts)


def plain(command: str) -> list[str] | None:
    """The arguments of `tieout`, where the command is that alone; None where it needs a shell."""
    if any(character in "|&;<>$`*?()=" for character in command):
        return None
    program, *arguments = shlex.split(command)
    return arguments if program == "tieout" else None


def differences(steps: list[Step], directory: Path, programs: Path) -> list[str]:
    """What does not go as written; empty where everything does.

    The first command of each kind starts a process, as all do that need a shell.
    """
    env = environment(programs)
    faults: list[str] = []
    started: set[str] = set()
    for step in steps:
        arguments = plain(step.command)
        if arguments is None or arguments[0] not in started:
            done = run(step.command, directory, env)
            started |= set((arguments or [])[:1])
        else:
            done = run_here(arguments, directory, env)
        for name, want, got in (
            ("stdout", step.out, done.stdout),
            ("stderr", step.err, done.stderr),
        ):
            if not fits("\n".join(want), got):
                faults.append(f"line {step.line}: {step.command}\n{name} is:\n{got}")
        if done.returncode != step.code:
            faults.append(
                f"line {step.line}: {step.command}\nexit code {done.returncode}, not {step.code}\n"
                f"{done.stderr}"
            )
    return faults


def fits(want: str, got: str) -> bool:
    checker = doctest.OutputChecker()
    got = "\n".join(line.rstrip() for line in got.rstrip("\n").split("\n"))
    return checker.check_output(want + "\n", got + "\n", doctest.ELLIPSIS)
