"""A store that cannot be used says what is wrong, where, and what to do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from store_values import D1, D2, brk, commit, intent

from tieout.adapters.store import open_store, schema_state, upgrade
from tieout.adapters.store.store import SqlStore
from tieout.core.model import RunStatus
from tieout.core.rows import BreakFilter
from tieout.errors import MissingExtra, StoreError, StoreOutdated
from tieout.ports import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


def count(store: Store) -> int:
    return sum(1 for _ in store.breaks(BreakFilter()))


def told(error: StoreError) -> str:
    assert error.hint, "an error says what to do next"
    return str(error)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("tieout.db", "cannot be read"),
        ("", "cannot be read"),
        ("mysql://user:secret@host/db", "cannot be in 'mysql'"),
        ("duckdb:///x.db", "cannot be in 'duckdb'"),
    ],
)
def test_a_wrong_url_is_named_without_its_password(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        open_store(url)
    assert "sqlite:///tieout.db" in told(caught.value)
    assert "secret" not in told(caught.value)


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        open_store(f"sqlite:///{tmp_path}/no/such/store.db")
    assert "check that its directory exists" in told(caught.value)


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a directory"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_file_that_is_no_database(tmp_path: Path, url: str) -> None:
    (tmp_path / "store.db").write_text("trade_id,price\n" * 1000)
    with pytest.raises(StoreError, match="not a SQLite database") as caught:
        open_store(url)
    assert "pass another --store" in told(caught.value)
    assert (tmp_path / "store.db").read_text() == "trade_id,price\n" * 1000


def test_another_programs_database_is_left_alone(tmp_path: Path, url: str) -> None:
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute("CREATE TABLE trades (id INTEGER)")
    raw.close()
    for use in (open_store, upgrade):
        with pytest.raises(StoreError, match=r"belongs to another program.*'trades'"):
            use(url)
    with sqlite3.connect(tmp_path / "store.db") as raw:
        names = raw.execute("SELECT name FROM sqlite_master").fetchall()
    raw.close()
    assert names == [("trades",)]


def test_reading_commands_create_no_store(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match="no store yet") as caught:
        open_store(url, create=False)
    assert "tieout run" in told(caught.value)
    assert schema_state(url).current is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_that_was_taken_away_is_no_store_any_more(
    tmp_path: Path, url: str, *, replaced: bool
) -> None:
    """What is written to a file that is gone, nobody ever sees; and another process has its own."""
    with closing(open_store(url)) as store:
        commit(store, D1, [brk("a")])
        Path(tmp_path, "store.db").rename(tmp_path / "away.db")
        if replaced:
            open_store(url).close()
        says = "was replaced by another one" if replaced else "is gone"
        for used in (
            lambda: count(store),
            lambda: store.begin(intent(D2)),
            lambda: store.monitors.pauses(0),
        ):
            with pytest.raises(StoreError, match=says) as caught:
                used()
            assert "start what uses it anew" in told(caught.value)
        assert Path(tmp_path, "store.db").exists() is replaced
        if not replaced:
            Path(tmp_path, "away.db").rename(tmp_path / "store.db")
            assert count(store) == 1


def test_a_store_is_found_where_it_was_whatever_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_store("sqlite:///store.db")) as store:
        commit(store, D1, [brk("a")])
        monkeypatch.chdir("/")
        assert count(store) == 1


def test_a_locked_store_is_waited_for_and_then_named(tmp_path: Path, url: str) -> None:
    store = open_store(f"{url}?timeout=0.05")
    holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        store.begin(intent())
    assert list(store.runs()) == []  # readers do not wait
    holder.execute("ROLLBACK")
    holder.close()
    commit(store, D1, [brk("a")])
    store.close()


def _limit(store: SqlStore, pages: int) -> None:
    """A disk with room for so many pages more. It holds for one connection: the pool has one."""
    with store._database.engine.connect() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        connection.exec_driver_sql(f"PRAGMA max_page_count={used + pages}")


def test_a_full_disk_leaves_the_store_as_it_was(url: str) -> None:
    store = open_store(url)
    commit(store, D1, [brk("a")])
    _limit(store, 50)
    with pytest.raises(StoreError, match="disk of the store is full") as caught:
        commit(store, D2, [brk(f"{number:06}") for number in range(20_000)])
    assert "free some space" in told(caught.value)
    assert count(store) == 1
    assert [row.status for row in store.runs()] == [RunStatus.RUNNING, RunStatus.BREAKS]
    _limit(store, 1_000_000)
    commit(store, D2, [brk("b")])
    assert count(store) == 2
    store.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_really_full_disk(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.decode().strip()}")
    try:
        store = open_store(f"sqlite:///{tmp_path}/store.db")
        commit(store, D1, [brk("a")])
        with pytest.raises(StoreError, match=r"disk .*full"):
            commit(store, D2, [brk(f"{number:06}") for number in range(20_000)])
        assert count(store) == 1
        store.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Somebody who is not root, to whom `folder` is readable; root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    temporary = Path(tempfile.gettempdir()).resolve()
    for path in folder.resolve().parents:
        if path.is_relative_to(temporary) and path != temporary:
            path.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("file_mode", [0o444, None])
def test_a_store_that_may_not_be_written(tmp_path: Path, url: str, file_mode: int | None) -> None:
    open_store(url).close()
    file = tmp_path / "store.db"
    if file_mode is None:
        file.unlink()
    else:
        file.chmod(file_mode)
    tmp_path.chmod(0o555)
    with nobody(tmp_path), pytest.raises(StoreError, match="cannot be") as caught:
        open_store(url).begin(intent())
    tmp_path.chmod(0o755)
    assert "--store" in told(caught.value)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"tieout\[postgres\]") as caught:
        open_store("postgresql+psycopg://localhost/tieout")
    assert caught.value.extra == "postgres"


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        open_store("postgresql://me:secret@127.0.0.1:1/tieout")
    assert "host and port" in told(caught.value)
    assert "secret" not in told(caught.value)


@pytest.mark.postgres
def test_a_database_that_is_not_there(postgres_url: str) -> None:
    missing = make_url(postgres_url).set(database="nobodys").render_as_string(False)
    with pytest.raises(StoreError, match="does not exist") as caught:
        open_store(missing)
    assert "createdb" in told(caught.value)


@pytest.mark.postgres
def test_a_schema_of_its_own_beside_other_tables(postgres_url: str) -> None:
    public = open_store(postgres_url)
    commit(public, D1, [brk("a")])
    with public._database.writing() as connection:
        connection.execute(text("CREATE SCHEMA tieout"))
    own = open_store(
        f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-csearch_path%3Dtieout"
    )
    assert count(own) == 0
    commit(own, D1, [brk("b"), brk("c")])
    assert (count(public), count(own)) == (1, 2)
    public.close()
    own.close()


def test_an_older_store_names_the_command_and_a_newer_one_the_update(url: str) -> None:
    store = open_store(url)
    _stamp(store, "0000")
    with pytest.raises(StoreOutdated) as older:
        open_store(url)
    assert f"tieout db upgrade --store '{url}'" in told(older.value)
    assert schema_state(url).older
    _stamp(store, "9999")
    for use in (open_store, upgrade):
        with pytest.raises(StoreOutdated, match="newer") as newer:
            use(url)
        assert "pip install --upgrade tieout" in told(newer.value)
    assert schema_state(url).newer
    store.close()


def _stamp(store: SqlStore, revision: str) -> None:
    with store._database.writing() as connection:
        connection.execute(text("UPDATE tieout_version SET version_num = :to"), {"to": revision})


def test_the_store_without_a_path_is_gone_when_it_is_closed() -> None:
    store = open_store("sqlite://")
    commit(store, D1, [brk("a")])
    assert count(store) == 1
    file = store._database.file
    assert file is not None
    assert Path(file).exists()
    store.close()
    assert not Path(file).parent.exists()


def test_a_closed_store_is_one_file(tmp_path: Path, url: str) -> None:
    store = open_store(url)
    commit(store, D1, [brk("a")])
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]


def test_every_commit_is_synced_and_foreign_keys_hold(url: str) -> None:
    store = open_store(url)
    with store._database.engine.connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert settings == ["wal", 2, 1, 60_000]
    store.close()
