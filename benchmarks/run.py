"""Tieout beside its peers, in one table: `make bench`, or `python benchmarks/run.py --help`.

Each program is a whole process, from its start to its end. Programs that are compared run in
pairs, one after the other and the other way round in the next pair; a ratio is the median of the
pairs' ratios, everything else the median of the runs. Every run of Tieout starts with a store that
is not there yet. Peers are described in `peers.py`, the data in `data.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final

from measure import Measured, memory_group, run

HERE: Final = Path(__file__).parent
AS_OF: Final = "2025-07-26T23:59:59Z"
SMALL: Final = 1_000
LIMIT: Final = 4 << 30
ENGINE_LIMIT: Final = "3GB"
"""What the engine may take of `LIMIT`; the rest is for Python and for what the kernel caches."""
SNAPSHOTS: Final = {1_000: "", 10_000: "≤ 200 ms", 100_000: "linear"}
"""Positions of a venue, and what to reach with them."""

CYCLES: Final = 1_000

CONFIG: Final = """\
version: 1
store: sqlite:///tieout.db
sources:
  internal: {{type: file, path: {internal}, timezone: UTC}}
  external: {{type: file, path: {external}, timezone: UTC}}
reconciliations:
  trades:
    records: trades
    internal: internal
    external: external
    match:
      - {{on: [trade_id]}}
    compare:
      price: {{within: "0.005"}}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table."""

    case: str
    what: str
    ours: str
    peer: str = ""
    result: str = ""
    reach: str = ""


@dataclass
class Bench:
    """What the cases share: sizes, files, and everything that was measured."""

    rows: int
    repeat: int
    folder: Path
    python: str
    live: str
    lines: list[Line] = field(default_factory=list)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def files(self, rows: int, **options: Any) -> dict[str, Any]:
        """A dataset's paths and row counts. Made by a process of its own; see `measure`."""
        asked = json.dumps({"rows": rows, **options})
        command = [sys.executable, str(HERE / "data.py"), asked, str(self.folder / "data")]
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return json.loads(made)

    def tieout(self, files: dict[str, Any], **options: Any) -> Measured:
        """`tieout run` into a new store."""
        with self._place() as place:
            config = Path(place, "tieout.yaml")
            config.write_text(CONFIG.format(**files))
            command = [*options.pop("before", []), self.python, "-m", "tieout", "run"]
            command += [str(config), "--as-of", AS_OF, "--format", "json"]
            return run(command, Path(place), accepted=(0, 1), **options)

    def peer(self, name: str, files: dict[str, Any]) -> Measured:
        """A program of `peers.py`."""
        with self._place() as place:
            command = [sys.executable, str(HERE / "peers.py"), name]
            command += [files["internal"], files["external"], str(Path(place, "breaks.db"))]
            return run(command, Path(place))

    def _place(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="run-", dir=self.folder)

    def alone(self, case: str, program: Callable[[], Measured], repeat: int) -> list[Measured]:
        """A program by itself."""
        runs = []
        for number in range(repeat):
            _progress(f"{case}: {number + 1} of {repeat}")
            runs.append(program())
        self._keep(case, "tieout", runs)
        return runs

    def pairs(
        self,
        case: str,
        ours: Callable[[], Measured],
        theirs: Callable[[], Measured],
        repeat: int,
    ) -> tuple[list[Measured], list[Measured]]:
        """Two programs in turn: ours first, then theirs first, and so on."""
        left: list[Measured] = []
        right: list[Measured] = []
        for number in range(repeat):
            _progress(f"{case}: pair {number + 1} of {repeat}")
            order = [(left, ours), (right, theirs)]
            for runs, program in order if number % 2 == 0 else order[::-1]:
                runs.append(program())
        self._keep(case, "tieout", left)
        self._keep(case, "peer", right)
        return left, right

    def _keep(self, case: str, program: str, runs: Sequence[Measured]) -> None:
        self.samples.setdefault(case, []).extend(
            {"program": program, **asdict(each)} for each in runs
        )

    @cached_property
    def fixed(self) -> float:
        """Seconds of a run on `SMALL` rows."""
        files = self.files(SMALL)
        return _seconds(self.alone("fixed", lambda: self.tieout(files), max(self.repeat, 3)))

    @cached_property
    def keyed_files(self) -> dict[str, Any]:
        return self.files(self.rows)


# Cases


def fixed(bench: Bench) -> None:
    """What every run costs."""
    what = f"{SMALL:,} x {SMALL:,} rows: what every run costs"
    bench.lines.append(Line("fixed", what, f"{bench.fixed:.2f} s", reach="≤ 0.6 s"))


def keyed(bench: Bench) -> None:
    """Parquet to stored breaks, against the join by hand."""
    files = bench.keyed_files
    ours, theirs = bench.pairs(
        "keyed", lambda: bench.tieout(files), lambda: bench.peer("sql", files), bench.repeat
    )
    _check_same(ours[0].answer[0], theirs[0].answer)
    what = f"{_rows(bench.rows)}, 0.3 % breaks, Parquet"
    add = bench.lines.append
    add(_compared("keyed", f"{what}; SQL by hand", ours, theirs, "≤ 2.0 x"))
    net = _ratio(ours, theirs, less=bench.fixed)
    add(
        Line(
            "keyed",
            f"less {bench.fixed:.2f} s",
            f"{_seconds(ours) - bench.fixed:.2f} s",
            f"{_seconds(theirs):.2f} s",
            f"{net:.2f} x",
            "≤ 1.4 x",
        )
    )
    more = median(a.megabytes / b.megabytes for a, b in zip(ours, theirs, strict=True))
    add(
        Line(
            "keyed",
            "peak memory",
            f"{_memory(ours):,.0f} MB",
            f"{_memory(theirs):,.0f} MB",
            f"{more:.2f} x",
            "≤ 1.2 x",
        )
    )


def duplicates(bench: Bench) -> None:
    """One trade in a hundred twice on one of the sides. The SQL by hand does not look for them."""
    files = bench.files(bench.rows, duplicates=10_000)
    ours, theirs = bench.pairs(
        "duplicates", lambda: bench.tieout(files), lambda: bench.peer("sql", files), bench.repeat
    )
    _check_same(ours[0].answer[0], theirs[0].answer, repeated=True)
    what = f"{_rows(bench.rows)}, 1 % duplicates; SQL by hand"
    bench.lines.append(_compared("duplicates", what, ours, theirs, "≤ 2.8 x"))


def datacompy(bench: Bench) -> None:
    """The files of `keyed` with datacompy on Polars."""
    what = f"{_rows(bench.rows)}, 0.3 % breaks; datacompy on Polars"
    if find_spec("datacompy") is None:
        bench.lines.append(Line("datacompy", what, "", "not installed"))
        return
    files = bench.keyed_files
    ours, theirs = bench.pairs(
        "datacompy",
        lambda: bench.tieout(files),
        lambda: bench.peer("datacompy", files),
        min(bench.repeat, 3),
    )
    faster = 1 / _ratio(ours, theirs)
    bench.lines.append(
        Line(
            "datacompy",
            what,
            f"{_seconds(ours):.2f} s",
            f"{_seconds(theirs):.2f} s",
            f"{faster:.1f} x faster",
            "≥ 12 x",
        )
    )


def csv(bench: Bench) -> None:
    """The trades of `keyed` as text."""
    files = bench.files(bench.rows, format="csv")
    runs = bench.alone("csv", lambda: bench.tieout(files), min(bench.repeat, 3))
    rate = (files["internal_rows"] + files["external_rows"]) / _seconds(runs)
    what = f"{_rows(bench.rows)}, 0.3 % breaks, CSV"
    bench.lines.append(_alone("csv", what, runs, f"{rate:,.0f} rows/s"))


def storm(bench: Bench) -> None:
    """One trade in five breaks."""
    files = bench.files(bench.rows, breaks=200_000)
    runs = bench.alone("storm", lambda: bench.tieout(files), min(bench.repeat, 3))
    breaks = runs[0].answer[0]["breaks"]["open"]
    what = f"{_rows(bench.rows)}, {breaks:,} breaks"
    rate = f"{breaks / _seconds(runs):,.0f} breaks/s"
    bench.lines.append(_alone("storm", what, runs, rate, "≤ 2 GB; ≥ 40,000 breaks/s"))


def large(bench: Bench) -> None:
    """Four times the rows of `keyed`, with less memory than they take."""
    rows = 4 * bench.rows
    files = bench.files(rows)
    with memory_group(LIMIT) as before:
        runs = bench.alone(
            "large",
            lambda: bench.tieout(
                files, before=before, environment={"TIEOUT_MEMORY_LIMIT": ENGINE_LIMIT}
            ),
            1,
        )
        how = "4 GB (control group)" if before else f"TIEOUT_MEMORY_LIMIT={ENGINE_LIMIT} alone"
    what = f"{_rows(rows)}, 0.3 % breaks, within {how}"
    bench.lines.append(_alone("large", what, runs, "completes", "completes"))


def snapshots(bench: Bench) -> None:
    """Five venues' positions with the engine for snapshots, in a process that is warm."""
    for rows, reach in SNAPSHOTS.items():
        if rows > bench.rows:
            continue
        command = [sys.executable, str(HERE / "snapshots.py"), str(rows)]
        [ran] = bench.alone("snapshots", lambda command=command: run(command, bench.folder), 1)
        took = f"{1000 * ran.answer['match']:,.0f} ms"
        what = f"5 x {_rows(rows)} positions in memory"
        frames = f"+ {1000 * ran.answer['frames']:,.0f} ms for the frames"
        bench.lines.append(Line("snapshots", what, took, result=frames, reach=reach))


def verdicts(bench: Bench) -> None:
    """Five venues' answers in memory to stored verdicts: confirmation, match, store."""
    for rows in SNAPSHOTS:
        if rows > bench.rows:
            continue
        answer = _live(bench, "verdicts", "keys", rows)
        what = f"5 x {_rows(rows)} positions, answers in memory to stored verdicts"
        took = f"{1000 * answer['verdicts']:,.0f} ms"
        each = f"{1e6 * answer['verdicts'] / (5 * rows):,.0f} us a position"
        bench.lines.append(Line("verdicts", what, took, result=each, reach="linear"))


def venues(bench: Bench) -> None:
    """The first verdicts of 12 venue adapters, and those that follow."""
    answer = _live(bench, "venues", "venues")
    what = f"{answer['adapters']} venue adapters, 100 ms a request: first verdicts, all at once"
    took = f"{answer['first']:.2f} s"
    bench.lines.append(Line("venues", what, took, reach="< 2 s"))
    alone = f"median {answer['alone_median']:.2f} s, most {answer['alone']:.2f} s"
    bench.lines.append(Line("venues", "one venue alone, warm", alone, reach="< 1 s"))
    wrote = f"{1000 * answer['store']:.0f} ms"
    bench.lines.append(Line("venues", "store write of a verdict", wrote, reach="< 100 ms"))


def cycles(bench: Bench) -> None:
    """What a thousand comparisons leave in memory."""
    answer = _live(bench, "cycles", "cycles", CYCLES)
    grown = f"{answer['growth']:+.1f} MB"
    what = f"{CYCLES:,} cycles of 220 positions, from the 100th on"
    bench.lines.append(Line("cycles", what, grown, reach="< 10 MB"))


def _live(bench: Bench, case: str, *arguments: object) -> Any:
    command = [bench.live, str(HERE / "live.py"), *map(str, arguments)]
    [ran] = bench.alone(case, lambda: run(command, bench.folder), 1)
    return ran.answer


CASES: Final = {
    case.__name__: case
    for case in (
        fixed, keyed, duplicates, datacompy, csv, storm, large, snapshots, verdicts, venues, cycles,
    )
}  # fmt: skip


# Figures


def _seconds(runs: Sequence[Measured]) -> float:
    return median(each.seconds for each in runs)


def _memory(runs: Sequence[Measured]) -> float:
    return median(each.megabytes for each in runs)


def _ratio(ours: Sequence[Measured], theirs: Sequence[Measured], *, less: float = 0) -> float:
    return median((a.seconds - less) / b.seconds for a, b in zip(ours, theirs, strict=True))


def _rows(rows: int) -> str:
    short = f"{rows // 1_000_000}M" if rows % 1_000_000 == 0 else f"{rows:,}"
    return f"{short} x {short}"


def _compared(
    case: str, what: str, ours: Sequence[Measured], theirs: Sequence[Measured], reach: str
) -> Line:
    ratio = f"{_ratio(ours, theirs):.2f} x"
    return Line(case, what, f"{_seconds(ours):.2f} s", f"{_seconds(theirs):.2f} s", ratio, reach)


def _alone(case: str, what: str, runs: Sequence[Measured], result: str, reach: str = "") -> Line:
    took = f"{_seconds(runs):.2f} s, {_memory(runs):,.0f} MB"
    return Line(case, what, took, result=result, reach=reach)


def _check_same(ours: dict[str, Any], theirs: dict[str, Any], *, repeated: bool = False) -> None:
    """A ratio of programs that answer differently says nothing.

    Args:
        repeated: there are duplicates, which the join by hand takes for pairs.
    """
    mine = {
        "internal": ours["internal"]["rows"],
        "external": ours["external"]["rows"],
        "breaks": ours["breaks"]["open"] - ours["breaks"]["by_kind"].get("DUPLICATE", 0),
        "matched": theirs["matched"] if repeated else ours["matched"],
    }
    if mine != theirs:
        raise SystemExit(f"the answers differ: Tieout {mine}, by hand {theirs}")


# Output


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _table(lines: Sequence[Line]) -> str:
    header = ("case", "what", "Tieout", "peer", "result", "to reach")
    rows = [header, *((x.case, x.what, x.ours, x.peer, x.result, x.reach) for x in lines)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(header))]
    shown = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: _version(name) for name in ("duckdb", "polars", "datacompy", "sqlalchemy")},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="a side (default 5,000,000)")
    parser.add_argument("--repeat", type=int, default=5, help="pairs of runs (default 5)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=CASES,
        default=list(CASES),
        metavar="CASE",
        help=f"of {', '.join(CASES)}",
    )
    parser.add_argument(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="the Python that has Tieout (default: this one)",
    )
    parser.add_argument(
        "--live",
        default=sys.executable,
        metavar="PATH",
        help="the Python that has Tieout and what venues need (default: this one)",
    )
    parser.add_argument("--quick", action="store_true", help="100,000 rows, one pair")
    parser.add_argument(
        "--build",
        type=Path,
        default=HERE.parent / "build" / "benchmarks",
        help="where data and results are kept (default build/benchmarks)",
    )
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.rows, asked.repeat = min(asked.rows, 100_000), 1
    return asked


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, write the JSON."""
    asked = _arguments(arguments)
    asked.build.mkdir(parents=True, exist_ok=True)
    machine = _machine()
    bench = Bench(asked.rows, asked.repeat, asked.build.resolve(), asked.python, asked.live)
    for name in asked.only:
        CASES[name](bench)
    print(_table(bench.lines))
    print("\n" + ", ".join(f"{name} {value}" for name, value in machine.items()))
    results = asked.build / "results.json"
    lines = [asdict(each) for each in bench.lines]
    results.write_text(
        json.dumps({"machine": machine, "lines": lines, "runs": bench.samples}, indent=2)
    )
    print(f"every run: {results}", file=sys.stderr)


if __name__ == "__main__":
    main()
