"""Everybody's lines come out whole, in one voice, whoever wrote them and however."""

import os
import subprocess
import sys
from pathlib import Path

from app.kit.settings import LogSettings
from app.kit.voice import Voice
from appliance import dialects
from tests.appliance.box import ROOT

# Two programs write at the same time, in pieces and in lines longer than a pipe's atomic write.
SCRIPT = """
import os, sys, threading
from pathlib import Path
from app.kit.settings import LogSettings
from appliance.chorus import Chorus
from appliance.users import myself
folder = Path(sys.argv[1])
chorus = Chorus(LogSettings(colors=False, prefix="one"))
chorus.start("studio-boot")
def write(name):
    descriptor = os.open(folder / name, os.O_WRONLY)
    for number in range(300):
        line = f"one | 00:00 | INFO | {name} {number} {'x' * 9000} end\\n".encode()
        os.write(descriptor, line[:50])
        os.write(descriptor, line[50:])
    os.write(descriptor, b"past the log")
    os.close(descriptor)
for name in ("a", "b"):
    chorus.named_pipe(folder / name, name, myself())
threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
os.write(1, b"one | 00:00 | INFO | boot is last\\n")
chorus.close()
"""


def test_lines_of_two_programs_are_never_split_and_none_is_lost(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in ("a", "b"):
        mine = [line for line in said if f"INFO | {name} " in line]
        assert [int(line.split()[7]) for line in mine] == list(range(300))
        assert all(line.startswith("one | ") and line.endswith("x end") for line in mine)
    assert sum("WARNING | Past the log" in line for line in said) == 2
    assert "one | 00:00 | INFO | boot is last" in said


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
    for settings in (LogSettings(colors=False), LogSettings(format="json")):
        voice = Voice("studio-api", settings)
        read = dialects.studio(voice)
        assert read(voice.line("info", "instance started", {})) is None
        assert read("libpng warning: iCCP") == ("WARNING", "libpng warning: iCCP")


def test_the_tunnel_is_understood() -> None:
    assert dialects.tunnel("2026-01-01T12:00:00Z ERR no route error=x") == ("ERROR", "no route error=x")


def test_a_listener_that_goes_away_does_not_stop_the_box(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    assert process.wait(60) == 0
