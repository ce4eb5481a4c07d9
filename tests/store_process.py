"""A process that runs once on a store, for tests that kill it or start two.

    python store_process.py URL DAY COUNT [die-at]

It finds COUNT breaks and carries COUNT items. `die-at` is the number of the transition at which
it kills itself (SIGKILL), or `finish`: after everything was written, before the commit. It waits
for a line on its standard input before it commits, if that is a pipe.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from datetime import date

from store_values import Finished, brk, intent, item

from tieout.adapters.store import open_store
from tieout.core.lifecycle import Evidence, Transition
from tieout.core.rows import RunRow
from tieout.errors import RunSuperseded
from tieout.ports import RunResult, StoreView


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(url: str, day: str, count: str, die_at: str = "never") -> None:
    store = open_store(url)
    began = intent(date.fromisoformat(day))
    store.begin(began)
    fence = store.prior("r").fence
    say(f"begun {began.run_id}")
    sys.stdin.readline()
    found = [brk(f"{day}-{number:06}") for number in range(int(count))]
    run = Finished(began, Evidence(True, began.business_date), found)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def steps(view: StoreView) -> Iterator[Transition]:
        for number, step in enumerate(run.settle(view)):
            if str(number) == die_at:
                die()
            yield step

    def finish() -> RunRow:
        if die_at == "finish":
            die()
        return run.row()

    items = sorted(item(each.id) for each in found)
    try:
        store.commit(RunResult(began, fence, steps, finish, open_items=items))
        say("committed")
    except RunSuperseded:
        store.fail(began.run_id, run.row(reasons=("superseded",)))
        say("superseded")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
