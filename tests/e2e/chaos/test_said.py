"""What is read out of the log."""

from collections import Counter

from app.kit.codec import encode_text
from tests.e2e.chaos.said import complaints, judge_said

BUSY = {
    "level": "ERROR",
    "service": "studio-api",
    "action": "request_failed",
    "message": "Request failed",
    "method": "POST",
    "path": "/internal/v1/claim",
    "status": 503,
}
BROKEN = {**BUSY, "status": 500, "exception": "Traceback\n  somewhere\nKeyError: 'lane'"}
EXPIRED = {
    "level": "WARNING",
    "service": "studio-worker-cpu",
    "message": "job 01a213a0-968a-743c-8f78-20f0490f311d expired\nand more",
}
CALM = {"level": "INFO", "service": "studio-api", "message": "Ready"}
LINES = ["no entry", "17", *map(encode_text, (BUSY, BUSY, EXPIRED, CALM))]


def test_complaints_are_counted_by_program_and_words() -> None:
    assert complaints(LINES) == Counter(
        {("studio-api", "request_failed (503)"): 2, ("studio-worker-cpu", "“job … expired”"): 1}
    )


def test_an_answer_nobody_expected_is_found() -> None:
    assert judge_said(LINES) == []
    (fault,) = judge_said([*LINES, encode_text(BROKEN)])
    assert fault.sentence == "POST /internal/v1/claim was answered with 500: KeyError: 'lane'"
