"""The house rules that a linter does not know: layers, purity, sizes, dependencies."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tieout"
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE = [path for path in MODULES if path.is_relative_to(PACKAGE / "core")]

LINES = 400
FUNCTION_LINES = 70
ESTIMATES = {"core/prefilter.py"}
"""Predicates that engines run in doubles, with a margin; `decide` judges what they keep."""

BOUNDARIES = (
    "cli/",
    "api/embedded",
    "service/runs",
    "service/live/monitor",
    "service/live/supervisor",
    "adapters/books/engine",
    "adapters/threads",
)
"""Where whatever went wrong becomes an exit code, the failure of one run, or that of who waits."""


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """What a module calls, as written, and in which line."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def offences(paths: list[Path], forbidden: set[str]) -> list[str]:
    return [
        f"{name_of(path)}:{line}: {call}"
        for path in paths
        for call, line in calls(path)
        if call in forbidden or f".{call.rpartition('.')[2]}" in forbidden
    ]


def test_the_layers_point_downwards_only() -> None:
    """The contracts of [tool.importlinter] in pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_core_has_no_clock_and_does_no_input_or_output() -> None:
    clock = {".now", ".utcnow", ".today", "time.time", "time.monotonic", "perf_counter"}
    assert not offences(CORE, clock | {"open", "print", "input", ".read_text", ".write_text"})


def test_the_core_never_makes_a_float() -> None:
    exact = [path for path in CORE if name_of(path) not in ESTIMATES]
    assert not offences(exact, {"float"})


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether it swallows any exception: a handler that ends in a bare `raise` does not."""
    named = ast.walk(handler.type) if handler.type else ()
    broad = {"Exception", "BaseException"}
    every = not handler.type or any(isinstance(n, ast.Name) and n.id in broad for n in named)
    last = handler.body[-1]
    return every and not (isinstance(last, ast.Raise) and last.exc is None)


def test_only_a_boundary_catches_everything() -> None:
    broad = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        if not name_of(path).startswith(BOUNDARIES)
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler) and catches_all(node)
    ]
    assert not broad


@pytest.mark.parametrize(
    ("code", "broad"),
    [
        ("except: pass", True),
        ("except Exception: pass", True),
        ("except (OSError, Exception) as error: log(error)", True),
        ("except Exception: close(); raise", False),
        ("except OSError: pass", False),
    ],
)
def test_a_broad_except_is_recognised(code: str, *, broad: bool) -> None:
    tree = ast.parse(f"try: work()\n{code}")
    (handler,) = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    assert catches_all(handler) is broad


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_fit_a_reader(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert not long


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "handler"}
    assert not [name_of(path) for path in MODULES if drawers & set(path.with_suffix("").parts)]


def declared(requirements: list[str]) -> set[str]:
    """The import names of requirements: `python-calamine>=0.6` is `python_calamine`."""
    names = {re.split(r"[\[<>=!~;]", each, maxsplit=1)[0].strip() for each in requirements}
    return {"ruamel" if name == "ruamel.yaml" else name.replace("-", "_") for name in names}


def imported() -> set[str]:
    """The top-level packages that Tieout imports, the standard library's and its own excluded."""
    found = set()
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"tieout"}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = declared(project["dependencies"])
    optional = declared(
        [one for extra in project["optional-dependencies"].values() for one in extra]
    )
    assert not imported() - needed - optional
    assert not needed - imported() - {"tzdata"}  # data, found by zoneinfo
