"""A volume that hangs costs lines and nothing else."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.kit.ring import Ring, Wanted, read_back
from appliance import shelf
from tests.appliance.box import ROOT
from tests.appliance.test_chorus import SCRIPT
from tests.patience import PATIENCE_S


def test_a_volume_that_hangs_keeps_nobody_from_speaking(tmp_path: Path) -> None:
    hanging = """
import threading
from app.kit.ring import Ring
from appliance.shelf import Shelf
def hang(ring, lines):
    threading.Event().wait()
Ring.write = hang
close = Shelf.close
Shelf.close = lambda shelf: close(shelf, 0.05)
"""
    said = subprocess.run(
        [sys.executable, "-c", hanging + SCRIPT, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout.splitlines()
    assert sum("| INFO | a " in line or "| INFO | b " in line for line in said) == 600
    assert sum(line.endswith("| INFO | boot is last") for line in said) == 1


def test_lines_that_wait_for_a_volume_are_bounded_and_written_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "MOST_BYTES", 100)
    asked, answers = threading.Event(), threading.Event()
    ring = Ring(tmp_path, 1_000_000)
    write = ring.write

    def hang(lines: bytes) -> None:
        asked.set()
        answers.wait()
        write(lines)

    monkeypatch.setattr(ring, "write", hang)
    shelved = shelf.Shelf(ring)
    shelved.write(b'{"number":0}\n')
    assert asked.wait(PATIENCE_S)
    for number in range(1, 1000):
        shelved.write(b'{"number":%d}\n' % number)
    shelved.close(0)
    answers.set()
    shelved.close(30)

    kept = [found.record["number"] for found in read_back(tmp_path, Wanted())]
    assert kept == list(range(7, -1, -1))
