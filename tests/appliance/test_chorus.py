"""Everybody's lines come out whole, in one voice, whoever wrote them and however."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from app.kit.ring import Wanted, read_back
from app.kit.settings import LogSettings
from app.kit.voice import Voice
from appliance import dialects
from appliance.chorus import _Source
from tests.appliance.box import ROOT
from tests.patience import PATIENCE_S

# Two programs write at the same time, in pieces and in lines longer than a pipe's atomic write.
SCRIPT = """
import os, sys, threading
from pathlib import Path
from app.kit.redaction import keep_secret
from app.kit.ring import Ring
from app.kit.settings import LogSettings
from app.kit.voice import Voice
from appliance.chorus import Chorus
from appliance.users import myself
folder = Path(sys.argv[1])
keep_secret("a-secret-of-the-box")
chorus = Chorus(LogSettings(prefix="one"))
chorus.start("studio-boot")
def write(name):
    voice = Voice(name, LogSettings(format="json"))
    descriptor = os.open(folder / name, os.O_WRONLY)
    for number in range(300):
        line = voice.line("info", f"{name} {number} {'x' * 9000} end", {"action": "wrote"}).encode() + b"\\n"
        os.write(descriptor, line[:50])
        os.write(descriptor, line[50:])
    os.write(descriptor, b"past the log a-secret-of-the-box")
    os.close(descriptor)
for name in ("a", "b"):
    chorus.named_pipe(folder / name, name, myself())
threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
[thread.start() for thread in threads]
chorus.keep(Ring(folder, 64_000_000))
[thread.join() for thread in threads]
os.write(1, Voice("studio-boot", LogSettings(format="json")).line("info", "boot is last").encode() + b"\\n")
chorus.close()
"""


def test_lines_of_two_programs_are_never_split_and_none_is_lost(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in ("a", "b"):
        mine = [line for line in said if f"INFO | {name} " in line]
        assert [int(line.split(" | ")[3].split()[1]) for line in mine] == list(range(300))
        assert all(line.startswith("one | ") and line.endswith("x end") for line in mine)
    assert sum("WARNING | Past the log ****" in line for line in said) == 2
    assert sum(line.endswith("| INFO | boot is last") for line in said) == 1
    kept = [found.record for found in read_back(tmp_path, Wanted())]
    assert len(kept) == len(said), "what was said before the volume was there is kept, too"
    assert all(one["timestamp"].endswith("Z") for one in kept)


def test_a_line_that_cannot_be_shown_costs_nobody_their_voice() -> None:
    def breaks(line: str) -> None:
        if "trap" in line:
            raise OverflowError("date value out of range")

    source = _Source(-1, Voice("studio-worker-cpu", LogSettings()), breaks, logging.INFO)
    trap = Voice("studio-worker-cpu", LogSettings(format="json")).line("info", "a trap")
    old = '{"timestamp": "0001-01-01T00:00:00+14:00", "level": "INFO", "message": "old"}'
    said = [line.shown for line in source.feed(f"{trap}\n{old}\n".encode())]
    assert len(said) == 2 and "WARNING" in said[0] and "trap" in said[0] and said[1].endswith("| INFO | old")


def test_nobody_speaks_in_the_name_of_another_program() -> None:
    source = _Source(-1, Voice("studio-worker-cpu", LogSettings()), dialects.studio, logging.INFO)
    forged = Voice("studio-boot", LogSettings(format="json")).line("info", "Claim this box")
    (said,) = source.feed(forged.encode() + b"\n")
    assert said.shown.startswith("studio-worker-cpu ")
    assert json.loads(said.kept)["service"] == "studio-worker-cpu"


def test_postgres_lines_get_our_levels_and_details_belong_to_their_line() -> None:
    read = dialects.postgres()
    assert read("LOG:  database system is shut down") == ("INFO", "database system is shut down")
    assert read("ERROR:  duplicate key value") == ("WARNING", "duplicate key value")
    assert read("DETAIL:  Key (id)=(1) already exists.") == (
        "WARNING",
        "Detail: Key (id)=(1) already exists.",
    )
    assert read("PANIC:  could not write") == ("CRITICAL", "could not write")
    assert read("\tmore of it") == ("CRITICAL", "more of it")
    assert read("FATAL:  the database system is starting up") == (
        "DEBUG",
        "the database system is starting up",
    )


def test_redis_small_talk_is_debug_and_trouble_is_a_warning() -> None:
    line = "123:M 23 Nov 2026 22:43:55.322 # "
    assert dialects.redis(line + "User requested shutdown...")[0] == "DEBUG"
    assert dialects.redis(line + "Can't save in background: fork: out of memory")[0] == "WARNING"
    assert dialects.redis(line + "WARNING Memory overcommit must be enabled!")[0] == "DEBUG"


def test_our_own_lines_pass_and_strangers_in_our_programs_are_warnings() -> None:
    voice = Voice("studio-api", LogSettings(format="json"))
    assert dialects.studio(voice.line("info", "instance started", {})) is None
    assert dialects.studio("libpng warning: iCCP") == ("WARNING", "libpng warning: iCCP")


def test_the_tunnel_is_understood() -> None:
    assert dialects.tunnel("2026-01-01T12:00:00Z ERR no route error=x") == ("ERROR", "no route error=x")


def test_a_listener_that_goes_away_does_not_stop_the_box(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    assert process.wait(PATIENCE_S) == 0
