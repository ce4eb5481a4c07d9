"""Five minutes of a busy market, from a seed, watched by all kinds of monitors: the whole truth.

    python tests/simulation/soak.py --seeds 20              # all of it
    python tests/simulation/soak.py --seed 7 --only quiet   # one world

Each world is one simulated exchange on virtual time, in Binance's format: 12 spot markets and 12
perpetuals of one account, 1,000 fills a second in all. Two books hear of each fill 0 to 2 s late,
out of order and some of them twice, and get some wrong on purpose. The exchange's clock is right, 3 s
ahead of ours, 3 s behind or 1.2 s behind, in turn by seed. Monitors compare perpetual positions,
spot balances, and orders and trades of both; every verdict is held against the truth:

1. No break that was not planted, and none whose size is wrong. One in doubt has to be about a key
   that is wrong.
2. Nothing that is wrong is said to agree, once it can be known: an entry that one side lacks is in
   flight until its deadline.
3. What is planted is found by the first comparison that begins after that, so within one cycle plus
   the grace; unless the key was held back, which is counted. Without faults hardly any is.

Exit code: 0 if all of that holds, else 1.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Final

from soak_judge import Score, score, when
from soak_market import KINDS, Scale, World

SPAWN: Final = get_context("spawn")


def scored(seed: int, faults: bool, scale: Scale) -> tuple[World, list[Score]]:
    """A world, run and judged."""
    world = World(seed, faults, scale).run()
    return world, [score(world, kind) for kind in scale.kinds]


def _line(seed: int, faults: bool, scale: Scale) -> tuple[list[str], int]:
    gc.set_threshold(100_000, 10, 20)  # a market's history is large, and stays
    world, scores = scored(seed, faults, scale)
    lines = []
    for each in scores:
        runs = " ".join(f"{count} {status}" for status, count in sorted(each.statuses.items()))
        states = " ".join(f"{count} {state}" for state, count in sorted(each.states.items()))
        sought = (
            f"{each.found} at once (<= {each.lag:.1f} s), {each.held} later, {each.unseen} open"
        )
        lines.append(
            f"{seed:>4} {'faults' if faults else 'quiet':<6} {each.kind:<14} {runs:<36} "
            f"{sought:<38} {each.doubts} doubt {each.excused} excused {len(each.wrong)} WRONG"
            + (f"  [{states}]" if states else "")
        )
        lines += [f"       WRONG {each.kind}: {text}" for text in each.wrong]
    if not faults:
        lines += [
            f"       open: {each.name}: {when(each)} {reason}"
            for each in world.told
            for reason in each.row.reasons
        ]
    lines.append(f"{seed:>4} {world.fills} fills, {world.cpu:.0f} s of CPU")
    return lines, sum(len(each.wrong) for each in scores)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worlds side by side, print a line for each kind of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="seeds 1 to N (default 20)")
    parser.add_argument("--seed", type=int, nargs="+", help="these seeds instead")
    parser.add_argument("--only", choices=("quiet", "faults"), help="without or with faults")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rate", type=float, default=1000.0, help="fills a second in all")
    parser.add_argument("--seconds", type=float, default=300.0, help="of trading")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="worlds at a time")
    asked = parser.parse_args(arguments)
    scale = Scale(asked.rate, asked.seconds, kinds=asked.kinds)
    worlds = [
        (seed, faults)
        for seed in asked.seed or range(1, asked.seeds + 1)
        for faults in (False, True)
        if asked.only in (None, "faults" if faults else "quiet")
    ]
    wrong = 0
    with ProcessPoolExecutor(asked.jobs, max_tasks_per_child=1, mp_context=SPAWN) as pool:
        for done in as_completed(pool.submit(_line, *each, scale) for each in worlds):
            lines, count = done.result()
            wrong += count
            print("\n".join(lines), flush=True)  # noqa: T201
    print(f"{len(worlds)} worlds, {wrong} wrong")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
