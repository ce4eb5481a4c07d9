"""Arguments and options that several commands share, and their texts as values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from shlex import quote

from tieout import wiring
from tieout.config import load
from tieout.core.text import below_microseconds
from tieout.errors import UsageError
from tieout.ports import Store

DEFAULT_CONFIG = Path("tieout.yaml")


def one_of(value: str, allowed: Iterable[str], option: str) -> str:
    """`value` in lower case, if it is allowed. Raises UsageError."""
    known = list(allowed)
    if value.lower() in known:
        return value.lower()
    near = difflib.get_close_matches(value.lower(), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"
    raise UsageError(f"{option} does not know {value!r}", hint=hint)


def instant(text: str | None, option: str) -> datetime | None:
    """An aware UTC time. Raises UsageError for a naive one."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a time", hint=f"e.g. {option} 2026-11-20T17:00:00Z"
        ) from None
    if below_microseconds(text):
        raise UsageError(
            f"{option} {text!r} has digits below a microsecond", hint="give up to six decimals"
        )
    if moment.tzinfo is None:
        raise UsageError(f"{option} {text!r} has no time zone", hint=_zoned(text, option))
    return moment.astimezone(UTC)


def _zoned(text: str, option: str) -> str:
    """How to say it with a zone; of a date alone the end of the day: what happened on it counts."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"e.g. {option} {text}Z"
    return f"the end of that day: {option} {text}T23:59:59Z"


def day(text: str | None, option: str) -> date | None:
    """A calendar date. Raises UsageError."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a date", hint=f"e.g. {option} 2026-11-20"
        ) from None


def store_url(store: str | None, config: Path | None) -> str:
    """Where the store is: as said, else as the configuration says.

    Raises:
        UsageError: neither is there; or a SQLite store that does not exist yet.
        ConfigError: the configuration is wrong.
    """
    url = store if store is not None else _configured(config)
    file = sqlite_file(url)
    if file is not None and not file.exists():
        raise UsageError(f"there is no store {file} yet", hint="`tieout run CONFIG` makes it")
    return url


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for other databases and for one in memory."""
    scheme, _, path = url.partition(":///")
    path = path.partition("?")[0]
    if not scheme.startswith("sqlite") or not path or path.startswith(":"):
        return None
    return Path(path)


def _configured(config: Path | None) -> str:
    path = config or DEFAULT_CONFIG
    if config is None and not path.exists():
        raise UsageError(
            "which store? There is no tieout.yaml here",
            hint="name a configuration with --config, or a store with --store sqlite:///tieout.db",
        )
    return load(path).store.resolve()


def leading_to(config: Path, store: str | None) -> str:
    """The options that lead a command to the store of a run; empty where it finds it by itself."""
    if store is not None:
        return f" --store {quote(store)}"
    return "" if config == DEFAULT_CONFIG else f" --config {quote(str(config))}"


@contextmanager
def opened(store: str | None, config: Path | None) -> Iterator[Store]:
    """The store, closed at the end."""
    view = wiring.open_store(store_url(store, config))
    try:
        yield view
    finally:
        view.close()
