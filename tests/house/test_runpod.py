"""The RunPod template speaks of the image that there is, in the words of RunPod's REST API v2."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.kit.settings import load_settings

ROOT = Path(__file__).parent.parent.parent

# `POST /v2/templates` refuses a body with any other property.
V2_PROPERTIES = {
    "name",
    "image",
    "args",
    "disk",
    "mounts",
    "ports",
    "env",
    "category",
    "public",
    "serverless",
    "startSsh",
    "startJupyter",
    "allowedCudaVersions",
}


@pytest.fixture
def template() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "runpod" / "template.json").read_text())
    return content


def test_template_has_the_properties_of_v2_and_no_other(template: dict[str, Any]) -> None:
    assert set(template) <= V2_PROPERTIES
    assert template["name"] and template["image"]
    assert set(template["mounts"]) == {"persistent"}, "a template may not name a network volume"
    assert template["mounts"]["persistent"]["size"] >= 10, "the smallest that RunPod gives, in GB"
    assert template["disk"] > 0
    assert (template["startSsh"], template["startJupyter"]) == (False, False), "both default to true"


def test_template_names_the_port_and_volume_of_the_image(template: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    port = re.search(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    volume = re.search(r"^VOLUME (\S+)$", dockerfile, re.MULTILINE)
    assert port and template["ports"] == [f"{port.group(1)}/http"]
    assert volume and template["mounts"]["persistent"]["path"] == volume.group(1)


def test_template_asks_for_the_cuda_that_the_image_carries(template: dict[str, Any]) -> None:
    major = re.search(r"^cuda-bindings==(\d+)", (ROOT / "scripts/locks/cuda.txt").read_text(), re.MULTILINE)
    assert major is not None
    assert {version.partition(".")[0] for version in template["allowedCudaVersions"]} == {major.group(1)}


def test_settings_of_the_template_are_settings_of_studio(template: dict[str, Any], tmp_path: Path) -> None:
    """Loading them raises on a name that Studio does not know."""
    settings = load_settings(template["env"] | {"WORKSPACE_PATH": str(tmp_path)})
    assert settings.admin_email == template["env"]["ADMIN_EMAIL"]


def test_readme_speaks_of_the_same_api(template: dict[str, Any]) -> None:
    readme = (ROOT / "runpod" / "README.md").read_text()
    assert "https://api.runpod.io/v2/templates" in readme
    assert not re.search(r"rest\.runpod\.io|imageName|containerDiskInGb|volumeInGb|volumeMountPath", readme)
