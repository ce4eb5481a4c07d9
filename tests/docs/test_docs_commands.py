"""Every command, configuration and program in the documentation does what the page shows."""

from __future__ import annotations

import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from docs.pages import ROOT, Block, Session, blocks, commands, fits, name_of, pages, steps

from tieout.cli.app import app

RUN = ("console", "sh", "python")
SESSIONS = [
    page
    for page in pages()
    if any(block.language in RUN for block in blocks(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("page", SESSIONS, ids=name_of)
def test_a_page_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    faults = differences(page.read_text(encoding="utf-8"), Session(tmp_path))
    assert not faults, "\n\n".join(faults)


def differences(text: str, session: Session) -> list[str]:
    """What does not go as a page says; empty where everything does."""
    faults: list[str] = []
    every = blocks(text)
    for block, after in zip(every, [*every[1:], None], strict=True):
        if block.language == "console":
            faults += _console(block, session)
        elif block.name is not None:
            session.put(block)
        elif block.language == "sh":
            faults += _silent(block, session)
        elif block.language == "python":
            printed = session.python(block)
            if after is not None and after.language == "text" and not fits(after.text, printed):
                faults.append(f"line {block.line}: the program prints:\n{printed}")
    return faults


def _console(block: Block, session: Session) -> list[str]:
    faults = []
    for step in steps(block):
        printed = session.run(step.command)
        if not fits(step.text, printed):
            faults.append(f"line {block.line}: {step.command}\nprints:\n{printed}")
    return faults


def _silent(block: Block, session: Session) -> list[str]:
    """What they print is not shown, so they have to succeed; `make` and `pip` are looked at."""
    faults = []
    for line in commands(block):
        if line.startswith("make "):
            done = subprocess.run(
                ["make", "-n", *line.split()[1:]], cwd=ROOT, capture_output=True, check=False
            )
            good = done.returncode == 0
        elif line.startswith("pip install"):
            good = _known_extra(line)
        else:
            printed = session.run(line)
            good = session.code in (0, 1) and "error:" not in printed
        if not good:
            faults.append(f"line {block.line}: {line} fails")
    return faults


def _known_extra(line: str) -> bool:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = line.partition("tieout[")[2].partition("]")[0]
    return all(each in project["optional-dependencies"] for each in wanted.split(",") if each)


# Commands that are not run


def unrun() -> Iterator[Any]:
    for page in pages():
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.language == "bash":
                for line in commands(block):
                    yield pytest.param(line, id=f"{name_of(page)}:{block.line}:{line}")


@pytest.mark.parametrize("line", list(unrun()))
def test_a_command_that_is_not_run_exists(line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[0] == "pip":
        assert _known_extra(line)
    if words[0] == "tieout":
        understood(words[1:])


def understood(words: list[str]) -> None:
    """That there is such a command, with such arguments and options; else it raises."""
    command: Any = typer.main.get_command(app)
    path = "tieout"
    while words and words[0] in getattr(command, "commands", ()):
        path, command, words = f"{path} {words[0]}", command.commands[words[0]], words[1:]
    named = hasattr(command, "commands") and words and not words[0].startswith("-")
    assert not named, f"No such command: {path} {words[0]}"
    with command.make_context(path, list(words)):
        pass


@pytest.mark.parametrize("line", ["serve --fro x", "serves", "book open", "pause --for"])
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"No such|[Mm]issing|requires"):
        understood(line.split())


def test_a_page_that_is_wrong_is_found(tmp_path: Path) -> None:
    wrong = (
        "```console\n$ echo one\ntwo\n$ false\n$ echo $?\n1\n```\n"
        "```sh\nmake nothing-of-this-name\npip install 'tieout[none]'\nfalse; exit 2\n```\n"
        "```python\nprint(1)\n```\n```text\n2\n```\n"
    )
    faults = [fault.split("\n")[0] for fault in differences(wrong, Session(tmp_path))]
    assert faults == [
        "line 1: echo one",
        "line 8: make nothing-of-this-name fails",
        "line 8: pip install 'tieout[none]' fails",
        "line 8: false; exit 2 fails",
        "line 13: the program prints:",
    ]
