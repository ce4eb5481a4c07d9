"""The tables of the store: created at once or migrated step by step, they are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from store_values import D1, brk, commit

from tieout.adapters.store import open_store, schema_state, upgrade
from tieout.adapters.store.database import Database
from tieout.adapters.store.schema import HEAD, VERSION_TABLE, _migrate, _write_ahead, create
from tieout.adapters.store.tables import metadata
from tieout.core.model import Severity


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/store.db"


def migrated(url: str) -> None:
    """All migrations, from nothing."""
    database = Database(url)
    if database.sqlite:
        _write_ahead(database)
    with database.writing() as connection:
        _migrate(connection)
    database.close()


def shape(url: str) -> dict[str, Any]:
    """Every table with its columns, keys and indexes."""
    database = Database(url)
    shapes = {}
    with database.reading() as connection:
        found = inspect(connection)
        for name in found.get_table_names():
            columns = [
                {**column, "type": str(column["type"])} for column in found.get_columns(name)
            ]
            shapes[name] = (
                columns,
                found.get_pk_constraint(name),
                sorted(found.get_foreign_keys(name), key=str),
                sorted(map(_index, found.get_indexes(name)), key=str),
                sorted(found.get_unique_constraints(name), key=str),
            )
    database.close()
    return shapes


def _index(found: Any) -> dict[str, Any]:
    options = {name: str(value) for name, value in found.get("dialect_options", {}).items()}
    return {**found, "dialect_options": options}


def test_migrations_make_the_tables_of_the_program(url: str) -> None:
    migrated(url)
    assert schema_state(url).current == HEAD
    database = Database(url)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
    database.close()
    store = open_store(url)
    assert commit(store, D1, [brk("a", severity=Severity.HIGH)]).breaks.open == 1
    store.close()


def test_every_store_has_an_id_of_its_own(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in "abc"]
    migrated(urls[0])
    ids = []
    for url in [*urls, urls[0]]:
        store = open_store(url)
        ids.append(store.id)
        store.close()
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3


def test_created_and_migrated_stores_are_the_same(tmp_path: Path) -> None:
    created, stepwise = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    open_store(created).close()
    migrated(stepwise)
    assert shape(created) == shape(stepwise)


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "tieout.adapters.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_upgrade_creates_and_then_has_nothing_to_do(url: str) -> None:
    assert upgrade(url).current is None
    assert schema_state(url).current == HEAD
    store = open_store(url)
    commit(store, D1, [brk("a")])
    store.close()
    assert upgrade(url).current == HEAD
    assert schema_state(url).current == HEAD


def test_who_creates_a_store_that_another_has_just_created_leaves_it_alone(url: str) -> None:
    store = open_store(url)
    commit(store, D1, [brk("a")])
    create(store._database)
    assert store.prior("r").latest == D1
    store.close()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT id FROM breaks WHERE reconciliation = 'r' AND state <> 'resolved' ORDER BY id",
            "breaks_unresolved",
        ),
        (
            "SELECT id FROM breaks WHERE reconciliation = 'r' AND id >= 'ab' AND id < 'ac'",
            "sqlite_autoindex_breaks_1",
        ),
        ("SELECT event FROM history WHERE break_id = 'a' ORDER BY seq", "history_by_break"),
        (
            "SELECT max(business_date) FROM open_items WHERE reconciliation = 'r' AND whole IS 1 "
            "AND business_date < '2026-07-01'",
            "sqlite_autoindex_open_items_1",
        ),
        (
            "SELECT items FROM open_items WHERE reconciliation = 'r' AND whole IS 0 "
            "AND business_date = '2026-07-01' AND page = 0",
            "sqlite_autoindex_open_items_1",
        ),
    ],
)
def test_the_questions_of_every_day_are_answered_from_an_index(
    tmp_path: Path, query: str, index: str
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with store._database.reading() as connection:
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
    store.close()
    assert [index in row.detail for row in plan] == [True], plan
