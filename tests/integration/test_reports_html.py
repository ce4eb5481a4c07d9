"""The HTML report, opened in a real browser."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from integration.report_data import (
    HOSTILE,
    break_row,
    coverage,
    difference,
    part,
    report,
    run_row,
    trade,
    unreadable,
)

from tieout.adapters.reports.html import HtmlReport
from tieout.core.held import held_of, text_of
from tieout.core.model import RunStatus, Side
from tieout.core.rows import BreakCounts, BreakRow, RunCounts
from tieout.errors import UsageError
from tieout.ports import ReportData

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SCRIPT = "</script><script>globalThis.stolen = 1</script><!-- \u2028 "
POSITIONS = "positions-vs-custodian"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


class Opened:
    """A page and everything that it did on its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.events: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.events.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.events.append(str(error)))
        page.on("console", lambda message: self.events.append(message.text))

    def outside(self) -> list[str]:
        """What it asked for, itself and inline images aside."""
        return [url for url in self.requests[1:] if not url.startswith("data:")]

    def shows(self, names: list[str]) -> None:
        """Assert, soon, that the table's rows are these records, from the top."""
        rows = self.page.locator("#rows tr[data-index]:visible .record strong")
        expect(rows).to_have_text(names, use_inner_text=True)

    def counts(self, rows: int) -> None:
        """Assert, soon, that the table has that many rows."""
        expect(self.page.locator("#rows tr[data-index]:visible")).to_have_count(rows)


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    pages: list[Page] = []

    def shown(data: ReportData, writer: HtmlReport | None = None, **context: Any) -> Opened:
        path = tmp_path / "report.html"
        (writer or HtmlReport()).write(data, str(path))
        page = browser.new_page(**context)
        pages.append(page)
        opened = Opened(page)
        page.goto(path.as_uri())
        return opened

    yield shown
    for page in pages:
        page.close()


def mixed() -> ReportData:
    """Two reconciliations whose breaks differ in everything that can be filtered."""
    balance = {"account": "MM-01", "currency": "USD", "total": "1048204.11"}
    rows = [
        break_row("T-1", kind="MISSING_EXTERNAL", severity="critical",
                  records=[part("internal", trade("T-1", symbol="NVDA"))], value=("900", "USD")),
        break_row("T-2", severity="medium", age=timedelta(days=3)),
        break_row("T-3", severity="low", value=None, state="in_review", age=timedelta(days=41)),
        break_row("USD", kind="BALANCE", severity="high", reconciliation=POSITIONS,
                  records=[part("internal", balance),
                           part("external", {**balance, "total": "1048199.61"})],
                  differences=[difference("total", "1048204.11", "1048199.61", "4.5")],
                  value=("4.5", "USD"), age=timedelta(days=7)),
    ]  # fmt: skip
    return report(rows, runs=[run_row(rows), run_row(rows, reconciliation=POSITIONS)])


def test_a_hostile_text_is_shown_and_never_runs(show: Any) -> None:
    record = trade(HOSTILE, symbol=SCRIPT, account='"><svg/onload=alert(2)>')
    row = break_row(HOSTILE, kind="MISSING_EXTERNAL", records=[part("internal", record)],
                    reconciliation=HOSTILE, value=("1", SCRIPT))  # fmt: skip
    run = run_row([row], reconciliation=HOSTILE, reasons=(SCRIPT,),
                  internal=coverage(HOSTILE, notes=(SCRIPT,)))  # fmt: skip
    data = report([row], runs=[run], quarantine=[unreadable(raw=SCRIPT)], filters={SCRIPT: HOSTILE})
    opened = show(data)
    opened.page.click(".open")
    opened.page.fill("#f-text", HOSTILE)
    opened.shows([HOSTILE])
    assert SCRIPT.strip() in opened.page.inner_text(".detail").replace("\xa0", " ")
    assert SCRIPT.strip() in opened.page.locator("td.raw").inner_text()
    assert opened.page.locator("img, svg[onload], iframe, object").count() == 0
    assert opened.page.evaluate("globalThis.stolen") is None
    assert opened.events == []
    assert opened.outside() == []


def test_the_policy_stops_a_script_that_got_into_the_page(show: Any, tmp_path: Path) -> None:
    """Even with the escaping gone, nothing but our own script would run or reach the network."""
    opened = show(report([break_row()]))
    text = (tmp_path / "report.html").read_text()
    attack = (
        "<script>globalThis.stolen=1</script>"
        "<img src='http://127.0.0.1:9/x' onerror='globalThis.stolen=2'>"
    )
    (tmp_path / "report.html").write_text(text.replace("<main>", "<main>" + attack))
    opened.page.reload()
    assert opened.page.evaluate("globalThis.stolen") is None
    assert opened.page.locator("#rows tr").count() == 1
    assert any("Content Security Policy" in event for event in opened.events)


def test_a_served_page_asks_for_nothing_more(browser: Browser, tmp_path: Path) -> None:
    HtmlReport().write(mixed(), str(tmp_path / "report.html"))
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/report.html")
        page.click(".open >> nth=0")
        page.wait_for_load_state("networkidle")
        page.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == ["/report.html"]


@pytest.mark.parametrize(
    ("choose", "names"),
    [
        ({"severity": "3"}, ["T-1", "USD"]),
        ({"kind": "PRICE"}, ["T-2", "T-3"]),
        ({"reconciliation": POSITIONS}, ["USD"]),
        ({"state": "in review"}, ["T-3"]),
        ({"age": "2\u20135 d"}, ["T-2"]),
        ({"age": "> 30 d", "kind": "PRICE"}, ["T-3"]),
        ({"kind": "BALANCE", "severity": "4"}, []),
    ],
)
def test_filters_work_without_a_server(show: Any, choose: dict[str, str], names: list[str]) -> None:
    opened = show(mixed())
    for facet, value in choose.items():
        opened.page.select_option(f"#f-{facet}", value)
    opened.shows(names)
    expect(opened.page.locator("#shown")).to_have_text(f"{len(names)} of 4 breaks")
    assert opened.page.is_visible("#none") == (not names)
    opened.page.click("text=Reset")
    opened.shows(["T-1", "USD", "T-2", "T-3"])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("nvda", ["T-1"]),
        ("1048199.61", ["USD"]),  # shown in marked pieces only
        ("price t-2", ["T-2"]),
        ("missing_external", ["T-1"]),
        ("in review", ["T-3"]),
        ("no such thing", []),
    ],
)
def test_search_finds_every_word_anywhere_in_a_break(
    show: Any, text: str, names: list[str]
) -> None:
    opened = show(mixed())
    opened.page.fill("#f-text", text)
    opened.shows(names)


def test_a_bar_of_the_chart_filters_the_table(show: Any) -> None:
    opened = show(mixed())
    opened.page.click("button.pick:has-text('BALANCE')")
    opened.shows(["USD"])
    opened.page.click("button.pick:has-text('BALANCE')")
    expect(opened.page.locator("#shown")).to_have_text("4 of 4 breaks")


def test_the_charts_count_by_kind_severity_and_age(show: Any) -> None:
    opened = show(mixed())
    tables = opened.page.locator("table.chart").all()
    numbers = [
        {
            row.locator("th").inner_text(): [
                int(cell) for cell in row.locator("td.n").all_inner_texts()
            ]
            for row in table.locator("tbody tr").all()
        }
        for table in tables
    ]
    assert numbers[0] == {
        "MISSING_EXTERNAL": [1, 0, 0, 0, 0, 1],
        "PRICE": [0, 0, 1, 1, 0, 2],
        "BALANCE": [0, 1, 0, 0, 0, 1],
    }
    assert numbers[1] == {
        "0\u20131 d": [1, 0, 0, 0, 0, 1],
        "2\u20135 d": [0, 0, 1, 0, 0, 1],
        "6\u201330 d": [0, 1, 0, 0, 0, 1],
        "> 30 d": [0, 0, 0, 1, 0, 1],
    }
    assert tables[0].locator("rect").count() == 4


def test_sorting_keeps_unknown_values_last(show: Any) -> None:
    opened = show(mixed())
    opened.page.click("[data-sort=value]")
    opened.shows(["T-1", "T-2", "USD", "T-3"])
    opened.page.click("[data-sort=value]")
    opened.shows(["USD", "T-2", "T-1", "T-3"])
    opened.page.click("[data-sort=name]")
    opened.shows(["T-1", "T-2", "T-3", "USD"])


def test_an_opened_row_shows_both_sides_with_the_differing_digits_marked(show: Any) -> None:
    opened = show(mixed())
    row = opened.page.locator("tr[data-name='T-2']")
    row.locator(".open").press("Enter")
    assert row.locator(".open").get_attribute("aria-expanded") == "true"
    detail = opened.page.locator("tr.detail")
    line = detail.locator("tr.differs")
    assert line.inner_text().split("\t") == [
        "≠ price".removeprefix("≠ "),
        "187.25",
        "187.35",
        "-0.1",
    ]
    assert line.locator("mark").all_inner_texts() == ["2", "3"]
    assert "T-2" in detail.inner_text()
    assert "2026-02-27 22:00:00Z" in detail.inner_text()
    row.locator(".open").press("Enter")
    assert detail.count() == 0


def test_duplicates_and_candidates_are_shown_with_what_they_contest(show: Any) -> None:
    records = [
        part("internal", trade("T-5"), "candidate"),
        part("internal", trade("T-5", price="190.01"), "candidate"),
    ]
    opened = show(report([break_row("T-5", kind="CONFLICT", records=records)]))
    opened.page.click(".open")
    detail = opened.page.locator("tr.detail")
    assert detail.locator("tbody tr").count() == 2
    assert detail.locator("mark").all_inner_texts() == ["187.25", "190.01"]


def test_a_clean_run_says_what_it_rests_on(show: Any) -> None:
    opened = show(report())
    text = opened.page.inner_text("main")
    assert (
        "Clean: 2,004 of 2,004 matched, both sides complete for 2026-03-02,"
        " latest record at 2026-03-02 20:59:59.9Z on both" in text
    )
    assert opened.page.locator("table.breaks").count() == 0


def test_a_failed_side_is_unknown_and_not_empty(show: Any) -> None:
    run = run_row(external=None, status=RunStatus.FAILED, digest=None,
                  reasons=("confirmations.csv is not there",),
                  counts=RunCounts(), breaks=BreakCounts())  # fmt: skip
    text = show(report(runs=[run])).page.inner_text("main")
    assert "confirmations.csv is not there" in text
    assert "the source failed: this side is unknown, not empty" in text
    assert "Failed: nothing was compared" in text


def test_a_report_without_runs_names_the_next_command(show: Any) -> None:
    assert "No run yet. tieout run makes one." in show(report(runs=[])).page.inner_text("main")


def test_the_proof_holds_hashes_and_digests(show: Any) -> None:
    opened = show(report([break_row()]))
    run = opened.page.locator("section.run")
    run.locator("summary").click()
    text = run.inner_text()
    hashes = [
        file.sha256 for side in ("executions", "confirmations") for file in coverage(side).inputs
    ]
    for expected in (*hashes, run_row().digest, run_row().rules_digest, "182,044"):
        assert expected in text


def test_with_too_many_breaks_the_worst_are_shown_and_all_are_beside_it(
    show: Any, tmp_path: Path
) -> None:
    rows = [break_row(f"T-{n}", severity="high" if n % 10 == 0 else "low", value=(str(n), "USD"))
            for n in range(50)]  # fmt: skip
    quarantine = [unreadable(raw=f"row {n}") for n in range(5)]
    opened = show(report(rows, quarantine=quarantine), HtmlReport(breaks=7, quarantine=2))
    opened.shows(["T-40", "T-30", "T-20", "T-10", "T-0", "T-49", "T-48"])
    notices = opened.page.locator(".notice").all_inner_texts()
    assert "This page shows the 7 worst of 50 breaks. The other 43 are not on it" in notices[0]
    assert "This page shows 2 of 5 quarantined rows." in notices[1]
    hrefs = [link.get_attribute("href") for link in opened.page.locator(".notice a").all()]
    assert hrefs == ["./report.breaks.csv", "./report.quarantine.csv"]
    assert (tmp_path / "report.breaks.csv").read_text().count("\n") == 51
    assert (tmp_path / "report.quarantine.csv").read_text().count("\n") == 6
    assert "50" in opened.page.inner_text(".chart .total")
    expect(opened.page.locator("#shown")).to_have_text("7 shown of 50 breaks")
    opened.page.select_option("#f-severity", "3")
    expect(opened.page.locator("#shown")).to_have_text("5 of the 7 shown of 50 breaks")
    opened.page.click("text=Reset")
    expect(opened.page.locator("#shown")).to_have_text("7 shown of 50 breaks")


def test_the_file_beside_it_is_replaced_only_where_a_report_wrote_it(
    show: Any, tmp_path: Path
) -> None:
    path, beside = tmp_path / "report.html", tmp_path / "report.breaks.csv"
    rows = [break_row(f"T-{n}") for n in range(5)]
    beside.write_text("mine")
    for few in (False, True):
        if few:
            HtmlReport().write(report(rows), str(path))  # a report, but not of that file
        before = path.read_bytes() if few else None
        with pytest.raises(UsageError, match="there already") as caught:
            HtmlReport(breaks=2).write(report(rows), str(path))
        assert str(beside) in str(caught.value)
        assert beside.read_text() == "mine"
        assert (path.read_bytes() if path.exists() else None) == before
    beside.unlink()
    for number in (5, 4):
        written: list[str] = []
        data = replace(report(rows[:number]), beside=written.append)
        HtmlReport(breaks=2).write(data, str(path))
        assert beside.read_text().count("\n") == number + 1
        assert written == [str(beside)]


def test_a_file_beside_it_goes_with_the_report_that_wrote_it(tmp_path: Path) -> None:
    """It would be taken for what the new report found."""
    path, beside = tmp_path / "report.html", tmp_path / "report.breaks.csv"
    rows = [break_row(f"T-{n}") for n in range(5)]
    HtmlReport(breaks=2).write(report(rows), str(path))
    assert beside.exists()
    HtmlReport(breaks=2).write(report(rows[:1]), str(path))
    assert not beside.exists()
    beside.write_text("mine")
    HtmlReport(breaks=2).write(report(rows[:1]), str(path))
    assert beside.read_text() == "mine"


@pytest.mark.parametrize("char", "\u200e\u200f\u202a\u202e\u2066\u2069")
def test_controls_of_the_writing_direction_are_shown(show: Any, char: str) -> None:
    name = f"T{char}1"
    record = trade(name, symbol="A" + char)
    row = break_row(name, kind="MISSING_EXTERNAL", records=[part("internal", record)],
                    reconciliation=name)  # fmt: skip
    data = report([row], runs=[run_row([row], reconciliation=name, reasons=(name,))],
                  quarantine=[unreadable(raw=name)], filters={name: name})  # fmt: skip
    opened = show(data)
    opened.page.click(".open")
    shown = f"T\\x{ord(char):02x}1"
    assert opened.page.inner_text("tr.detail").count(shown) >= 2
    assert opened.page.inner_text("body").count(shown) >= 8
    assert char not in opened.page.content()
    opened.page.fill("#f-text", shown)
    opened.shows([shown])


@pytest.mark.parametrize("width", [1101, 1300, 1560])
def test_no_chart_is_wider_than_its_panel(show: Any, width: int) -> None:
    rows = [
        break_row(f"T-{n}", kind=kind, severity=severity, age=timedelta(days=n), value=None)
        for n, (kind, severity) in enumerate(
            (kind, severity)
            for kind in ("MISSING_INTERNAL", "MISSING_EXTERNAL", "QUANTITY")
            for severity in ("critical", "high", "medium", "low", "info")
            for _ in range(250)
        )
    ]
    opened = show(report(rows), viewport={"width": width, "height": 900})
    panels = opened.page.locator(".panel").all()
    assert len(panels) == 2
    for panel in panels:
        assert panel.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_table_grows_as_it_is_scrolled_and_filters_see_all_of_it(show: Any) -> None:
    rows = [break_row(f"T-{n:03}", value=None, age=timedelta(hours=500 - n)) for n in range(450)]
    opened = show(report(rows))
    opened.counts(200)
    opened.page.fill("#f-text", "T-449")
    opened.shows(["T-449"])
    opened.page.click("text=Reset")
    opened.page.locator("#more").scroll_into_view_if_needed()
    opened.counts(400)
    opened.page.locator("#more button").click()
    opened.counts(450)
    assert not opened.page.is_visible("#more")


def test_paper_gets_every_row_on_white_with_the_proof(show: Any) -> None:
    rows = [break_row(f"T-{n:03}", value=None) for n in range(250)]
    opened = show(report(rows), color_scheme="dark")
    assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF-")
    assert not opened.page.is_visible(".inputs")
    opened.page.emulate_media(media="print", color_scheme="dark")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened.counts(250)
    assert opened.page.is_visible(".inputs")
    assert not opened.page.is_visible("#f-text")
    background = "getComputedStyle(document.body).backgroundColor"
    assert opened.page.evaluate(background) == "rgb(255, 255, 255)"


def two_sided() -> list[BreakRow]:
    """A break in two fields, and one of three candidates."""
    pair = [part("internal", trade("T-1")), part("external", trade("T-1", price="187.35", fee="9"))]
    differing = [difference("price", "187.25", "187.35", "-0.1"), difference("fee", None, "9")]
    several = [
        part("internal", trade("T-2", quantity=text), "candidate") for text in ("307", "310")
    ]
    several.append(part("external", trade("T-2", quantity="311"), "candidate"))
    return [break_row("T-1", records=pair, differences=differing),
            break_row("T-2", kind="CONFLICT", records=several, value=None)]  # fmt: skip


def test_paper_gets_both_sides_of_every_break_that_passes_the_filters(show: Any) -> None:
    opened = show(report(two_sided()))
    opened.page.locator("tr[data-index] .open").first.click()
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(opened.page.locator("#rows > .detail")).to_have_count(2)
    for number, texts in enumerate((["187.25", "187.35", "fee"], ["307", "310", "311"])):
        shown = opened.page.locator("#rows > .detail").nth(number).inner_text()
        assert all(text in shown for text in texts)
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(opened.page.locator("#rows > .detail")).to_have_count(1)
    opened.page.select_option("#f-kind", "CONFLICT")
    opened.counts(1)
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(opened.page.locator("#rows > .detail:visible")).to_have_count(1)
    assert opened.events == []


def test_orders_are_shown_with_their_symbol(show: Any) -> None:
    order = {"account": "CR-01", "order_id": "O-1", "symbol": "ETH/USDT", "side": "buy"}
    row = break_row("O-1", kind="MISSING_EXTERNAL", records=[part("internal", order)])
    key = {"account": "CR-01", "order_id": "O-1"}
    opened = show(report([replace(row, content={**row.content, "key": key})]))
    assert opened.page.inner_text("#rows .record") == "O-1\nETH/USDT · CR-01"


def test_reasons_keep_their_lines_and_a_failed_run_says_what_it_does_not_keep(show: Any) -> None:
    run = run_row(status=RunStatus.FAILED, external=None, counts=RunCounts(),
                  internal=coverage("executions", quarantined=1),
                  reasons=("there is no file\n  --> broker\n  hint: it is there",))  # fmt: skip
    opened = show(report([], runs=[run]))
    assert opened.page.inner_text(".reasons").split("\n")[1].strip() == "--> broker"
    assert "The quarantined rows of a failed run are counted, and not kept." in (
        opened.page.inner_text(".run")
    )


def test_the_latest_record_of_each_side_is_named(show: Any) -> None:
    later = coverage("executions", watermark=1_772_485_200_900_000_000)
    text = show(report([], runs=[run_row(internal=later)])).page.inner_text(".headline")
    assert "latest record internal 2026-03-02 21:00:00.9Z, external 2026-03-02 20:59:59.9Z" in text
    none = run_row(internal=coverage("executions", watermark=None))
    text = show(report([], runs=[none])).page.inner_text(".headline")
    assert "latest record internal none, external 2026-03-02 20:59:59.9Z" in text


def test_the_records_in_no_break_are_named(show: Any) -> None:
    identity = {"trade_id": "T-9", "symbol": HOSTILE, "account": None}
    held = [held_of("k", Side.EXTERNAL, identity, {}, date(2026, 3, 2)) for _ in range(1_001)]
    items = [text_of(each) for each in held]
    opened = show(replace(report([]), pending=lambda run: items))
    opened.page.click("text=Open, in no break: 1,001")
    text = opened.page.locator("details[open]").inner_text()
    assert "The first 1,000; all of them: tieout runs show run-0001 --format json" in text
    assert f"external\t2026-03-02\t\taccount —, symbol {HOSTILE}, trade_id T-9" in text


@pytest.mark.parametrize("width", [1024, 1101, 1200, 1300])
def test_the_table_of_breaks_is_not_cut_off(show: Any, width: int) -> None:
    """On a laptop every column is on the page, or can be scrolled to inside the table."""
    values = {"quantity": "61200.000000000000000001", "price": "40499100.123456789"}
    rows = [
        break_row(f"T261118-0{n}-A-VERY-LONG-ID", kind="MISSING_EXTERNAL", severity="critical",
                  reconciliation=f"executions-vs-confirmations-{n}",
                  records=[part("internal", trade(symbol="BTC/USDT:USDT", **values))],
                  value=("40499100.12", "USDT"))
        for n in range(2)
    ]  # fmt: skip
    runs = [run_row(rows, reconciliation=row.reconciliation) for row in rows]
    opened = show(report(rows, runs=runs), viewport={"width": width, "height": 900})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    last = opened.page.locator("#table thead th").last
    last.evaluate("each => each.scrollIntoView({inline: 'end'})")
    box = last.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_and_everything_can_be_read(show: Any, width: int, scheme: str) -> None:
    """The page never scrolls sideways, and severities keep a contrast of 4.5 to 1."""
    opened = show(mixed(), viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.page.locator("tr[data-index] .open").first.click()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    colours = opened.page.evaluate(
        """[...document.querySelectorAll('.severity, .status, .muted')].map(each => [
            getComputedStyle(each).color,
            getComputedStyle(document.querySelector('.run')).backgroundColor,
        ])"""
    )
    assert min(contrast(*pair) for pair in colours) >= 4.5


def contrast(first: str, second: str) -> float:
    """The contrast of two `rgb(r, g, b)` colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[4:-1].split(",")]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_page_is_whole_without_scripts(browser: Browser, tmp_path: Path) -> None:
    rows = [break_row(f"T-{n:03}", value=None) for n in range(250)]
    HtmlReport().write(report([*rows, *two_sided()]), str(tmp_path / "report.html"))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    assert len(page.locator("#rows tr[data-index]:visible").all()) == 252
    text = page.inner_text("main")
    assert "the table is whole without them" in text
    for name, texts in (("T-1", ["187.25", "187.35", "fee"]), ("T-2", ["307", "310", "311"])):
        below = page.locator(f"tr[data-name='{name}'] + .plain")
        assert below.is_visible()
        assert all(each in below.inner_text() for each in texts)
    context.close()


def test_a_companion_that_cannot_be_written_leaves_no_page_that_links_it(tmp_path: Path) -> None:
    (tmp_path / "report.breaks.csv").mkdir()
    with pytest.raises(UsageError, match="directory"):
        HtmlReport(breaks=1).write(
            report([break_row("a"), break_row("b")]), str(tmp_path / "report.html")
        )
    assert not (tmp_path / "report.html").exists()
