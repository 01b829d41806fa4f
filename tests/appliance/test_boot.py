"""A box boots, refuses in sentences, ends with a code that tells, and leaves nothing running or broken."""

import configparser
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.kit.ring import Wanted, read_back
from app.kit.settings import load_settings
from appliance.boot import in_words
from appliance.crew import STOP_BUDGET_S
from appliance.postgres import Cluster
from appliance.process import processes_in
from appliance.users import postgres_account
from tests.appliance.box import ROOT, Box, box_environment, impatient_boot, studio
from tests.e2e.person import OWNER, Person
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


def postgres_processes(env: dict[str, str]) -> list[int]:
    settings = load_settings(env)
    return processes_in(Cluster(settings).data, "postgres", postgres_account(settings).uid)


def wait_until_gone(processes: list[int], timeout_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < deadline, "processes were left behind"
        time.sleep(0.02)


def test_a_boot_does_not_wait_for_a_driver_that_most_boots_need_not() -> None:
    script = "import appliance.boot, sys; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_a_box_starts_says_so_refuses_a_second_and_stops_clean(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        status = json.loads(studio(env, "status", "--json").stdout)
        assert status["state"] == "ready"
        assert [phase["state"] for phase in status["phases"]] == ["done"] * len(status["phases"])
        states = {program["name"]: program["state"] for program in status["programs"]}
        assert {states["postgres"], states["redis"]} <= {"STARTING", "RUNNING"}
        assert states["api"] == "off"
        assert studio(env, "status").returncode == 0

        with Box(env) as second:
            assert second.end() == 75
            assert "already uses" in second.text
            assert "Stop it first" in second.text
        assert studio(env, "status").returncode == 0

        assert box.stop() == 0
        assert "Database system is shut down" in box.text

    assert json.loads(studio(env, "status", "--json").stdout)["state"] == "stopped"
    assert postgres_processes(env) == []
    with Box(env) as again:
        again.wait_for("Studio is ready at")
        assert "was shut down at" in again.text
        assert "not properly shut down" not in again.text
        # A Ctrl-C in a terminal reaches the whole foreground process group, not only boot.
        os.killpg(again.process.pid, signal.SIGINT)
        assert again.end() == 0
        assert "Database system is shut down" in again.text
        assert "WARNING" not in again.text
        assert "\x1b" not in again.text, "only a terminal is given colours"


def test_a_stop_in_the_middle_of_the_first_boot_is_clean_and_the_next_boot_finishes(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Volume:")
        assert box.stop() == 0
        assert "Traceback" not in box.text
    with Box(env) as again:
        again.wait_for("Studio is ready at")
        assert again.stop() == 0


def test_every_line_is_whole_and_in_the_voice(tmp_path: Path) -> None:
    env = box_environment(tmp_path, LOG_FORMAT="json", LOG_LEVEL="DEBUG")
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        assert box.stop() == 0
    records = [json.loads(line) for line in box.lines]
    assert {"studio-boot", "studio-postgres", "studio-redis"} <= {record["service"] for record in records}
    keys = [path.read_text().strip() for path in (tmp_path / "ws" / "keys").iterdir()]
    assert keys and not any(key in line for key in keys for line in box.lines)
    kept = [found.record for found in read_back(tmp_path / "ws" / "logs", Wanted())]
    assert kept[::-1] == records, "the volume keeps what standard output saw"


def test_the_lines_of_a_box_that_was_killed_are_there_and_the_next_one_goes_on(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        box.process.kill()
        box.process.wait()
        wait_until_gone(postgres_processes(env))
    with Box(env) as again:
        again.wait_for("Studio is ready at")
        shown = studio(env, "logs", "--program", "postgres", "--grep", "READY to accept")
        assert len(shown.stdout.splitlines()) == 2, shown.stdout + shown.stderr
        assert shown.stdout.startswith("studio-postgres (")
        as_json = studio(env, "logs", "--json", "--lines", "3").stdout.splitlines()
        assert [set(json.loads(line)) >= {"timestamp", "level", "message"} for line in as_json] == [True] * 3
        assert studio(env, "logs", "--level", "CRITICAL").stdout == ""
        assert studio(env, "logs", "--since", "yesterday-ish").returncode == 2
        assert again.stop() == 0


@pytest.mark.parametrize("form", ["pretty", "json"])
def test_the_address_and_the_setup_link_are_seen_at_any_level(tmp_path: Path, form: str) -> None:
    env = box_environment(tmp_path, STUDIO_ROLES="api,postgres,redis", LOG_LEVEL="ERROR", LOG_FORMAT=form)
    with Box(env) as box:
        link = box.wait_for("Claim this box: open http://127.0.0.1:")
        assert f"{env['PORT']}/setup?token=" in link
        assert box.stop() == 0
    assert [line for line in box.lines if "Studio is ready at http://127.0.0.1:" in line]


def test_a_killed_supervisor_ends_the_box_with_postgres_shut_down(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        running = postgres_processes(env)
        os.kill(int((tmp_path / "run" / "supervisord.pid").read_text()), signal.SIGKILL)
        assert box.end() == 70
        assert "Supervisord ended by itself" in box.text
        wait_until_gone(running)
        assert "Database system is shut down" in box.text


def test_a_stop_leaves_postgres_time_within_what_docker_gives() -> None:
    """Groups stop one after another, the programs of a group together."""
    conf = configparser.RawConfigParser()
    conf.read(ROOT / "supervisord.conf")
    grouped = set(conf["group:app"]["programs"].split(","))
    waits = {
        section.partition(":")[2]: conf.getint(section, "stopwaitsecs")
        for section in conf.sections()
        if section.startswith("program:")
    }
    assert waits.pop("postgres") >= 60, "it is never killed by supervisord"
    alone = [wait for name, wait in waits.items() if name not in grouped]
    assert max(waits[name] for name in grouped) + sum(alone) <= STOP_BUDGET_S - 1
    assert conf.getint("group:app", "priority") > conf.getint("program:api", "priority")


def test_a_stop_gives_what_runs_back_and_the_next_life_begins_it_anew(tmp_path: Path) -> None:
    env = box_environment(tmp_path, STUDIO_ROLES="all", HOST="127.0.0.1", **OWNER)
    steps = [
        {"id": "first", "type": "debug.work", "with": {"seconds": 3600}},
        {"id": "second", "type": "debug.gpu_work", "with": {"seconds": 3600}},
    ]
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        person = Person(f"http://127.0.0.1:{env['PORT']}")
        person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
        workflow = person.post(
            "/api/v1/workflows", {"definition": {"schema": 1, "name": "Long", "nodes": steps}}
        )
        instance = person.start(workflow["id"], {})["id"]
        person.wait_for_steps(instance, lambda step: step["status"] == "running")
        assert box.stop() == 0
        assert "Left without a goodbye" not in box.text
        assert "Database system is shut down" in box.text
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        for step in person.wait_for_steps(instance, lambda step: len(step["attempts"]) > 1):
            assert [attempt["cause"] for attempt in step["attempts"]] == ["first", "given_back"], step
        assert box.stop() == 0
    person.close()


def test_a_killed_boot_leaves_nothing_running(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        running = [*postgres_processes(env), int((tmp_path / "run" / "supervisord.pid").read_text())]
        box.process.kill()
        wait_until_gone(running)
    assert json.loads(studio(env, "status", "--json").stdout)["state"] == "not running"


def test_a_boot_right_after_a_killed_one_waits_until_the_former_is_gone(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        box.process.kill()
    with Box(env) as again:
        again.wait_for("Studio is ready at")
        assert "not properly shut down" not in again.text
        assert json.loads(studio(env, "status", "--json").stdout)["state"] == "ready"
        assert again.stop() == 0


def test_a_program_that_cannot_start_ends_the_box_with_code_70_and_the_reason(tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "redis-server"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'no, not today' >&2\nexit 3\n")
    broken.chmod(0o755)
    env = box_environment(tmp_path)
    env["PATH"] = f"{broken.parent}:{env['PATH']}"
    with Box(env) as box:
        assert box.end() == 70
    assert "Program redis ended with exit status 3" in box.text
    assert "The program redis cannot be started" in box.text
    assert "The last time it ended with exit status 3." in box.text
    assert "Database system is shut down" in box.text
    assert json.loads(studio(env, "status", "--json").stdout)["state"] == "failed"


def test_a_machine_without_room_for_a_process_is_told_as_that() -> None:
    assert "--pids-limit" in in_words(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"))
    assert in_words(PermissionError(errno.EACCES, "Permission denied", "/ws")).startswith(
        "The box cannot go on: Permission denied (/ws). Check space and rights there."
    )


def test_every_setting_fault_is_told_at_once(tmp_path: Path) -> None:
    with Box(box_environment(tmp_path, PORT="80a", LOG_LEVEL="LOUD", STUDIO_ROLE="api")) as box:
        assert box.end() == 78
    assert "PORT “80a” is no whole number" in box.text
    assert "LOG_LEVEL “LOUD”" in box.text
    assert "Did you mean STUDIO_ROLES?" in box.text
    assert "3 settings need attention" in box.text
    assert not (tmp_path / "ws").exists()


def test_a_setting_without_effect_is_told_and_does_not_stop_the_box(tmp_path: Path) -> None:
    with Box(box_environment(tmp_path, GOOGLE_CLIENT_ID="an-id-from-a-console")) as box:
        told = box.wait_for("GOOGLE_CLIENT_ID is set, but this version has no sign-in with Google or GitHub")
        assert "| WARNING |" in told
        assert box.stop() == 0
    assert "an-id-from-a-console" not in box.text


def test_an_unreachable_database_is_a_sentence(tmp_path: Path) -> None:
    url = "postgresql://someone:secret-word@127.0.0.1:1/studio"
    env = box_environment(tmp_path, DATABASE_URL=url, STUDIO_ROLES="api")
    with Box(env, impatient_boot(0.2)) as box:
        assert box.end() == 78
    assert "does not answer yet" in box.text
    assert "The database in DATABASE_URL cannot be used: connection to server" in box.text
    assert "Check host, port, user, password and database name" in box.text
    assert "Traceback" not in box.text
    assert "secret-word" not in box.text
    with Box(env, impatient_boot(60)) as box:
        box.wait_for("does not answer yet")
        assert box.stop() == 0


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with Box(box_environment(tmp_path, STUDIO_ROLES="all", HOST="127.0.0.1", PORT=port)) as box:
            assert box.end() == 78
    assert f"Port {port} on 127.0.0.1 cannot be used" in box.text


def test_a_volume_from_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "studio.json").write_text(
        '{"box_id": "b", "layout": 99, "version": "9.1.0", "created_at": "2030-01-01T00:00:00Z"}'
    )
    with Box(box_environment(tmp_path)) as box:
        assert box.end() == 78
    assert "Start version 9.1.0 or newer" in box.text
    assert not (tmp_path / "ws" / "postgres").exists()


def test_another_encryption_key_is_refused_before_anything_is_sealed_with_it(tmp_path: Path) -> None:
    with Box(box_environment(tmp_path)) as box:
        box.wait_for("Studio is ready at")
        assert box.stop() == 0
    with Box(box_environment(tmp_path, ENCRYPTION_KEY="another-key-than-the-first-one")) as box:
        assert box.end() == 78
    assert "The encryption key is not the one this volume was made with" in box.text
