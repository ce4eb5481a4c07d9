"""Arguments and options that several groups of commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

CODES = "Exit codes: 0 clean, 1 breaks, 2 usage, configuration or source failure, 3 incomplete."


def group(about: str) -> typer.Typer:
    """A command that has commands."""
    return typer.Typer(
        help=about,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        epilog=CODES,
    )


File: TypeAlias = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.")]
Names: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="RECONCILIATION", help="Which of them; all by default."),
]
Id: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="Its id, or how that begins.")]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration whose store to use [tieout.yaml]."),
]
Store: TypeAlias = Annotated[
    str | None,
    typer.Option("--store", help="The store, in place of the configuration's: a SQLAlchemy URL."),
]
Only: TypeAlias = Annotated[
    str | None, typer.Option("--reconciliation", "-r", help="Only of this one.")
]
Short: TypeAlias = Annotated[str, typer.Option("--format", help="table or json.")]
Long: TypeAlias = Annotated[str, typer.Option("--format", help="table, json, ndjson or csv.")]
