"""No line shows a secret: by its value wherever it stands, by its name where nobody registered it."""

import json

import pytest

from app.kit import redaction
from app.kit.redaction import keep_secret, redacted, redacted_value
from app.kit.settings import LogSettings, load_settings
from app.kit.voice import Voice

SECRET = 's3cret "with" \\ and ü'


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests registered is nothing to these."""
    monkeypatch.setattr(redaction, "_known", type(redaction._known)())


def test_a_value_is_hidden_in_every_dress() -> None:
    keep_secret(SECRET)
    for shown in (
        f"it is {SECRET}!",
        f"?key={'s3cret%20%22with%22%20%5C%20and%20%C3%BC'}",
        json.dumps(SECRET),
    ):
        assert "s3cret" not in redacted(shown) or "\\u00fc" in shown, shown
    for form in ("pretty", "json"):
        said = Voice("studio-api", LogSettings(format=form, colors=False)).line(
            "error", f"failed with {SECRET}", {"exception": f"ValueError: {SECRET}", "deep": {"a": [SECRET]}}
        )
        assert "s3cret" not in said
        assert said.count("****") == 3


def test_what_is_too_short_to_be_one_hides_no_words() -> None:
    keep_secret("info", None, "")
    assert redacted("info: all is well") == "info: all is well"


def test_addresses_and_bearers_are_hidden_without_being_known() -> None:
    assert redacted("postgresql://ada:pass-word@db/x") == "postgresql://ada:****@db/x"
    assert redacted("redis://:pass-word@cache:6379") == "redis://:****@cache:6379"
    assert redacted("https://example.org/a:b@c") == "https://example.org/a:b@c"
    assert redacted("authorization: Bearer abcdef0123456789") == "authorization: Bearer ****"


@pytest.mark.parametrize(
    ("name", "value", "is_hidden"),
    [
        ("password", "x", True),
        ("smtp_password", "x", True),
        ("access_token", "x", True),
        ("api-key", "x", True),
        ("Authorization", "x", True),
        ("max_tokens", 512, False),
        ("token_prefix", "sk-1", False),
        ("secretary", "Ada", False),
        ("keyboard", "qwerty", False),
    ],
)
def test_names(name: str, value: object, is_hidden: bool) -> None:
    assert (redacted_value(name, value) == "****") is is_hidden
    assert (redacted_value("deep", {name: [value]}) == {name: ["****"]}) is is_hidden


def test_the_settings_know_every_secret_they_hold() -> None:
    env = {
        "DATABASE_URL": "postgresql://ada:data%20base-word@db/studio",
        "REDIS_URL": "redis://:redis-password@cache",
        "JWT_SECRET_KEY": "jwt-secret-jwt-secret",
        "ADMIN_EMAIL": "ada@example.org",
        "ADMIN_PASSWORD": "admin-password",
        "STUDIO_METRICS_TOKEN": "metrics-token-metrics",
        "CLOUDFLARE_TUNNEL_TOKEN": "tunnel-token",
    }
    found = set(load_settings(env).secrets)
    assert {"data%20base-word", "data base-word", "redis-password", "jwt-secret-jwt-secret"} <= found
    assert {"admin-password", "metrics-token-metrics", "tunnel-token"} <= found


def test_what_was_opened_for_a_moment_is_forgotten_some_day() -> None:
    for number in range(redaction.MOST + 100):
        keep_secret(f"a-long-secret-{number}")
    assert len(redaction._known) <= redaction.MOST
    assert "a-long-secret-0" in redacted("a-long-secret-0")
