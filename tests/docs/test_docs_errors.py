"""docs/errors.md has every message of the source code, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from docs.messages import CONFIGURATION, ERRORS, SOURCE, UNREADABLE, VENUES, messages
from docs.pages import ROOT, tables

PAGE = ROOT / "docs" / "errors.md"


def template(text: str) -> str:
    """A documented message without what stands for a value."""
    return re.sub(r"<[^>]*>", "<>", text.strip("`")).replace("`", "")


def documented() -> Iterator[tuple[str, str]]:
    """(section, template) of every message on the page."""
    for table in tables(PAGE.read_text(encoding="utf-8")):
        for row in table.rows:
            yield table.headings[-1], template(row[0])


def known(places: dict[str, int], under: str = "") -> set[str]:
    return {squeezed(each) for each in messages(places, under)}


def squeezed(text: str) -> str:
    return re.sub(r"\n", " ", text).replace("`", "").replace("<><>", "<>").rstrip()


def test_every_error_is_documented() -> None:
    page = {text for _, text in documented()}
    given = known(ERRORS) | known(VENUES, "adapters/venues")
    missing = {each for each in given if says_something(each)} - page
    assert not missing


def test_every_reason_for_quarantine_is_documented() -> None:
    page = {text for _, text in documented()}
    assert not known(UNREADABLE) - page


def says_something(text: str) -> bool:
    return len(re.findall(r"[a-z]{2,}", text)) > 1


def test_every_documented_message_exists() -> None:
    literal = {squeezed(each) for each in _texts()}
    given = known(ERRORS) | known(VENUES, "adapters/venues") | known(UNREADABLE)
    known_ones = given | known(CONFIGURATION, "config") | literal
    unknown = {(section, text) for section, text in documented() if text not in known_ones}
    assert not unknown


def _texts() -> Iterator[str]:
    """Every text of the source code, as a template."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    str(part.value) if isinstance(part, ast.Constant) else "<>"
                    for part in node.values
                ]
                yield "".join(parts)
