"""`tieout init`: look at two files and write a configuration that reconciles them."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

from tieout import wiring
from tieout.cli.console import Options, count, out, progress, table
from tieout.config.writer import ProposedFile, write
from tieout.core.infer import Proposal, SampledFile, SourceProposal
from tieout.errors import UsageError
from tieout.service.onboarding import Onboarding, onboard


def init(internal: Path, external: Path, output: Path, *, force: bool, options: Options) -> None:
    """Propose column mapping, keys and tolerances for two files, as a commented YAML that runs."""
    if output.exists() and not force:
        raise UsageError(
            f"{output} is there already", hint="choose another name with -o, or say --force"
        )
    if not output.absolute().parent.is_dir():
        raise UsageError(f"there is no directory {output.absolute().parent}", where="--output")

    with progress(options) as say:
        say(f"reading {internal.name} and {external.name}", None)
        found = onboard(str(internal), str(external), wiring.sample, now=datetime.now(UTC))
    write_new(output, _text(found, internal, external, output), force=force)
    for line in _summary(found.proposal):
        out(line)
    out()
    out(f"wrote {output}: check its comments, then")
    date = f" --business-date {found.business_date}" if found.business_date else ""
    out(f"  tieout run {shlex.quote(str(output))}{date}")


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file whole; without `force` only where there is none.

    Raises:
        UsageError: somebody else made it in the meantime, or it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        try:
            if force:
                temporary.replace(path)
            else:
                os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="say --force to write over it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def _text(found: Onboarding, internal: Path, external: Path, output: Path) -> str:
    def proposed(file: SampledFile, path: Path) -> ProposedFile:
        return ProposedFile(
            path=_relative(path, output),
            encoding=file.encoding,
            delimiter=file.delimiter,
            skip_rows=file.skip_rows,
        )

    return write(
        found.proposal,
        proposed(found.internal, internal),
        proposed(found.external, external),
        path=str(output),
    )


def _relative(path: Path, output: Path) -> str:
    """The path from the configuration's directory; absolute where it lies elsewhere."""
    base = output.absolute().parent
    near = os.path.relpath(path.absolute(), base)
    return near if near.count("..") <= 2 else str(path.absolute())


def _summary(proposal: Proposal) -> list[str]:
    lines = [f"{proposal.records}: {_rows(proposal.internal)}, {_rows(proposal.external)}", ""]
    columns = [
        [name, proposal.internal.columns.get(name, "-"), proposal.external.columns.get(name, "-")]
        for name in dict.fromkeys([*proposal.internal.columns, *proposal.external.columns])
    ]
    lines += table(("column", proposal.internal.name, proposal.external.name), columns)
    known = {key.on: key for key in proposal.keys}
    keys = [[", ".join(on), known[on].text if on in known else ""] for on in proposal.passes]
    lines += ["", *table(("key", ""), keys)]
    compared = [[each.column, each.text] for each in proposal.compared]
    if compared:
        pairs = f"of {count(proposal.pairs, 'pair')}"
        lines += ["", *table(("compared", pairs), compared)]
    notes = [*proposal.notes]
    notes += [f"{column} is ignored: {why}" for column, why in proposal.ignored.items()]
    for source in (proposal.internal, proposal.external):
        notes += [f"{source.name} {place}: {text}" for place, text in source.notes.items()]
    return lines + (["", "to check:", *(f"  {note}" for note in notes)] if notes else [])


def _rows(source: SourceProposal) -> str:
    text = f"{source.name} {source.rows:,}"
    if source.unreadable:
        text += f" and {source.unreadable:,} unreadable"
    return text + (f", {source.skipped:,} skipped" if source.skipped else "")
