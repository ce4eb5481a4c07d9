"""The commands, their arguments and options, as one table.

What a command does is in the module of its name, which is imported when the command runs: so
`--help` needs neither the engine nor the store.
"""


# ruff: noqa: PLR0913, PLR0917 - a command has as many parameters as options

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from tieout.cli.book_app import book
from tieout.cli.console import Options, out
from tieout.cli.options import Config, File, Id, Long, Names, Only, Short, Store, group

ABOUT = "Reconcile what a trading firm believes with what venues, brokers and files say."

app = group(ABOUT)
demo = group("Reconcile the bundled example on two days and write a report. Needs no network.")
demo.info.no_args_is_help = False
breaks = group("List breaks, and look at one of them.")
runs = group("List runs, and look at one of them.")
config = group("Check a configuration, and say what it means.")
db = group("Look after the store.")
lease = group("See which process compares what, and break the lease of one that is dead.")


def _version(wanted: bool) -> None:
    if wanted:
        root = sys.modules["tieout"]  # importing it by name would point the layers upwards
        out(f"tieout {root.__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Nothing but errors on stderr.")
    ] = False,
    debug: Annotated[  # noqa: ARG001 - `main` looks for it before there is a context
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Reconcile what a trading firm believes with what venues, brokers and files say."""
    context.obj = Options(quiet=quiet)


@demo.callback(invoke_without_command=True)
def demo_files(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Option("--dir", help="Where to put the example's files and its report.")
    ] = Path("tieout-demo"),
) -> None:
    """Reconcile the bundled example on two days and write a report. Needs no network."""
    if context.invoked_subcommand is None:
        from tieout.cli.demo import demo

        demo(directory, context.obj)


@demo.command("live")
def demo_live(
    context: typer.Context,
    seconds: Annotated[int, typer.Option(help="How long it lasts, about.")] = 60,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep its configuration and store there [nothing is left]."),
    ] = None,
) -> None:
    """Watch a book and a simulated exchange while a fill gets lost and is found again."""
    from tieout.cli.demo_live import demo_live

    raise typer.Exit(demo_live(seconds, directory, context.obj))


@app.command()
def init(
    context: typer.Context,
    internal: Annotated[Path, typer.Argument(metavar="A", help="The internal side's file.")],
    external: Annotated[Path, typer.Argument(metavar="B", help="The external side's file.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The configuration to write.")
    ] = Path("tieout.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Propose column mapping, keys and tolerances for two files, as a commented YAML that runs."""
    from tieout.cli.init import init

    init(internal, external, output, force=force, options=context.obj)


@app.command()
def run(
    context: typer.Context,
    config: File,
    reconciliations: Names = None,
    store: Store = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="'Now' for deadlines and ages, and the cut: a time with its zone."),
    ] = None,
    business_date: Annotated[
        str | None, typer.Option(help="The day that the files are of, as 2026-11-20.")
    ] = None,
    restate: Annotated[
        bool, typer.Option("--restate", help="Run a day before the latest one again.")
    ] = False,
    format_: Short = "table",
    breaks: Annotated[
        Path | None,
        typer.Option(help="Write every open break to a .ndjson, .csv or .parquet file."),
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="Exit with 1 for breaks of this severity or worse, or `any`.")
    ] = "high",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing to the store.")] = False,
) -> None:
    """Compare both sides of each reconciliation, find every break, and store it."""
    from tieout.cli.run import RunArguments, run

    arguments = RunArguments.parse(
        config=config,
        names=reconciliations or [],
        store=store,
        as_of=as_of,
        business_date=business_date,
        restate=restate,
        shape=format_,
        breaks=breaks,
        fail_on=fail_on,
        dry_run=dry_run,
    )
    raise typer.Exit(run(arguments, context.obj))


@app.command()
def status(config: Config = None, store: Store = None, format_: Short = "table") -> None:
    """Show the last run, the open breaks and the oldest age of each reconciliation."""
    from tieout.cli.status import status

    status(config, store, format_)


@app.command()
def serve(
    context: typer.Context,
    config: File = Path("tieout.yaml"),
    reconciliations: Names = None,
    store: Store = None,
    format_: Annotated[str, typer.Option("--format", help="table or ndjson.")] = "table",
    for_: Annotated[
        float | None, typer.Option("--for", help="End after so many seconds [until Ctrl-C].")
    ] = None,
) -> None:
    """Compare books with venues while trading goes on: at the start, at intervals, on events."""
    from tieout.cli.serve import ServeArguments, serve

    arguments = ServeArguments(config, reconciliations or [], store, format_, for_)
    raise typer.Exit(serve(arguments, context.obj))


Scope: TypeAlias = Annotated[
    str, typer.Argument(metavar="RECONCILIATION", help="Which one; '*' is all of them.")
]


@app.command()
def pause(
    context: typer.Context,
    reconciliation: Scope = "*",
    reason: Annotated[str, typer.Option("--reason", help="Why, for who looks at it later.")] = "",
    for_: Annotated[
        str | None, typer.Option("--for", help="How long, as 30m or 1h [until `resume`].")
    ] = None,
    config: Config = None,
    store: Store = None,
) -> None:
    """Stop the monitors of a reconciliation, in every process. Nothing that runs is cut off."""
    from tieout.cli.pause import pause

    pause(
        reconciliation,
        reason=reason,
        length=for_,
        config=config,
        store=store,
        options=context.obj,
    )


@app.command()
def resume(
    context: typer.Context,
    reconciliation: Scope = "*",
    config: Config = None,
    store: Store = None,
) -> None:
    """Let the monitors of a reconciliation run again."""
    from tieout.cli.pause import resume

    resume(reconciliation, config=config, store=store, options=context.obj)


@lease.command("list")
def lease_list(config: Config = None, store: Store = None, format_: Short = "table") -> None:
    """Show which process holds the lease of which monitor, and until when."""
    from tieout.cli.lease import list_leases

    list_leases(config, store, format_)


@lease.command("break")
def lease_break(
    context: typer.Context,
    reconciliation: Annotated[
        str, typer.Argument(metavar="RECONCILIATION", help="Whose lease it is.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    watch: Annotated[
        float, typer.Option(min=0, help="Seconds for which its holder must show no life.")
    ] = 30.0,
    config: Config = None,
    store: Store = None,
) -> None:
    """Take a lease from a dead process whose clock was ahead. Refused where its holder lives."""
    from tieout.cli.lease import break_lease

    code = break_lease(
        reconciliation, yes=yes, watch=watch, config=config, store=store, options=context.obj
    )
    raise typer.Exit(code)


@app.command()
def doctor(
    context: typer.Context,
    config: File = Path("tieout.yaml"),
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Which of them; all that answer now by default."),
    ] = None,
    store: Store = None,
    format_: Short = "table",
) -> None:
    """Ask each venue and book whether it can be used: keys, clock, permissions, coverage."""
    from tieout.cli.doctor import doctor

    raise typer.Exit(doctor(config, sources or [], store, format_, context.obj))


@breaks.command("list")
def breaks_list(
    config: Config = None,
    store: Store = None,
    reconciliation: Only = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only of this kind; repeatable.")] = None,
    severity: Annotated[str | None, typer.Option(help="Only of this severity or worse.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only in this state; `all` for every one.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="Only those last seen by this run: its id, or how that begins."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many, the worst first; 0 for all [100 in a table]."),
    ] = None,
    format_: Long = "table",
) -> None:
    """List open breaks: in a table the worst first, in other formats by id."""
    from tieout.cli.breaks import list_breaks, wanted

    where = wanted(reconciliation, kind or [], severity, state or [], run)
    list_breaks(where, config=config, store=store, limit=limit, shape=format_)


@breaks.command("show")
def breaks_show(
    id_: Id, config: Config = None, store: Store = None, format_: Short = "table"
) -> None:
    """Show both sides of a break, what differs, and its history."""
    from tieout.cli.breaks import show_break

    show_break(id_, config=config, store=store, shape=format_)


@runs.command("list")
def runs_list(
    config: Config = None,
    store: Store = None,
    reconciliation: Only = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many, the newest first; 0 for all [50 in a table]."),
    ] = None,
    format_: Long = "table",
) -> None:
    """List runs, the newest first."""
    from tieout.cli.runs import list_runs

    list_runs(reconciliation, config=config, store=store, limit=limit, shape=format_)


@runs.command("show")
def runs_show(
    id_: Id, config: Config = None, store: Store = None, format_: Short = "table"
) -> None:
    """Show a run: inputs, hashes, coverage, counts, quarantined rows, what is in no break."""
    from tieout.cli.runs import show_run

    show_run(id_, config=config, store=store, shape=format_)


@app.command()
def report(
    context: typer.Context,
    reconciliations: Names = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where to; .html, .xlsx, .csv or .json.")
    ] = Path("tieout-report.html"),
    config: Config = None,
    store: Store = None,
) -> None:
    """Write the last run of each reconciliation and its open breaks into one file."""
    from tieout.cli.report import report

    report(reconciliations or [], output, config=config, store=store, options=context.obj)


@config.command("check")
def config_check(context: typer.Context, config: File = Path("tieout.yaml")) -> None:
    """Read a configuration and name everything that is wrong with it."""
    from tieout.cli.config import check

    check(config, context.obj)


@config.command("explain")
def config_explain(context: typer.Context, config: File = Path("tieout.yaml")) -> None:
    """Say in words what a configuration means, every default included."""
    from tieout.cli.config import explain_config

    explain_config(config, context.obj)


@db.callback()
def dbgroup() -> None:
    """Look after the store."""


@db.command("upgrade")
def db_upgrade(config: Config = None, store: Store = None) -> None:
    """Bring the store's schema to this version of Tieout. Safe to repeat."""
    from tieout.cli.db import upgrade

    upgrade(config, store)


app.add_typer(demo, name="demo")
app.add_typer(breaks, name="breaks")
app.add_typer(runs, name="runs")
app.add_typer(config, name="config")
app.add_typer(db, name="db")
app.add_typer(lease, name="lease")
app.add_typer(book, name="book")
