"""Sealing: a record opens with its key, in its place, unchanged; everything else is a clear refusal."""

import pytest

from app.kit.codec import encode
from app.kit.ids import new_id
from app.kit.sealing import (
    Place,
    SealingKey,
    Secret,
    SecretDamaged,
    SecretsLocked,
    key_id_of,
    master_key,
    new_secret_key,
    seal,
    unseal,
)

HERE = Place("webhooks", "secret", new_id())
KEY = SealingKey("k1", new_secret_key())


def test_what_was_sealed_opens_again_in_its_place() -> None:
    record = seal(KEY, "größer als".encode(), HERE)
    assert record.startswith("v1:k1:")
    assert "als" not in record
    assert unseal(KEY, record, HERE).decode() == "größer als"
    assert key_id_of(record) == "k1"


def test_the_same_secret_is_never_the_same_record_twice() -> None:
    assert len({seal(KEY, b"same", HERE) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place("credentials", HERE.column, HERE.row),
        Place(HERE.table, "token", HERE.row),
        Place(HERE.table, HERE.column, new_id()),
    ],
    ids=["another table", "another column", "another row"],
)
def test_a_moved_record_does_not_open(elsewhere: Place) -> None:
    with pytest.raises(SecretDamaged):
        unseal(KEY, seal(KEY, b"secret", HERE), elsewhere)


def test_a_place_is_not_mistaken_for_another_with_the_same_letters() -> None:
    row = new_id()
    with pytest.raises(SecretDamaged):
        unseal(KEY, seal(KEY, b"secret", Place("ab", "c", row)), Place("a", "bc", row))


def test_any_changed_letter_is_noticed() -> None:
    version, kid, nonce, ciphertext = seal(KEY, b"secret", HERE).split(":")
    other = next(letter for letter in "ABC" if letter not in (ciphertext[0], nonce[0]))
    for record in (
        f"{version}:{kid}:{nonce}:{other}{ciphertext[1:]}",
        f"{version}:{kid}:{other}{nonce[1:]}:{ciphertext}",
        f"{version}:{kid}:{nonce}:",
        f"{version}:{kid}::{ciphertext}",
        f"v2:{kid}:{nonce}:{ciphertext}",
        "secret",
        "",
    ):
        with pytest.raises(SecretDamaged):
            unseal(KEY, record, HERE)


def test_another_key_is_told_apart_from_damage() -> None:
    record = seal(KEY, b"secret", HERE)
    with pytest.raises(SecretsLocked) as caught:
        unseal(SealingKey("k2", KEY.secret), record, HERE)
    assert "ENCRYPTION_KEY" in (caught.value.remedy or "")
    with pytest.raises(SecretDamaged):  # the right name, the wrong key
        unseal(SealingKey("k1", new_secret_key()), record, HERE)


def test_a_master_key_comes_from_any_text_and_is_named_without_telling_it() -> None:
    one, two = master_key("a" * 64), master_key("a passphrase of an operator")
    assert one.secret != two.secret and one.id != two.id
    assert len(one.secret) == len(two.secret) == 32
    assert master_key("a" * 64) == one


def test_keys_and_opened_secrets_print_as_stars_and_are_never_encoded() -> None:
    secret = Secret("tell nobody")
    assert secret.reveal() == "tell nobody"
    assert "tell" not in f"{secret} {secret!r}"
    assert KEY.secret.hex() not in repr(KEY) and str(KEY.secret) not in repr(KEY)
    with pytest.raises(NotImplementedError):
        encode({"secret": secret})
