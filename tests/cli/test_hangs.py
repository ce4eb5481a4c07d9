"""A database that takes questions and never answers: commands say so, and end."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tieout

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from exchange_world import BTC, KEY, SECRET, Live, live, reconciliation

SHORT = """
import tieout.adapters.books.query as query
query.LIMIT = 0.5
from tieout.cli import main
main()
"""


class Silent:
    """As much of PostgreSQL as lets a client in."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._let_in, args=(client,), daemon=True).start()

    def _let_in(self, client: socket.socket) -> None:
        while self._code(client) in (80877103, 80877104):  # encryption is asked for, and refused
            client.sendall(b"N")
        said = {"server_version": "16.0", "client_encoding": "UTF8"}
        said |= {"standard_conforming_strings": "on", "integer_datetimes": "on"}
        pairs = [name.encode() + b"\0" + value.encode() + b"\0" for name, value in said.items()]
        parts = [(b"R", struct.pack("!i", 0)), *((b"S", pair) for pair in pairs)]
        parts += [(b"K", struct.pack("!ii", 1, 1)), (b"Z", b"I")]
        client.sendall(b"".join(kind + struct.pack("!i", len(it) + 4) + it for kind, it in parts))
        while client.recv(65536):
            pass

    @staticmethod
    def _code(client: socket.socket) -> int:
        length = struct.unpack("!i", client.recv(4))[0]
        code: int = struct.unpack("!i", client.recv(length - 4)[:4])[0]
        return code

    def close(self) -> None:
        for each in (self._socket, *self._open):
            each.close()


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A query that hangs beside a ledger that does not."""
    pytest.importorskip("psycopg")
    server = Silent()
    url = f"postgresql+psycopg://reader@127.0.0.1:{server.port}/oms"
    with live() as exchange:
        exchange.trade(BTC, "buy", "0.5", ago=600)
        yield _written(exchange, tmp_path / "live.yaml", url)
    server.close()


def _written(exchange: Live, path: Path, url: str) -> Path:
    hung = reconciliation("positions", "hung", every="1s")
    well = reconciliation("balances", "well", every="1s", internal="ledger")
    book = f"{{type: sql, url: '{url}', query: SELECT 1 AS symbol, records: positions}}"
    exchange.config(path, f"{hung}\n{well}", book=f"{book}\n  ledger: {{type: book}}")
    return path


def begin(*arguments: str) -> subprocess.Popen[str]:
    kept = {name: said for name, said in os.environ.items() if not name.startswith("RECONCIL")}
    source = str(Path(tieout.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", SHORT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**kept, "PYTHONPATH": source, "VENUE_KEY": KEY, "VENUE_SECRET": SECRET},
    )


def test_serve_goes_on_beside_it_and_ends_within_seconds(config: Path) -> None:
    serving = begin("serve", str(config))
    assert serving.stdout is not None
    stuck = threading.Timer(60, serving.kill)
    stuck.start()
    try:
        failed: list[str] = []
        lines = iter(serving.stdout.readline, "")
        while len(failed) < 10:  # more than the loop has threads
            line = next(lines)
            if "  failed      hung" in line:
                failed.append(line)
        after = [next(lines) for _ in range(6)]
        assert any("  well  " in line for line in after), after
        assert "took longer than 0.5 s" in failed[0]
        assert "the database still hangs" in failed[-1]
        began = time.monotonic()
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=20)
        assert time.monotonic() - began < 8
        assert serving.returncode == 0
    finally:
        stuck.cancel()
        serving.kill()
        serving.communicate()


@pytest.mark.parametrize("arguments", [("run",), ("run", "--dry-run"), ("doctor",)])
def test_what_is_asked_once_says_so_and_ends(config: Path, arguments: tuple[str, ...]) -> None:
    command, *options = arguments
    began = time.monotonic()
    running = begin(command, str(config), *options)
    try:
        out, err = running.communicate(timeout=30)
    finally:
        running.kill()
        running.communicate()
    assert "the query took longer than 0.5 s" in out + err
    assert running.returncode == 2
    assert time.monotonic() - began < 20
