"""supervisord and the programs under it, as the boot handles them: start, wait, notice the end, stop."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.kit import endings
from app.kit.log import get_logger
from app.kit.settings import Settings
from appliance.chorus import Chorus
from appliance.ends import Ends
from appliance.launch import lines_pipe
from appliance.postgres import Cluster
from appliance.process import code_of, processes_in
from appliance.programs import BY_NAME, PROGRAMS, is_wanted
from appliance.refusal import Refusal
from appliance.stopping import StopRequest
from appliance.storage import make_folder
from appliance.supervisor import Supervisor
from appliance.users import as_account, myself, postgres_account, worker_account

log = get_logger(__name__)

CODE = Path(__file__).parent.parent
LOOK_S = 0.5  # how late a death is noticed at most
STOP_BUDGET_S = 9.0  # docker stop kills after ten
LAST_RESORT_S = 75.0  # longer than supervisord gives Postgres


class Crew:
    """The running programs of one box."""

    def __init__(self, settings: Settings, chorus: Chorus, request: StopRequest) -> None:
        """Its waits end with the request to stop."""
        self.settings = settings
        self._chorus = chorus
        self._request = request
        self._supervisord: subprocess.Popen[bytes] | None = None
        self._supervisor = Supervisor(settings.run_dir / "supervisor.sock")
        self._ends = Ends(settings.run_dir)

    def await_former(self) -> None:
        """Wait for a supervisord whose boot was killed: it is stopping, and would take our socket with it."""
        try:
            process = int((self.settings.run_dir / "supervisord.pid").read_text())
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + LAST_RESORT_S
        while _is_supervisord(process):
            if time.monotonic() > deadline:
                raise Refusal(
                    f"The supervisord of an earlier Studio (process {process}) does not end. Stop it first.",
                    exit_code=75,
                )
            time.sleep(0.05)

    def start_supervisord(self) -> None:
        """Start it and return at once; `start` waits until it takes calls."""
        run_dir = self.settings.run_dir
        make_folder(run_dir / "lines", myself(), 0o755)
        for program in PROGRAMS:
            owner = program.account(self.settings) if is_wanted(program, self.settings) else myself()
            self._chorus.named_pipe(
                lines_pipe(self.settings, program.name), program.service, owner, program.dialect
            )
        words = lines_pipe(self.settings, "supervisord")
        self._chorus.named_pipe(words, "studio-supervisord", myself(), self._ends.dialect)
        make_folder(run_dir / "at-work", worker_account(self.settings), 0o700)
        for mark in (run_dir / "at-work").iterdir():
            mark.unlink()  # of an earlier life of the box
        (run_dir / "supervisor.sock").unlink(missing_ok=True)
        (run_dir / endings.NAME).unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(CODE / "supervisord.conf")]
        # Opened to read as well: should boot be killed, supervisord's last words must not break its stop.
        output = os.open(words, os.O_RDWR)
        self._supervisord = subprocess.Popen(
            # Should boot be killed, supervisord gets the signal and stops everything in order.
            as_account(myself(), command, death_signal=signal.SIGTERM),
            env=program_environment(self.settings),
            cwd=CODE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            # A Ctrl-C goes to every process of the terminal's foreground group: it is to reach boot alone,
            # which then stops the others in their order.
            start_new_session=True,
        )
        os.close(output)

    def start(self, name: str) -> None:
        """Start one program."""
        self.wait_until(self._supervisor.answers, "supervisord", patience_s=30.0)
        try:
            self._supervisor.start(BY_NAME[name].full_name)
        except OSError:
            self._refuse_if_ended()  # the reason says more than that supervisord stops
            raise

    def are_running(self, names: Sequence[str]) -> bool:
        """Whether these programs are up and have stayed up for their startsecs."""
        try:
            states = {state.name: state.state for state in self._supervisor.states()}
        except OSError:
            return False
        return all(states.get(name) == "RUNNING" for name in names)

    def wait_until(self, is_true: Callable[[], bool], who: str, patience_s: float = 60.0) -> None:
        """Wait while the box lives. After `patience_s` that is told, and it goes on: recovery may take long.

        Raises Refusal when the watchdog or a death ends the box meanwhile, Stopped when somebody asks for it.
        """
        patience_ends = time.monotonic() + patience_s
        while not is_true():
            self._refuse_if_ended()
            if time.monotonic() > patience_ends:
                log.warning("still waiting for %s", who, action="boot_waiting")
                patience_ends = time.monotonic() + patience_s
            self._request.wait(0.02)

    def wait_for_the_end(self) -> None:
        """Raises Refusal when the box ended by itself, Stopped when it was asked to."""
        while True:
            self._refuse_if_ended()
            self._request.wait(LOOK_S)

    def renew_redis(self) -> None:
        """Start it anew, because its file may be on a volume that went away for good: it would find that out
        with its next write, and refuse everything from then on. Nothing depends on what it holds.
        """
        redis = BY_NAME["redis"]
        if is_wanted(redis, self.settings):
            # Of this thread, and patient: what hangs on the volume takes its time to stop.
            supervisor = Supervisor(self.settings.run_dir / "supervisor.sock", timeout_s=60.0)
            supervisor.stop(redis.full_name)
            supervisor.start(redis.full_name)
            log.info("Redis was started anew on the volume that is back", action="redis_renewed")

    def end(self, reason: str) -> None:
        """End the box from another thread, as the watchdog would: with a reason for the boot."""
        (self.settings.run_dir / "reason").write_text(f"postgres\n{reason}", encoding="utf-8")
        with contextlib.suppress(OSError):
            Supervisor(self.settings.run_dir / "supervisor.sock").shutdown()

    def stop(self) -> None:
        """Stop everything in order and say how long it took."""
        child = self._supervisord
        if child is None:
            return
        started = time.monotonic()
        if child.poll() is None:
            try:
                self._supervisor.shutdown()
            except OSError:
                child.terminate()  # it does not listen yet, or no more
        self._await_exit(child, started)
        self._await_postgres(started)
        log.info("everything is stopped (%.1f s)", time.monotonic() - started, action="box_stopped")

    def _await_exit(self, child: subprocess.Popen[bytes], started: float) -> None:
        while time.monotonic() < started + STOP_BUDGET_S:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.05)
                return
            # supervisord looks once a second whether a program has ended, and it stops three groups one
            # after another. Any call makes it look at once: a stop takes 0.2 s instead of 3 s.
            self._supervisor.answers()
        log.warning(
            "stopping takes longer than %.0f s; a kill now would mean recovery at the next start",
            STOP_BUDGET_S,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(LAST_RESORT_S - (time.monotonic() - started))
            return
        child.kill()
        child.wait()

    def _await_postgres(self, started: float) -> None:
        """When supervisord was killed, the kernel told Postgres to stop; no container may end before it."""
        if not is_wanted(BY_NAME["postgres"], self.settings):
            return
        try:
            data, uid = Cluster(self.settings).data, postgres_account(self.settings).uid
        except Refusal:
            return  # there is none that could have been started
        while processes_in(data, "postgres", uid) and time.monotonic() < started + STOP_BUDGET_S:
            time.sleep(0.05)

    def _refuse_if_ended(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            left = (self.settings.run_dir / "reason").read_text(encoding="utf-8")
            raise Refusal(self._with_last_end(left), exit_code=70)
        if self._supervisord is not None and (code := code_of(self._supervisord)) is not None:
            raise Refusal(
                f"supervisord ended by itself (code {code}), and nothing is watched. Start Studio again.",
                exit_code=70,
            )

    def _with_last_end(self, left: str) -> str:
        """What the watchdog left, `program` and sentence, with how the program ended the last time."""
        program, _, reason = left.partition("\n")
        where = f"The lines of studio-{program} above may say why."
        how = self._ends.of(program)
        return f"{reason} The last time it {how}. {where}" if how else f"{reason} {where}"


def _is_supervisord(process: int) -> bool:
    """Whether this process is one; a pid file alone proves nothing, numbers come round again."""
    try:
        return b"supervisor.supervisord" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def program_environment(settings: Settings) -> dict[str, str]:
    """Our environment with what was worked out once: absolute paths, and this very Python first."""
    return os.environ | {
        "STUDIO_RUN_DIR": str(settings.run_dir),
        "WORKSPACE_PATH": str(settings.workspace),
        "LOG_FORMAT": "json",  # records for the boot, which shows them as the settings say
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
    }
