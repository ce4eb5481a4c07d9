"""Everything that is wrong with a configuration, gathered so that it is reported at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tieout.config.tree import Fault, Node
from tieout.core.rules import Calendar
from tieout.errors import Problem

EXCERPT_LIMIT: Final = 120

SECRET_KEYS: Final = (
    "api_key",
    "apikey",
    "secret",
    "password",
    "passphrase",
    "passwd",
    "token",
    "private_key",
    "privatekey",
    "mnemonic",
)
"""Keys, alone or at the end of a longer one, whose values are secrets."""

_URL_PASSWORD: Final = re.compile(r"([^\s/:@'\"\[{,]*:)([^\s:@/]\S*)(?=@)")
"""Behind a name and before a host; an address need not begin with a scheme."""

_SECRET_VALUE: Final = re.compile(
    rf"(?i)((?:{'|'.join(SECRET_KEYS)})[\"']?\s*[:=]\s*)(?!\s*[\"']?(?:env|file|keyring):)"
    r"(\"[^\"]*\"?|'[^']*'?|[^\s,}&#]+)"
)


PRIVATE_KEY: Final = re.compile(r"\b(?:0x)?[0-9a-fA-F]{64}\b")
"""What a private key of a wallet looks like; its address is shorter."""


def redact(text: str) -> str:
    """`text` without passwords in URLs, values of secret keys, and private keys."""
    text = PRIVATE_KEY.sub("***", text)
    text = _URL_PASSWORD.sub(lambda m: m[0] if m[2].startswith("${") else f"{m[1]}***", text)
    return _SECRET_VALUE.sub(r"\1***", text)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was probably meant to be."""
    by_fold = {each.casefold().replace("-", "_"): each for each in known}
    folded = word.casefold().replace("-", "_").replace(" ", "_")
    close = difflib.get_close_matches(folded, by_fold, n=1, cutoff=0.6)
    close = close or [each for each in by_fold if len(each) > 2 and folded.startswith(each)]
    return by_fold[close[0]] if close else None


def unknown(what: str, word: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and hint for a `word` that is none of `known`."""
    choices = list(known)
    close = nearest(word, choices)
    message = f"unknown {what} `{redact(word)}`"
    if close is not None:
        message += f" (did you mean `{close}`?)"
    if not choices:
        return message, f"there is no {what} here"
    return message, f"there are: {', '.join(choices)}"


@dataclass
class Findings:
    """Problems and warnings so far, and what readers need to know beside their own node.

    Attributes:
        lines: of the YAML text, for excerpts. `base`: what relative paths are relative to.
        environ: what `env:` references will be looked up in.
        calendars: those that the document defines, by name.
    """

    lines: list[str] = field(default_factory=list)
    base: Path = Path()
    environ: Mapping[str, str] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, node: Node, message: str, hint: str | None = None, *, key: bool = False) -> None:
        """Report a problem at `node`, or at its key."""
        self.problems.append(self._problem(node, message, hint, key))

    def warn(self, node: Node, message: str, hint: str | None = None) -> None:
        """Report what is allowed, but surely not meant."""
        self.warnings.append(self._problem(node, message, hint, False))

    def fault(self, fault: Fault) -> None:
        self.add(fault.node, fault.message, fault.hint, key=fault.key)

    def finish(self, problem: Problem) -> Problem:
        """A problem of the YAML reader, with its excerpt."""
        return Problem(
            problem.message,
            problem.path,
            problem.line,
            problem.column,
            self._excerpt(problem.line),
            problem.hint,
        )

    def _problem(self, node: Node, message: str, hint: str | None, key: bool) -> Problem:
        if node.variable is not None:
            return Problem(message, f"{node.variable} in the environment: {node.path}", hint=hint)
        line, column = node.line, node.column
        if (key or line is None) and node.key_line is not None:
            line, column = node.key_line, node.key_column
        return Problem(message, node.path, line, column, self._excerpt(line), hint)

    def _excerpt(self, line: int | None) -> str | None:
        if line is None or not 0 < line <= len(self.lines):
            return None
        text = redact(self.lines[line - 1].rstrip())
        return text if len(text) <= EXCERPT_LIMIT else text[: EXCERPT_LIMIT - 1] + "…"
