"""Whether the running box works after an upgrade; the boot asks, for there is nothing to do for people."""

import sys

from app.admin.canary import try_out
from app.admin.tools import Tools, with_tools
from app.kit.codec import encode_text


def main(_arguments: list[str]) -> int:
    """Print what came of it as one line of JSON; 1 with a sentence when the box cannot be used at all."""

    async def act(tools: Tools) -> None:
        sys.stdout.write(f"{encode_text(await try_out(tools))}\n")

    return with_tools("studio-boot", act)
