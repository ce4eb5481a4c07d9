"""The reference follows from the code; links lead somewhere; parts of configurations load."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from docs.generate import GENERATED
from docs.pages import ROOT, Block, Session, blocks, name_of, pages, tables
from ruamel.yaml import YAML

from tieout.config import load, parse

GUIDE = ROOT / "docs" / "guide" / "first-reconciliation.md"
JSON = ROOT / "docs" / "reference" / "json.md"


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_page_is_current(path: str) -> None:
    """Write it again: python tests/docs/generate.py"""
    assert (ROOT / path).read_text(encoding="utf-8") == GENERATED[path]()


# Links and pictures


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name_of(page)} links to {target}"
        assert file.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_picture_is_small_enough_for_a_readme() -> None:
    picture = (ROOT / "docs" / "images" / "report.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 300_000


# Parts of configurations


def base() -> str:
    """The whole configuration of the guide."""
    (text,) = {each.text for each in named(GUIDE) if each.name == "tieout.yaml"}
    return text


def named(page: Path) -> list[Block]:
    return [each for each in blocks(page.read_text(encoding="utf-8")) if each.name is not None]


def fragments() -> Iterator[Any]:
    for page in pages():
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.language == "yaml" and block.name is None:
                yield pytest.param(block.text, id=f"{name_of(page)}:{block.line}")


@pytest.mark.parametrize("text", list(fragments()))
def test_a_part_of_a_configuration_loads(text: str, tmp_path: Path) -> None:
    """Alone where it is whole; rules by themselves; others together with the guide's."""
    yaml = YAML(typ="safe")
    part = yaml.load(text)
    if "records" in part:
        parse(text)
        return
    whole = part if "version" in part else merged(yaml.load(base()), part)
    path = tmp_path / "tieout.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(whole, file)
    assert load(path).reconciliations


WHOLE = ("compare", "overrides", "severity", "deadline")


def merged(one: Any, other: Any) -> Any:
    """Both; of what a reconciliation says, `other` alone."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return one | {
        name: value if name in WHOLE else merged(one.get(name), value)
        for name, value in other.items()
    }


# JSON


DECIMAL = re.compile(r"-?\d+(\.\d+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def is_date(value: Any) -> bool:
    return isinstance(value, str) and date.fromisoformat(value).isoformat() == value


TYPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "decimal": lambda value: isinstance(value, str) and DECIMAL.fullmatch(value) is not None,
    "time": lambda value: isinstance(value, str) and TIME.fullmatch(value) is not None,
    "date": is_date,
    "integer": lambda value: type(value) is int,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "list of objects": lambda value: isinstance(value, list),
    "list of text": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}
OPEN = ("key", "record", "by_kind", "by_severity", "content", "internal", "external", "identity")
"""Objects whose keys are data."""


def fields(heading: str) -> dict[str, str]:
    """Documented field to its type."""
    found = {}
    for table in tables(JSON.read_text(encoding="utf-8")):
        if table.headings[-1] == heading:
            for row in table.rows:
                for name in row[0].split(", "):
                    found[name.strip("`")] = row[1]
    return found


def walk(
    value: dict[str, Any], known: dict[str, str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        path = f"{prefix}{name}"
        yield path, each
        below = any(one.startswith((f"{path}.", f"{path}[].")) for one in known)
        if isinstance(each, dict) and below:
            yield from walk(each, known, f"{path}.")
        elif isinstance(each, list) and below:
            for one in each:
                yield from walk(one, known, f"{path}[].")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What the program writes of the guide's first day."""
    session = Session(tmp_path_factory.mktemp("json"))
    files: dict[str, Block] = {}
    for block in named(GUIDE):
        files.setdefault(str(block.name), block)
    for block in files.values():
        session.put(block)
    day = "--business-date 2026-11-18 --as-of 2026-11-18T21:15:00Z"
    runs = json.loads(
        session.run(f"tieout run -q tieout.yaml {day} --format json --breaks b.ndjson")
    )
    shown = json.loads(session.run(f"tieout runs show {runs[0]['run_id']} --format json"))
    lines = (session.work / "b.ndjson").read_text(encoding="utf-8").splitlines()
    breaks = [json.loads(line) for line in lines]
    one = json.loads(session.run(f"tieout breaks show {breaks[0]['id']} --format json"))
    return {"A run": [*runs, shown], "A break": [*breaks, one]}


@pytest.mark.parametrize("heading", ["A run", "A break"])
def test_an_object_has_the_documented_fields(
    heading: str, written: dict[str, list[dict[str, Any]]]
) -> None:
    known = fields(heading)
    seen: set[str] = set()
    for each in written[heading]:
        for path, value in walk(each, known):
            assert path in known, path
            fits = [TYPES[name](value) for name in known[path].split(" or ")]
            assert any(fits), f"{path}: {value!r} is no {known[path]}"
            seen.add(path)
    assert set(known) - seen == set()


@pytest.mark.postgres
def test_the_guide_runs_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    session = Session(tmp_path)
    files: dict[str, Block] = {}
    for block in named(GUIDE):
        files.setdefault(str(block.name), block)
    for block in files.values():
        session.put(block)
    store = f"--store '{postgres_url}'"
    day = "--business-date 2026-11-18 --as-of 2026-11-18T21:15:00Z"
    printed = session.run(f"tieout run tieout.yaml {store} {day}")
    assert "2 open · 2 new" in printed
    assert session.code == 1
    assert session.run(f"tieout db upgrade {store}") == "the store is up to date\n"
    assert "trades" in session.run(f"tieout status {store}")
