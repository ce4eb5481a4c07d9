"""The HTML report: one file that asks the network for nothing and runs nothing from the data.

Three fences stand between a hostile trade id and a script: the template escapes every value, the
data of the script stand in a JSON block that cannot be left, and the page's policy admits our
own script and style by their hash and nothing else.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tieout.adapters.reports import views
from tieout.adapters.reports.csv import CsvBreaks, CsvQuarantine
from tieout.adapters.reports.objects import as_of, opened
from tieout.adapters.reports.survey import Survey, survey
from tieout.adapters.reports.whole import whole
from tieout.core.rows import RunRow
from tieout.errors import UsageError
from tieout.ports import ReportData, ReportWriter
from tieout.present import (
    BIDI,
    SEVERITIES,
    break_object,
    pending_object,
    quarantine_object,
    visible,
)

BREAKS: Final = 5_000
"""Breaks that one page holds; the others are in the file beside it, and the page says so."""

QUARANTINE: Final = 1_000
"""Quarantined rows that one page holds."""

PAGE: Final = 200
"""Rows that the table lays out at a time; scrolling brings the next ones."""

PENDING: Final = 1_000
"""Records in no break that one page holds of a run."""

_COMPANIONS: Final = ("breaks", "quarantine")
_PAGE: Final = files("tieout.adapters.reports") / "page"
_ESCAPES: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_ESCAPES.update({ord(char): "\\" + visible(char) for char in BIDI})


def _shown(value: Any) -> Any:
    """What the template prints of a text from the data; our own markup is left as it is."""
    return visible(value) if type(value) is str else value


class HtmlReport:
    """The report as one page; with very many breaks, the worst of them and a CSV file beside it.

    Args:
        breaks, quarantine: how many rows the page holds. With more, all of them are written to
            `NAME.breaks.csv` or `NAME.quarantine.csv`, which the page links.
    """

    suffix = ".html"

    def __init__(self, *, breaks: int = BREAKS, quarantine: int = QUARANTINE) -> None:
        self._breaks, self._quarantine = breaks, quarantine

    def write(self, data: ReportData, path: str) -> None:
        found = survey(data.breaks(), as_of(data), self._breaks)
        unread = list(islice(data.quarantine(), self._quarantine))
        total = sum(1 for _ in data.quarantine())
        context = {
            **_page(data, found),
            "quarantine": [views.quarantined(quarantine_object(row)) for row in unread],
            "quarantine_total": total,
            "breaks_file": self._beside(data, path, "breaks", CsvBreaks(), found.total),
            "quarantine_file": self._beside(data, path, "quarantine", CsvQuarantine(), total),
        }
        old = [each for each in _COMPANIONS if not context[f"{each}_file"] and _wrote(path, each)]
        with whole(path) as draft, opened(draft) as file:
            file.writelines(_render(context))
        for what in _COMPANIONS:
            if context[f"{what}_file"] is not None:
                data.beside(str(_companion(path, what)))
        for what in old:
            _remove(_companion(path, what))

    def _beside(
        self, data: ReportData, path: str, what: str, writer: ReportWriter, total: int
    ) -> dict[str, str] | None:
        limit = self._breaks if what == "breaks" else self._quarantine
        if total <= limit:
            return None
        file = _companion(path, what)
        if file.is_file() and not _wrote(path, what):
            raise UsageError(
                f"{file.name} is there already, and is not of this report",
                where=str(file),
                hint="move it away, or give the report another name",
            )
        writer.write(data, str(file))
        return {"name": file.name, "href": _href(file)}


def _companion(path: str, what: str) -> Path:
    return Path(path).with_suffix(f".{what}.csv")


def _href(file: Path) -> str:
    return "./" + quote(file.name, errors="surrogateescape")


def _wrote(path: str, what: str) -> bool:
    """Whether the report that is to be replaced wrote the file beside it."""
    page, file = Path(path), _companion(path, what)
    link = f'href="{escape(_href(file))}"'.encode()
    return file.is_file() and page.is_file() and link in page.read_bytes()


def _remove(file: Path) -> None:
    """What an earlier report wrote would be read as being of the one that is there now."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{file.name} is of an earlier report, and cannot be removed:"
            f" {error.strerror or error}",
            where=str(file),
            hint="remove it: the report itself is written",
        ) from error


def _page(data: ReportData, found: Survey) -> dict[str, Any]:
    moment = as_of(data)
    objects = [break_object(row, as_of=moment(row)) for row in found.shown]
    return {
        "generated_at": views.time(data.generated_at),
        "filters": data.filters,
        "runs": [views.run(row) | _pending(data, row) for row in data.runs],
        "worst": views.worst(data.runs),
        "severities": SEVERITIES,
        "survey": found,
        "values": [
            (currency, views.amount(value)) for currency, value in sorted(found.values.items())
        ],
        "kinds": views.bars(found.kinds),
        "ages": views.ages(found.ages),
        "rows": [views.summary(brk) for brk in objects],
        "details": [views.detail(brk) for brk in objects],
    }


def _pending(data: ReportData, row: RunRow) -> dict[str, Any]:
    items = data.pending(row) or ()
    shown = [views.pending(pending_object(item)) for item in items[:PENDING]]
    return {"pending": shown, "pending_total": len(items)}


def _render(context: dict[str, Any]) -> Iterator[str]:
    environment = Environment(
        loader=PackageLoader("tieout.adapters.reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = "{:,}".format
    script = (_PAGE / "report.js").read_text("utf-8")
    style = (_PAGE / "report.css").read_text("utf-8")
    marker = "document.documentElement.className='js'"
    details = json.dumps(context["details"], ensure_ascii=False, separators=(",", ":"))
    return environment.get_template("report.html.j2").generate(
        **context,
        policy=f"default-src 'none'; script-src {_hash(marker)} {_hash(script)}; "
        f"style-src {_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'",
        page=PAGE,
        marker=Markup(marker),  # noqa: S704 - ours, and never from the data
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        json=Markup(details.translate(_ESCAPES)),  # noqa: S704 - escaped for a JSON block
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
