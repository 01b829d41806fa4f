"""`scripts/run`, the command a newcomer types: the whole box, started again without set-up, stopped clean."""

import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from tests.appliance.box import ROOT, RUN, Box, box_environment
from tests.e2e.person import OWNER
from tests.patience import PATIENCE_S

STAMPS = ROOT / ".venv" / ".studio"


def stamps() -> dict[str, tuple[str, int]]:
    """What set-up has done, and when."""
    return {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in STAMPS.iterdir()}


def listeners(box: Box) -> set[tuple[str, int]]:
    """Where the box takes connections from the network."""
    boot = psutil.Process(box.process.pid)
    return {
        (one.laddr.ip, one.laddr.port)
        for process in (boot, *boot.children(recursive=True))
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }


@pytest.mark.integration
def test_a_second_start_sets_nothing_up_and_a_stop_of_the_whole_box_is_clean(tmp_path: Path) -> None:
    subprocess.run([*RUN, "--set-up"], check=True, timeout=100)
    done = stamps()
    env = box_environment(tmp_path, STUDIO_ROLES="all", HOST="127.0.0.1", **OWNER)
    # Whatever set-up would fetch, it would fail.
    env |= {"PIP_INDEX_URL": "http://127.0.0.1:1/", "npm_config_registry": "http://127.0.0.1:1/"}
    said = ""
    for life in ("first", "second"):
        with Box(env, RUN) as box:
            box.wait_for("Studio is ready at")
            for lane in ("cpu", "gpu"):
                box.wait_for(f"Worker ready lane={lane}")
            page = httpx.get(f"http://127.0.0.1:{env['PORT']}/")
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert listeners(box) == {("127.0.0.1", int(env["PORT"]))}
            programs = psutil.Process(box.process.pid).children(recursive=True)
            assert box.stop() == 0
        assert box.lines[0].startswith("studio-boot ("), f"the {life} start did set-up work:\n{box.text}"
        said = box.text
        assert "Database system is shut down" in said
        assert "Left without a goodbye" not in said
        assert not psutil.wait_procs(programs, timeout=PATIENCE_S)[1], "programs were left behind"
    assert "was shut down at" in said, "the second life found a clean shutdown"
    assert stamps() == done
