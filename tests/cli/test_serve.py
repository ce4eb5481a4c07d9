"""`tieout serve` as a process, against the simulated exchange over HTTP."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import tieout
from tieout import wiring
from tieout.core.journal import EVERYTHING, journal_entry
from tieout.core.rows import RunRow
from tieout.testing.exchange.faults import Fault, Faults, Trouble

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from exchange_world import BTC, KEY, SECRET, Live, live, reconciliation

SHORT_LEASES = """
import os
import tieout.service.live.monitor as monitor, tieout.service.live.supervisor as supervisor
monitor.LEASE_SECONDS, monitor.RENEWED, supervisor.RENEWED = float(os.environ["LEASE"]), 0.3, 0.3
from tieout.cli import main
main()
"""
BOOK = "{type: book}"
POSITIONS = reconciliation("positions", every="1s")


RUNNING: list[Serving] = []


class Serving:
    """A running `tieout serve`; its lines as they come."""

    def __init__(self, config: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHORT_LEASES, "serve", str(config), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=_environment(**environment),
            cwd=config.parent,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.out: list[str] = []
        self.err: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out, self.lines)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err, None)),
        ]
        for each in self._threads:
            each.start()
        RUNNING.append(self)

    @staticmethod
    def _read(stream: Any, lines: list[str], told: queue.Queue[str] | None) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))
            if told is not None:
                told.put(lines[-1])

    def line(self) -> str:
        return self.lines.get(timeout=60)

    def end(self, which: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(which)
        code = self.process.wait(30)
        for each in self._threads:
            each.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            if not stream.closed:
                stream.close()
        return code


def _environment(**more: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("RECONCIL")}
    source = str(Path(tieout.__file__).parents[1])
    return {
        **kept,
        "PYTHONPATH": source,
        "VENUE_KEY": KEY,
        "VENUE_SECRET": SECRET,
        "LEASE": "1.5",
        **more,
    }


@pytest.fixture(autouse=True)
def _nothing_goes_on() -> Iterator[None]:
    yield
    while RUNNING:
        RUNNING.pop().end(signal.SIGKILL)


@pytest.fixture
def exchange() -> Iterator[Live]:
    with live() as found:
        found.trade(BTC, "buy", "0.5", ago=600)
        yield found


@pytest.fixture
def config(exchange: Live, tmp_path: Path) -> Path:
    """The book is open and right."""
    path = exchange.config(tmp_path / "live.yaml", POSITIONS, book=BOOK)
    opened(tmp_path, "0.5")
    return path


def opened(tmp_path: Path, quantity: str) -> None:
    now = int(time.time() * 1e9)
    common = {"leg": "net", "as_of": now}
    entries = [
        journal_entry(
            "positions",
            {**common, "symbol": symbol, "quantity": Decimal(amount)},
            source="test",
            account="main",
            venue="binance",
            opening=True,
            approved_by="ada",
        )
        for symbol, amount in ((BTC, quantity), (EVERYTHING, "0"))
    ]
    with closing(store(tmp_path)) as found:
        found.journal.append(entries)


def store(tmp_path: Path) -> Any:
    return wiring.open_store(f"sqlite:///{tmp_path / 'live.db'}")


def runs(tmp_path: Path) -> list[RunRow]:
    with closing(store(tmp_path)) as found:
        return list(found.runs())


def until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tieout", *arguments],
        cwd=cwd,
        env=_environment(**environment),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_it_compares_at_once_and_ends_gracefully(
    config: Path, tmp_path: Path, which: signal.Signals
) -> None:
    shape = "ndjson" if which is signal.SIGTERM else "table"
    serving = Serving(config, "--format", shape)
    first = serving.line()
    if shape == "ndjson":
        assert json.loads(first)["status"] == "clean"
    else:
        assert "  clean       positions  1 matched, 0 open (0 new or changed, 0 cleared)" in first
    serving.line()
    began = time.monotonic()
    assert serving.end(which) == 0
    assert time.monotonic() - began < 15
    assert {row.status.value for row in runs(tmp_path)} == {"clean"}
    text = "\n".join([*serving.out, *serving.err])
    assert SECRET not in text
    assert KEY not in text
    assert serving.err[0] == "1 monitor; Ctrl-C ends it"
    assert serving.err[-1] == "finishing what is at work"
    with closing(store(tmp_path)) as found:
        held = found.monitors.acquire("positions", "test", seconds=1, now=int(time.time() * 1e9))
        assert held is not None, "the lease was given back"


def test_what_drifts_is_printed_and_what_is_corrected_clears(exchange: Live, config: Path) -> None:
    serving = Serving(config, "--format", "ndjson")
    try:
        assert json.loads(serving.line())["status"] == "clean"
        exchange.trade(BTC, "buy", "0.25")
        seen = [json.loads(serving.line())]
        while seen[-1]["status"] != "breaks":
            seen.append(json.loads(serving.line()))
        assert seen[-1]["breaks"]["new"] == 1
        exchange.trade(BTC, "sell", "0.25")
        while seen[-1]["status"] != "clean":
            seen.append(json.loads(serving.line()))
        assert seen[-1]["breaks"]["cleared"] == 1
    finally:
        serving.end()


def test_killed_in_the_middle_it_goes_on_at_the_next_start(
    exchange: Live, config: Path, tmp_path: Path
) -> None:
    serving = Serving(config, "--format", "ndjson")
    serving.line()
    pid = serving.process.pid
    row = runs(tmp_path)[0]
    serving.end(signal.SIGKILL)
    _half_written(tmp_path, row, pid)
    assert [each.status.value for each in runs(tmp_path)].count("running") == 1
    again = Serving(config, "--format", "ndjson")
    try:
        assert json.loads(again.line())["status"] == "clean"
    finally:
        again.end()
    after = runs(tmp_path)
    assert [each.status.value for each in after].count("running") == 0
    (dead,) = [each for each in after if each.status.value == "failed"]
    assert f"pid {pid}) ended without a result" in dead.reasons[0]


def _half_written(tmp_path: Path, row: RunRow, pid: int) -> None:
    """What a process leaves that dies between the beginning of a run and its end."""
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "live.db")) as connection, connection:
        connection.execute(
            "UPDATE runs SET status = 'running', finished_at = NULL WHERE run_id = ?",
            (row.run_id,),
        )
        ((found,),) = connection.execute("SELECT pid FROM runs WHERE run_id = ?", (row.run_id,))
        assert found == pid


def test_of_two_on_one_store_one_compares_and_the_other_takes_over(
    config: Path, tmp_path: Path
) -> None:
    # On a busy machine a process may not get to renew a lease for seconds, and loses it rightly.
    patient = {"LEASE": "8"}
    first = Serving(config, "--format", "ndjson", **patient)
    first.line()
    second = Serving(config, "--format", "ndjson", **patient)
    try:
        until(lambda: any("another process compares it" in line for line in second.err))
        for _ in range(2):
            first.line()
        assert second.out == []
        first.end(signal.SIGKILL)
        assert json.loads(second.line())["status"] == "clean"
    finally:
        first.end(signal.SIGKILL)
        second.end()
    statuses = Counter(row.status.value for row in runs(tmp_path))
    said = len(first.out) + len(second.out)
    # Who is killed may have just stored a run and not said so, or be in the middle of the next one.
    assert statuses.keys() <= {"clean", "failed"}, statuses
    assert statuses["failed"] + statuses["clean"] - said in (0, 1), (statuses, said)


def test_pause_and_resume_from_another_process(config: Path, tmp_path: Path) -> None:
    serving = Serving(config, "--format", "ndjson")
    try:
        serving.line()
        paused = call("pause", "positions", "--reason", "upgrade", cwd=tmp_path)
        assert paused.returncode == 2, "which store? There is no tieout.yaml here"
        paused = call(
            "pause", "positions", "--reason", "upgrade", "--config", "live.yaml", cwd=tmp_path
        )
        assert paused.returncode == 0, paused.stderr
        until(lambda: any("positions is not compared: paused by" in each for each in serving.err))
        before = len(runs(tmp_path))
        time.sleep(2.5)
        assert len(runs(tmp_path)) == before
        while not serving.lines.empty():
            serving.line()
        assert call("resume", "positions", "--config", "live.yaml", cwd=tmp_path).returncode == 0
        assert json.loads(serving.line())["status"] == "clean"
    finally:
        serving.end()


def test_what_was_paused_before_its_first_comparison_waits(config: Path, tmp_path: Path) -> None:
    for each in tmp_path.glob("live.db*"):
        each.unlink()
    paused = call("pause", "positions", "--config", "live.yaml", cwd=tmp_path)
    assert (paused.returncode, "there was no store" in paused.stderr) == (0, True)
    serving = Serving(config)
    try:
        until(lambda: any("positions is not compared: paused by" in each for each in serving.err))
    finally:
        assert serving.end() == 0
    assert runs(tmp_path) == []


def test_a_store_that_is_removed_is_told_of_and_not_written_on(
    config: Path, tmp_path: Path
) -> None:
    """Nobody would see those runs, `tieout pause` would not be heard, and a second one begin."""
    serving = Serving(config, "--format", "ndjson")
    try:
        serving.line()
        for each in tmp_path.glob("live.db*"):
            each.unlink()
        until(lambda: any("comparisons in a row have failed" in line for line in serving.err))
        assert any("the store's file is gone" in line for line in serving.err)
        assert list(tmp_path.glob("live.db*")) == []
    finally:
        assert serving.end() == 0


def test_ending_does_not_wait_for_an_exchange_that_hangs(
    exchange: Live, config: Path, tmp_path: Path
) -> None:
    exchange.exchange.faults = Faults(1, [Fault(Trouble.TIMEOUT, rate=1.0)])
    exchange.exchange.faults.begin(exchange.exchange.milliseconds())
    serving = Serving(config)
    until(lambda: bool(serving.err))
    time.sleep(0.5)
    began = time.monotonic()
    assert serving.end() == 0
    assert time.monotonic() - began < 15
    assert runs(tmp_path) == []


def test_an_exchange_that_is_down_is_a_failed_line(exchange: Live, config: Path) -> None:
    exchange.down()
    serving = Serving(config)
    try:
        assert "  failed      positions" in serving.line()
    finally:
        serving.end()


def test_a_reader_that_goes_away_ends_it(config: Path) -> None:
    line = f"{sys.executable} -m tieout serve live.yaml --format ndjson | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=config.parent, env=_environment(), capture_output=True,
        encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["status"] == "clean"
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_it_ends_by_itself_after_so_many_seconds(config: Path, tmp_path: Path) -> None:
    done = call("serve", "live.yaml", "--for", "0.1", "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""


def test_switched_off_by_the_environment(config: Path, tmp_path: Path) -> None:
    done = call("serve", "live.yaml", cwd=tmp_path, RECONCILIATION_ENABLED="false")
    assert (done.returncode, done.stdout) == (0, "")
    assert "RECONCILIATION_ENABLED is off" in done.stderr
    assert runs(tmp_path) == []


def test_what_cannot_be_served_is_said(exchange: Live, config: Path, tmp_path: Path) -> None:
    done = call("serve", "live.yaml", "positons", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no reconciliation 'positons'" in done.stderr
    assert "did you mean 'positions'?" in done.stderr
    environment = _environment()
    del environment["VENUE_SECRET"]
    done = subprocess.run(
        [sys.executable, "-m", "tieout", "serve", "live.yaml"],
        cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "VENUE_SECRET" in done.stderr
    assert "sources.binance.secret" in done.stderr
    assert KEY not in done.stderr
    config.write_text(config.read_text().replace("every: 1s", "every: 1"), encoding="utf-8")
    done = call("serve", "live.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "live.yaml:17:" in done.stderr
    config.write_text("version: 1\nsources: {a: {type: file, path: a.csv}, b: {type: file, path: b.csv}}\n"
                      "reconciliations: {x: {records: trades, internal: a, external: b}}\n")  # fmt: skip
    done = call("serve", "live.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "no reconciliation is live" in done.stderr
