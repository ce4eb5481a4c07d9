"""A process that asks for a lease, for tests that start two.

    python lease_process.py URL HOLDER NOW

Each line on its standard input is the name of a lease. It says the fence it got, or `none`.
"""

from __future__ import annotations

import sys

from tieout.adapters.store import open_store


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(url: str, holder: str, now: str) -> None:
    store = open_store(url)
    say("ready")
    for name in sys.stdin:
        lease = store.monitors.acquire(name.strip(), holder, seconds=60, now=int(now))
        say("none" if lease is None else str(lease.fence))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
