"""A proposed reconciliation -> a commented YAML file that runs, for `tieout init`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieout.core.infer import Evidence, KeyCandidate, Proposal, SourceProposal
from tieout.core.rules import Measure

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./\-]*( [A-Za-z0-9_./\-]+)*", re.ASCII)
"""Texts that mean themselves without quotes, in a block and between brackets."""

_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""Words that some YAML readers take for something else."""

KEYS_SHOWN: Final = 5
"""Alternatives to the proposed key that are named in a comment."""


@dataclass(frozen=True, slots=True)
class ProposedFile:
    """Where a proposed source is, and how its file is written; None or empty is found out.

    Attributes:
        path: as it is to stand in the YAML; relative to that file.
    """

    path: str
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    skip_rows: int = 0
    record_path: tuple[str, ...] = ()
    covers: str | None = None


def write(
    proposal: Proposal,
    internal: ProposedFile,
    external: ProposedFile,
    *,
    name: str | None = None,
    store: str = "sqlite:///tieout.db",
    path: str = "tieout.yaml",
) -> str:
    """The text of a configuration; `load` reads it. What needs a person's eye is a comment.

    Args:
        name: of the reconciliation; `<internal>-vs-<external>` where None.
        store: the database's URL, without a password.
        path: what the file is to be called, as a person types it.
    """
    name = name or f"{proposal.internal.name}-vs-{proposal.external.name}"
    command = _one_line(f"tieout run {shlex.quote(path)}")[0]
    lines = [
        f"# Written by `tieout init`. Check what the comments say, then: {command}",
        "version: 1",
        f"store: {scalar(store)}",
        "",
        "sources:",
        *_source(proposal.internal, internal),
        *_source(proposal.external, external),
        "",
        "reconciliations:",
        f"  {scalar(name)}:",
    ]
    lines += [f"    # {note}" for note in _comments(proposal.notes)]
    lines += [
        f"    records: {proposal.records}",
        f"    internal: {scalar(proposal.internal.name)}",
        f"    external: {scalar(proposal.external.name)}",
        *_match(proposal),
        *_compare(proposal),
        *_ignore(proposal),
    ]
    return "\n".join(lines) + "\n"


def _comments(notes: Sequence[str]) -> Iterator[str]:
    for note in notes:
        yield from _one_line(note)


def _one_line(text: str) -> tuple[str, ...]:
    """A comment never breaks out of its line, whatever a file's header holds."""
    return (
        " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", " ", text).split()),
    )


def _source(source: SourceProposal, file: ProposedFile) -> Iterator[str]:
    read = f"{source.rows} rows read, {source.unreadable} of them unreadable"
    if source.skipped:
        read += f", {source.skipped} skipped"
    yield f"  {scalar(source.name)}:  # {read}"
    notes = dict(source.notes)
    for key, value in _settings(source, file):
        note = notes.pop(key, None)
        comment = f"  # {_one_line(note)[0]}" if note else ""
        if isinstance(value, str):
            yield f"    {key}: {value}{comment}"
            continue
        yield f"    {key}:{comment}"
        for inner, text in value.items():
            inner_note = notes.pop(f"{key}.{inner}", None)
            inner_comment = f"  # {_one_line(inner_note)[0]}" if inner_note else ""
            yield f"      {scalar(inner)}: {text}{inner_comment}"
    for place, note in notes.items():
        yield f"    # {_one_line(f'{place}: {note}')[0]}"


def _settings(
    source: SourceProposal, file: ProposedFile
) -> Iterator[tuple[str, str | Mapping[str, str]]]:
    """(key, its text, or its entries) of what is not the default."""
    yield "type", "file"
    yield from _file(file)
    if source.timezone is not None:
        yield "timezone", scalar(source.timezone)
    for key, texts in (
        ("columns", source.columns),
        ("constants", source.constants),
        ("formats", source.forms),
    ):
        if texts:
            yield key, {name: scalar(text) for name, text in texts.items()}
    if source.values:
        yield "values", {name: _flow_map(each) for name, each in source.values.items()}
    if source.numbers.point != ".":
        yield "decimal", scalar(source.numbers.point)
    if source.numbers.thousands is not None:
        yield "thousands", scalar(source.numbers.thousands)
    if source.signed:
        yield "quantity_sign", "side"
    if source.sign is not None:
        yield (
            "quantity_sign",
            {
                "column": scalar(source.sign.column),
                "negative": _flow(sorted(source.sign.negative)),
                "positive": _flow(sorted(source.sign.positive)),
            },
        )
    if source.skip:
        yield "skip", {name: _flow(each) for name, each in source.skip.items()}
    if source.floats != "refuse":
        yield "floats", source.floats


def _file(file: ProposedFile) -> Iterator[tuple[str, str]]:
    yield "path", scalar(file.path)
    for key in ("format", "encoding", "delimiter", "sheet", "covers"):
        if (value := getattr(file, key)) is not None:
            yield key, scalar(value)
    if file.skip_rows:
        yield "skip_rows", str(file.skip_rows)
    if file.record_path:
        yield "record_path", _flow(file.record_path)


def _match(proposal: Proposal) -> Iterator[str]:
    known = {key.on: key for key in proposal.keys}
    yield "    match:"
    for on in proposal.passes:
        text = f"  # {known[on].text}" if on in known else ""
        yield f"      - {{on: {_flow(on)}}}{text}"
    others: list[KeyCandidate] = [key for key in proposal.keys if key.on not in proposal.passes]
    if others:
        yield "      # other keys that were tried:"
        for key in others[:KEYS_SHOWN]:
            yield f"      # - {{on: {_flow(key.on)}}}  # {key.text}"


def _compare(proposal: Proposal) -> Iterator[str]:
    if not proposal.compared:
        return
    counted = "1 pair" if proposal.pairs == 1 else f"{proposal.pairs} pairs"
    yield f"    compare:  # of {counted} in the samples"
    for each in proposal.compared:
        yield f"      {scalar(each.column)}: exact  # {each.text}"
        if (loose := _tolerance(each)) is not None:
            yield f"      # {scalar(each.column)}: {loose}"


def _ignore(proposal: Proposal) -> Iterator[str]:
    if proposal.ignored:
        for column, why in proposal.ignored.items():
            yield f"    # {_one_line(f'{column}: {why}')[0]}"
        yield f"    ignore: {_flow(list(proposal.ignored))}"


def _tolerance(each: Evidence) -> str | None:
    """The tolerance that a person may choose instead."""
    if each.tolerance is None or each.tolerance.measure is Measure.EXACT:
        return None
    text = each.tolerance_text
    match each.tolerance.measure:
        case Measure.RELATIVE:
            return f"{{relative: {text}}}"
        case Measure.TICKS:
            return f"{{ticks: {text}}}"
        case Measure.WINDOW:
            return f"{{within: {text}}}"
        case _:
            return f"{{within: {quoted(text)}}}"


def _flow(values: Sequence[str]) -> str:
    return f"[{', '.join(map(scalar, values))}]"


def _flow_map(values: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{scalar(key)}: {scalar(value)}' for key, value in values.items())}}}"


def scalar(text: str) -> str:
    """`text` as a YAML scalar that reads as the same text."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and len(text) < 200
    if plain or re.fullmatch(r"[a-z+]+:///?[\w./\-]+", text, re.ASCII):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """`text` in double quotes, with everything escaped that is not printable."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
