"""The RunPod template speaks of the image that there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.kit.settings import load_settings

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def template() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "runpod" / "template.json").read_text())
    return content


def test_template_names_the_port_and_volume_of_the_image(template: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    port = re.search(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    volume = re.search(r"^VOLUME (\S+)$", dockerfile, re.MULTILINE)
    assert port and template["ports"] == [f"{port.group(1)}/http"]
    assert volume and template["volumeMountPath"] == volume.group(1)


def test_settings_of_the_template_are_settings_of_studio(template: dict[str, Any], tmp_path: Path) -> None:
    """Loading them raises on a name that Studio does not know."""
    settings = load_settings(template["env"] | {"WORKSPACE_PATH": str(tmp_path)})
    assert settings.admin_email == template["env"]["ADMIN_EMAIL"]
