"""`tieout book`: its commands, their arguments and options. What they do is in `cli.book`."""

# ruff: noqa: PLR0913, PLR0917 - a command has as many parameters as options

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from tieout.cli.options import Config, File, Long, Short, Store, group

book = group("What the firm believes: open it, import into it, look at it.")

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Replace: TypeAlias = Annotated[
    bool, typer.Option("--replace", help="Open anew what is open already, by a further entry.")
]
By: TypeAlias = Annotated[
    str | None, typer.Option("--by", help="Who approves it [who is logged in].")
]
Account: TypeAlias = Annotated[str | None, typer.Option("--account", help="Only of this account.")]
Venue: TypeAlias = Annotated[str | None, typer.Option("--venue", help="Only of this exchange.")]
Records: TypeAlias = Annotated[
    str | None,
    typer.Option("--records", help="trades, movements, orders, positions or balances."),
]


@book.command("open")
def book_open(
    context: typer.Context,
    source: Annotated[
        str, typer.Option("--from", help="The source, as the configuration calls it: a venue.")
    ],
    config: File = Path("tieout.yaml"),
    as_of: Annotated[
        str | None,
        typer.Option(help="From when on: a time with its zone [the present]."),
    ] = None,
    pause: Annotated[
        float, typer.Option(min=0, help="Seconds between the two readings that must agree.")
    ] = 5.0,
    yes: Yes = False,
    replace: Replace = False,
    by: By = None,
    store: Store = None,
    named: Annotated[
        Path | None, typer.Option("--config", "-c", help="CONFIG, said like for other commands.")
    ] = None,
) -> None:
    """Write opening entries from a venue: what it says twice, and a person approves."""
    from tieout.cli.book import OpenArguments, open_book

    arguments = OpenArguments(named or config, source, as_of, pause, yes, replace, by, store)
    raise typer.Exit(open_book(arguments, context.obj))


@book.command("import")
def book_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON, XLSX or Parquet.")],
    records: Annotated[
        str,
        typer.Option("--records", help="trades, movements, orders, positions or balances."),
    ],
    source: Annotated[
        str | None,
        typer.Option(help="Map its columns as this source of the configuration does."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="The account of all its records.")] = None,
    venue: Annotated[str | None, typer.Option(help="The exchange of all its records.")] = None,
    yes: Yes = False,
    replace: Replace = False,
    by: By = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be new, and write nothing.")
    ] = False,
    config: Config = None,
    store: Store = None,
) -> None:
    """Put the records of a file into the book. Doing it again adds nothing."""
    from tieout.cli.book import ImportArguments, import_file

    arguments = ImportArguments(
        file, records, source, account, venue, yes, replace, by, dry_run, config, store
    )
    raise typer.Exit(import_file(arguments, context.obj))


@book.command("show")
def book_show(
    as_of: Annotated[
        str | None, typer.Option(help="As it was then: a time with its zone [the present].")
    ] = None,
    records: Annotated[
        str | None, typer.Option("--records", help="Only positions, balances or orders.")
    ] = None,
    account: Account = None,
    venue: Venue = None,
    config: Config = None,
    store: Store = None,
    format_: Short = "table",
) -> None:
    """Show positions, balances and open orders, and what is not known."""
    from tieout.cli.book_show import show_book

    show_book(
        as_of, records, account=account, venue=venue, config=config, store=store, shape=format_
    )


@book.command("journal")
def book_journal(
    records: Records = None,
    account: Account = None,
    venue: Venue = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many, the newest; 0 for all [100 in a table]."),
    ] = None,
    config: Config = None,
    store: Store = None,
    format_: Long = "table",
) -> None:
    """List the entries of the journal, in the order in which they were written."""
    from tieout.cli.book_journal import list_journal

    list_journal(
        records,
        account=account,
        venue=venue,
        limit=limit,
        config=config,
        store=store,
        shape=format_,
    )
