"""What hands do that a test library has no word for: dropping files, making a workflow over the API."""

import base64
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

_DATA_TRANSFER = """files => {
  const transfer = new DataTransfer();
  for (const { name, mime, text } of files) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: mime }));
  }
  return transfer;
}"""


def drop_files(page: Page, target: Locator, paths: Sequence[Path]) -> None:
    """Let files fall on `target`, as a hand does that drags them out of a folder."""
    files = [
        {
            "name": path.name,
            "mime": mimetypes.guess_type(path.name)[0] or "",
            "text": base64.b64encode(path.read_bytes()).decode(),
        }
        for path in paths
    ]
    transfer = page.evaluate_handle(_DATA_TRANSFER, files)
    for event in ("dragenter", "dragover", "drop"):
        target.dispatch_event(event, {"dataTransfer": transfer})


def make_workflow(page: Page, definition: dict[str, Any]) -> str:
    """Save a workflow with the person's own session; its id."""
    answer = page.request.post("/api/v1/workflows", data={"definition": definition})
    assert answer.ok, answer.text()
    return str(answer.json()["id"])


def work(seconds: float, **values: Any) -> dict[str, Any]:
    """A workflow of one `debug.work` step that takes this long."""
    return {
        "schema": 1,
        "name": "A piece of work",
        "inputs": {"word": {"type": "text", "label": "Word", "default": "done"}},
        "nodes": [
            {
                "id": "labour",
                "type": "debug.work",
                "with": {"value": "{{ inputs.word }}", "seconds": seconds, **values},
            }
        ],
        "outputs": {"word": "{{ steps.labour.outputs.value }}"},
    }
