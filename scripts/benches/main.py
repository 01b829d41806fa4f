"""The bench's command line: which measurements, how many rounds, where the figures go."""

import argparse
import asyncio
import sys
from pathlib import Path

from scripts.benches.box import Box
from scripts.benches.figures import Figure, commit, figure, machine, table, write_json
from scripts.benches.measures import MEASURES
from scripts.benches.person import Person


async def measure(box: Box, names: list[str], rounds: int) -> list[Figure]:
    """The chosen measurements against a box that is ready."""
    figures: list[Figure] = []
    async with Person(box.url) as person:
        for name in names:
            print(f"measuring {name} …", file=sys.stderr)
            figures += await MEASURES[name](box, person, rounds)
    return figures


def bench(names: list[str], rounds: int) -> list[Figure]:
    """Starts the box, measures, stops it; boot and stop are timed on the way."""
    box = Box()
    try:
        first_s = box.start()
        figures = asyncio.run(measure(box, [name for name in names if name != "boot"], rounds))
        stops_s = [box.stop()]
        if "boot" not in names:
            return figures
        print("measuring boot …", file=sys.stderr)
        later_s: list[float] = []
        for _ in range(rounds):
            later_s.append(box.start())
            stops_s.append(box.stop())
    finally:
        box.close()
    return [
        figure("first boot to ready", "s", [first_s], 10),
        figure("later boots to ready", "s", later_s, 4),
        figure("stop", "s", stops_s, 9),
        *figures,
    ]


def main() -> int:
    every = ["boot", *MEASURES]
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the budgets of the map.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(every)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is repeated (5)")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the figures go")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(every))
    if unknown:
        parser.error(f"no measurement is named {', '.join(unknown)}; there are {', '.join(every)}")
    figures = bench(arguments.names or every, arguments.rounds)
    print(f"\n{machine()}\ncommit {commit()}\n\n{table(figures)}")
    write_json(figures, arguments.json)
    print(f"\n{arguments.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
