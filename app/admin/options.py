"""Options that several commands take."""

import re

import click

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_S = 7 * 86_400

as_json = click.option("--json", "as_json", is_flag=True, help="For machines.")


class Span(click.ParamType[float]):
    """A time span such as 30s, 10m, 2h or 1d, as seconds."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; fails with a sentence."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", value.strip())
        if found is None:
            self.fail(f"“{value}” is no time span; write 30s, 10m or 2h.", param, ctx)
        seconds = float(found[1]) * UNITS_S[found[2] or "s"]
        if seconds > LONGEST_S:
            self.fail("It can be announced a week ahead at most.", param, ctx)
        return seconds
