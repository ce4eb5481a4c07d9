"""The live commands of the README work as they stand there, against the simulated exchange."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from docs.pages import ROOT, Session, blocks, commands
from docs.test_docs_commands import _known_extra
from ruamel.yaml import YAML

from tieout.testing.exchange import Exchange
from tieout.testing.exchange.server import serve

README = ROOT / "README.md"
KEY, SECRET = "key-of-the-readme", "opens-nothing-at-all"
ENDS = {
    "tieout book open": " --yes --by ann --pause 0.1",
    "tieout serve": " --for 12",
}
"""What lets a command end by itself, or go on where nobody can be asked."""


def config(base_url: str, ws_url: str) -> dict[str, object]:
    """The README's configuration, with the simulated exchange in place of the real one."""
    every = blocks(README.read_text(encoding="utf-8"))
    (text,) = {each.text for each in every if "type: venue" in each.text}
    whole: dict[str, object] = YAML(typ="safe").load(text)
    whole["sources"]["binance"] |= {"base_url": base_url, "ws_url": ws_url}  # type: ignore[index]
    return whole


def live_commands() -> list[str]:
    (block,) = [each for each in blocks(README.read_text("utf-8")) if each.language == "bash"]
    return [line.partition("#")[0].strip() for line in commands(block)]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path, {"BINANCE_KEY": KEY, "BINANCE_SECRET": SECRET})


def test_the_live_commands_of_the_readme_work(session: Session) -> None:
    printed = asyncio.run(_printed(session))
    assert [each for each in printed if "error:" in each] == []
    doctor, opened, served = printed
    assert "fail" not in doctor
    assert "1 opening entry written, approved by ann" in opened
    assert "clean       trades" in served


async def _printed(session: Session) -> list[str]:
    """What the commands print, one after the other, of an account that holds money."""
    exchange = Exchange(seed=7)
    exchange.open("binance", key=KEY, secret=SECRET).deposit("USDT", "10000")
    async with serve(exchange) as server:
        with (session.work / "tieout.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(config(server.base_url, server.ws_url), file)
        printed = []
        for command in live_commands():
            if command.startswith("pip install"):
                assert _known_extra(command)
                continue
            ends = next((end for name, end in ENDS.items() if command.startswith(name)), "")
            printed.append(await asyncio.to_thread(session.run, f"{command}{ends}"))
            assert session.code == 0, printed[-1]
        return printed
