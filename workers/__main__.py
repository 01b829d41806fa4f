"""`python -m workers cpu|gpu`: one worker process for one lane."""

import os
import sys

import uvloop

from app.flow.messages import Lane
from app.kit import traces
from app.kit.garbage import spare_what_stands
from app.kit.log import configure, get_logger
from app.kit.redaction import keep_secret
from app.kit.settings import WORKER_KEYS, SettingsFaults, load_settings
from workers.main import EXIT_UNUSABLE, serve
from workers.standing import Unusable

USAGE = "usage: python -m workers cpu|gpu\n"


def main(argv: list[str]) -> int:
    """Serve the lane named on the command line; the exit status."""
    if len(argv) != 1 or argv[0] not in (Lane.cpu, Lane.gpu):
        sys.stderr.write(USAGE)
        return 2
    lane = Lane(argv[0])
    try:
        settings = load_settings(keys=WORKER_KEYS)
    except SettingsFaults as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_UNUSABLE
    keep_secret(*settings.secrets)
    configure(f"studio-worker-{lane}", settings.log)
    traces.configure(f"studio-worker-{lane}", settings)
    spare_what_stands()
    try:
        uvloop.run(serve(lane, settings))
    except Unusable as exc:
        get_logger(__name__).error(str(exc), action="worker_unusable")
        return EXIT_UNUSABLE
    traces.stop()
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    # A step left behind in a thread must not hold the exit; everything worth keeping is with the API.
    os._exit(status)
