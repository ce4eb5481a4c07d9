"""The documentation's pages: their fenced blocks and tables, and how its commands are run.

    ```console          `$ command` and what it must print; what differs from run to run is `...`
    ```sh               commands that are run; what they print is not shown
    ```bash             commands that need a venue or a day of their own: read, and not run
    ```csv trades.csv   a file of that name, there before the next command; any language
    ```yaml             a part of a configuration: it must load together with a small whole one
    ```python           executed; a ```text block right after it is what it must print

All blocks of a page are one session in one directory. Run this file to write what the commands of
the named pages print into them: `python tests/docs/pages.py docs/guide/first-reconciliation.md`.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HOME = "/home/ann/tieout"
"""Where the documentation says that it works."""
RUN = "4f675c4b9892170eebe399ee4bbf0451"
"""The id of every run in it."""

FENCE = re.compile(r"^```(\w+)(?: (\S+))?$")


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its first line, from 0; `follows`: right after another."""

    language: str
    name: str | None
    lines: tuple[str, ...]
    line: int

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    opened: tuple[str, str | None, int] | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if opened is None:
            if (fence := FENCE.match(line)) is not None:
                opened = (fence[1], fence[2], number + 1)
        elif line == "```":
            language, name, start = opened
            found.append(Block(language, name, tuple(lines[start:number]), start))
            opened = None
    assert opened is None, f"the block in line {opened[2]} is not closed" if opened else ""
    return found


@dataclass(frozen=True)
class Table:
    """A table, the headings above it, and the last line of text before it."""

    headings: tuple[str, ...]
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int

    def dicts(self) -> list[dict[str, str]]:
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]


def tables(text: str) -> Iterator[Table]:
    headings: list[str] = []
    caption, table, start, fenced = "", [], 0, False
    for number, line in enumerate([*text.splitlines(), ""]):
        if line.startswith("```"):
            fenced = not fenced
        if line.startswith("|") and not fenced:
            start = start if table else number
            table.append(cells(line))
            continue
        if table:
            yield Table(tuple(headings), caption, table[0], tuple(table[2:]), start)
            table = []
        if line.startswith("#") and not fenced:
            level = len(line) - len(line.lstrip("#"))
            headings[level - 1 :] = [line.lstrip("# ")]
        if line:
            caption = line


def cells(line: str) -> tuple[str, ...]:
    parts = re.split(r"(?<!\\)\|", line.strip()[1:-1])
    return tuple(part.strip().replace("\\|", "|") for part in parts)


# Sessions


class Session:
    """A directory in which a page's blocks are worked through, one after the other."""

    def __init__(self, home: Path, env: Mapping[str, str] | None = None) -> None:
        self.work = home / "work"
        self.work.mkdir()
        self.env = _environment(home) | dict(env or {})
        self.code = 0
        self.names: dict[str, Any] = {"__name__": "documentation"}

    def put(self, block: Block) -> None:
        assert block.name is not None
        path = self.work / block.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        if block.lines and block.lines[0].startswith("#!"):
            path.chmod(0o755)

    def run(self, command: str) -> str:
        """What a command prints, stderr included, with the exit code of the last one in `$?`."""
        done = subprocess.run(
            ["/bin/sh", "-c", f"(exit {self.code}); {command}"],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        self.code = done.returncode
        return neutral(done.stdout, self.work)

    def python(self, block: Block) -> str:
        printed = io.StringIO()
        code = compile(block.text, f"block in line {block.line}", "exec")
        with contextlib.chdir(self.work), contextlib.redirect_stdout(printed):
            exec(code, self.names)
        return neutral(printed.getvalue(), self.work)


def neutral(text: str, work: Path) -> str:
    """Without what differs from run to run: where it was, how long it took, ages, ids of runs."""
    text = text.replace(str(work.resolve()), HOME).replace(str(work), HOME)
    text = re.sub(r"  \d+\.\ds$", "  0.3s", text, flags=re.MULTILINE)
    text = re.sub(r"Z, (\d+[dhms])+ ago$", "Z, 2h ago", text, flags=re.MULTILINE)
    run = r"^(run +|[-:\dTZ]{20} +[a-z]+ +[-\d]{10} +)[0-9a-f]{32}"
    text = re.sub(run, rf"\g<1>{RUN}", text, flags=re.MULTILINE)
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip("\n").split("\n"))


def fits(want: str, got: str) -> bool:
    return doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS)


@dataclass(frozen=True)
class Step:
    """A command of a `console` block and the lines that it prints."""

    command: str
    printed: tuple[str, ...]

    @property
    def text(self) -> str:
        lines = list(self.printed)
        while lines and not lines[-1]:
            lines.pop()
        return "".join(f"{line}\n" for line in lines) or "\n"


def steps(block: Block) -> list[Step]:
    found: list[tuple[str, list[str]]] = []
    for line in block.lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (f"{found[-1][0][:-1]}{line.strip()}", [])
        else:
            found[-1][1].append(line)
    return [Step(command, tuple(printed)) for command, printed in found]


def _environment(home: Path) -> dict[str, str]:
    """One in which `tieout` is this one, and nothing depends on who runs it."""
    import tieout

    programs = home / "bin"
    programs.mkdir()
    program = programs / "tieout"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tieout "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    kept = {name: text for name, text in os.environ.items() if name.startswith("COV")}
    return kept | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(tieout.__file__).parents[1]),
        "PYTHONUTF8": "1",
        "COLUMNS": "100",
        "HOME": str(home),
    }


# Writing what the commands print


def filled(text: str, session: Session) -> str:
    """`text` with what its commands print now, where it does not fit what is written."""
    lines = text.splitlines()
    changed: list[tuple[Block, list[str]]] = []
    every = blocks(text)
    for index, block in enumerate(every):
        if block.language == "console":
            changed.append((block, _console(block, session)))
        elif block.language == "sh" and block.name is None:
            for line in commands(block):
                session.run(line)
        elif block.name is not None:
            session.put(block)
        elif block.language == "python":
            printed = session.python(block)
            after = every[index + 1] if index + 1 < len(every) else None
            if after is not None and after.language == "text" and not fits(after.text, printed):
                changed.append((after, printed.splitlines()))
    for block, new in reversed(changed):
        lines[block.line : block.line + len(block.lines)] = new
    return "\n".join(lines) + "\n"


def _console(block: Block, session: Session) -> list[str]:
    new: list[str] = []
    for step in steps(block):
        printed = session.run(step.command)
        keep = step.printed and fits(step.text, printed)
        new += [f"$ {step.command}", *(step.printed if keep else printed.strip("\n").splitlines())]
    return new


def commands(block: Block) -> list[str]:
    """The commands of a `sh` block."""
    text = block.text.replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


if __name__ == "__main__":
    for each in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory:
            page = Path(each)
            page.write_text(
                filled(page.read_text(encoding="utf-8"), Session(Path(directory))),
                encoding="utf-8",
            )
