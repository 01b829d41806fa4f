"""Proofs: each scheme as its senders write it, against published examples where there are some."""

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.kit.errors import Invalid
from app.kit.sealing import Secret
from app.resources.webhooks.auth import (
    Auth,
    BasicAuth,
    GithubAuth,
    HeaderAuth,
    HmacAuth,
    JwtAuth,
    NoAuth,
    StandardAuth,
    StripeAuth,
    Unproven,
    begin,
    check_auth,
    needs_secret,
    new_secret,
)

NOW = 1_700_000_000.0
BODY = b'{"hello": "w\xc3\xb6rld"}'


def judge(
    auth: Auth, secret: str | None, headers: Mapping[str, str], body: bytes = BODY, now: float = NOW
) -> None:
    """What the door does: raises Unproven, or lets in."""
    signature = begin(auth, None if secret is None else Secret(secret), headers, now)
    if signature is not None:
        for letter in range(0, len(body), 3):
            signature.feed(body[letter : letter + 3])
        signature.judge()


def refused(auth: Auth, secret: str | None, headers: Mapping[str, str], **more: Any) -> str:
    with pytest.raises(Unproven) as caught:
        judge(auth, secret, headers, **more)
    return caught.value.detail


def hexed(secret: str, content: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), content, algorithm).hexdigest()


def test_nothing_is_asked_where_nothing_is_wanted() -> None:
    judge(NoAuth(), None, {})


@pytest.mark.parametrize(
    "auth",
    [
        HeaderAuth(),
        BasicAuth(username="ada"),
        JwtAuth(algorithm="HS256"),
        StandardAuth(),
        GithubAuth(),
        StripeAuth(),
        HmacAuth(header="X-Sig"),
    ],
    ids=lambda auth: type(auth).__name__,
)
def test_without_its_secret_a_webhook_lets_nobody_in(auth: Auth) -> None:
    assert needs_secret(auth)
    assert "no secret" in refused(auth, None, {"x-api-key": "", "x-sig": hexed("", BODY)})
    check_auth(auth, new_secret(auth))


def test_a_public_key_that_is_missing_lets_nobody_in() -> None:
    assert "no key" in refused(JwtAuth(algorithm="RS256"), None, {"authorization": "Bearer x.y.z"})


def test_a_header_must_hold_the_secret() -> None:
    auth = HeaderAuth(name="X-My-Key")
    judge(auth, "sesame", {"x-my-key": "sesame"})
    judge(auth, "Schlüssel", {"x-my-key": "Schlüssel".encode().decode("latin-1")})
    assert "missing" in refused(auth, "sesame", {})
    assert "does not hold" in refused(auth, "sesame", {"x-my-key": "sesam"})
    assert "sesame" not in refused(auth, "sesame", {"x-my-key": "other"})


def test_a_password_comes_with_its_user_name() -> None:
    auth = BasicAuth(username="ada")
    basic = {"authorization": "Basic " + b64encode(b"ada:pass:word").decode()}
    judge(auth, "pass:word", basic)
    assert "wrong" in refused(auth, "password", basic)
    assert "wrong" in refused(BasicAuth(username="eve"), "pass:word", basic)
    assert "base64" in refused(auth, "pass:word", {"authorization": "Basic ???"})
    with pytest.raises(Unproven) as caught:
        judge(auth, "pass:word", {})
    assert caught.value.headers["WWW-Authenticate"].startswith("Basic")


# Tokens ---------------------------------------------------------------------------------------------------

HS_SECRET = "0123456789abcdef0123456789abcdef"


def pem_pair(key: Any) -> tuple[str, str]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


RSA_PRIVATE, RSA_PUBLIC = pem_pair(rsa.generate_private_key(public_exponent=65537, key_size=2048))
EC_PRIVATE, EC_PUBLIC = pem_pair(ec.generate_private_key(ec.SECP256R1()))


def token(key: str = HS_SECRET, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    content = {"exp": int(time.time()) + 60, **claims}
    return {"authorization": f"Bearer {jwt.encode(content, key, algorithm=algorithm)}"}


@pytest.mark.parametrize(
    ("auth", "secret", "key"),
    [
        (JwtAuth(algorithm="HS256"), HS_SECRET, HS_SECRET),
        (JwtAuth(algorithm="RS256", public_key=RSA_PUBLIC), None, RSA_PRIVATE),
        (JwtAuth(algorithm="ES256", public_key=EC_PUBLIC), None, EC_PRIVATE),
    ],
    ids=["HS256", "RS256", "ES256"],
)
def test_a_token_is_signed_in_date_and_for_us(auth: JwtAuth, secret: str | None, key: str) -> None:
    check_auth(auth, secret)
    algorithm = auth.algorithm
    judge(auth, secret, token(key, algorithm))
    assert "run out" in refused(auth, secret, token(key, algorithm, exp=int(time.time()) - 60))
    assert "not valid yet" in refused(auth, secret, token(key, algorithm, nbf=int(time.time()) + 600))
    assert "not valid yet" in refused(auth, secret, token(key, algorithm, iat=int(time.time()) + 600))
    endless = {"authorization": f"Bearer {jwt.encode({'sub': 'x'}, key, algorithm=algorithm)}"}
    assert "lacks “exp”" in refused(auth, secret, endless)
    named = JwtAuth(algorithm=algorithm, public_key=auth.public_key, issuer="them", audience="us")
    judge(named, secret, token(key, algorithm, iss="them", aud=["us", "others"]))
    assert "(aud)" in refused(named, secret, token(key, algorithm, iss="them", aud="others"))
    assert "(iss)" in refused(named, secret, token(key, algorithm, iss="us", aud="us"))
    assert "lacks “aud”" in refused(named, secret, token(key, algorithm, iss="them"))
    judge(auth, secret, token(key, algorithm, iss="anybody", aud="anybody"))


def test_no_other_algorithm_passes_for_the_one_that_is_set() -> None:
    by_key = JwtAuth(algorithm="RS256", public_key=RSA_PUBLIC)
    # The classic: the public key, which everybody has, as the secret of a symmetric signature.
    header = b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    claims = b64encode(b'{"exp":99999999999}').rstrip(b"=").decode()
    mac = hmac.new(RSA_PUBLIC.encode(), f"{header}.{claims}".encode(), "sha256").digest()
    forged = f"{header}.{claims}.{b64encode(mac, b'-_').rstrip(b'=').decode()}"
    assert "another algorithm" in refused(by_key, None, {"authorization": f"Bearer {forged}"})
    nothing = b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for auth, secret in ((by_key, None), (JwtAuth(algorithm="HS256"), HS_SECRET)):
        unsigned = {"authorization": f"Bearer {nothing}.{claims}."}
        assert "another algorithm" in refused(auth, secret, unsigned)
    wrong = token("another secret of 32 bytes length")
    assert "not valid" in refused(JwtAuth(algorithm="HS256"), HS_SECRET, wrong)
    assert "Bearer" in refused(by_key, None, {"authorization": "Basic x"})
    assert "not valid" in refused(by_key, None, {"authorization": "Bearer rubbish"})


@pytest.mark.parametrize(
    ("auth", "secret", "field"),
    [
        (JwtAuth(algorithm="HS256"), "too short for it", "secret"),
        (JwtAuth(algorithm="HS256", public_key=RSA_PUBLIC), None, "auth.public_key"),
        (JwtAuth(algorithm="RS256"), None, "auth.public_key"),
        (JwtAuth(algorithm="RS256", public_key=EC_PUBLIC), None, "auth.public_key"),
        (JwtAuth(algorithm="ES256", public_key=RSA_PUBLIC), None, "auth.public_key"),
        (JwtAuth(algorithm="RS256", public_key=RSA_PRIVATE), None, "auth.public_key"),
        (JwtAuth(algorithm="RS256", public_key="-----BEGIN PUBLIC KEY-----"), None, "auth.public_key"),
        (JwtAuth(algorithm="RS256", public_key=RSA_PUBLIC), "a secret it has no use for", "secret"),
        (NoAuth(), "a secret it has no use for", "secret"),
        (StandardAuth(), "whsec_short", "secret"),
        (StandardAuth(), "whsec_" + "?" * 40, "secret"),
        (HeaderAuth(), "short", "secret"),
    ],
)
def test_settings_that_could_let_nobody_in_are_not_saved(auth: Auth, secret: str | None, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_auth(auth, secret)
    assert [one.field for one in caught.value.complaints] == [field]


# Signatures -----------------------------------------------------------------------------------------------


def test_the_example_of_standard_webhooks_is_let_in() -> None:
    # From the test vectors of the reference libraries (standard-webhooks/libraries).
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    auth = StandardAuth()
    judge(auth, secret, headers, body, now=1614265330)
    judge(auth, secret, {name.replace("webhook", "svix"): v for name, v in headers.items()}, body, 1614265330)
    several = {**headers, "webhook-signature": f"v1,AAAA v2,xx {headers['webhook-signature']} v1a,zz"}
    judge(auth, secret, several, body, now=1614265330)
    assert "does not match" in refused(auth, secret, headers, body=body + b" ", now=1614265330)
    other_id = {**headers, "webhook-id": "msg_other"}
    assert "does not match" in refused(auth, secret, other_id, body=body, now=1614265330)
    only_v2 = {**headers, "webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")}
    assert "does not match" in refused(auth, secret, only_v2, body=body, now=1614265330)
    for now in (1614265330 + 301, 1614265330 - 301):
        assert "seconds off" in refused(auth, secret, headers, body=body, now=now)
    judge(auth, secret, headers, body, now=1614265330 + 299)
    for missing in headers:
        rest = {name: value for name, value in headers.items() if name != missing}
        assert "missing" in refused(auth, secret, rest, body=body, now=1614265330)


def test_the_example_of_github_is_let_in() -> None:
    # From GitHub's “Validating webhook deliveries”, section “Testing the webhook payload validation”.
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    judge(GithubAuth(), secret, {"x-hub-signature-256": good}, body)
    assert "does not match" in refused(GithubAuth(), secret, {"x-hub-signature-256": good}, body=b"Hello")
    assert "begin with" in refused(GithubAuth(), secret, {"x-hub-signature-256": good[7:]}, body=body)
    sha1 = {"x-hub-signature": f"sha1={hexed(secret, body, 'sha1')}"}
    assert "missing" in refused(GithubAuth(), secret, sha1, body=body)


def test_stripes_signature_binds_its_timestamp() -> None:
    secret, stamp = "whsec_stripe_secret", int(NOW)
    good = hexed(secret, f"{stamp}.".encode() + BODY)
    judge(StripeAuth(), secret, {"stripe-signature": f"t={stamp},v1={good}"})
    judge(StripeAuth(), secret, {"stripe-signature": f"t={stamp},v1={'0' * 64},v1={good},v0=x"})
    moved = {"stripe-signature": f"t={stamp + 5},v1={good}"}
    assert "does not match" in refused(StripeAuth(), secret, moved)
    assert "does not match" in refused(StripeAuth(), secret, {"stripe-signature": f"t={stamp},v0={good}"})
    late = {"stripe-signature": f"t={stamp},v1={good}"}
    assert "seconds off" in refused(StripeAuth(), secret, late, now=NOW + 400)
    judge(StripeAuth(tolerance_s=600), secret, late, now=NOW + 400)
    for broken in (f"v1={good}", "t=soon,v1=x", "rubbish", f"t=-5,v1={good}"):
        refused(StripeAuth(), secret, {"stripe-signature": broken})


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_of_ones_own_making(algorithm: Any, encoding: Any) -> None:
    raw = hmac.new(b"a shared secret", BODY, algorithm).digest()
    text = raw.hex() if encoding == "hex" else b64encode(raw).decode()
    auth = HmacAuth(header="X-Sig", algorithm=algorithm, encoding=encoding, prefix="sig=")
    judge(auth, "a shared secret", {"x-sig": f"sig={text}"})
    assert "does not match" in refused(auth, "another secret", {"x-sig": f"sig={text}"})
    assert "does not match" in refused(auth, "a shared secret", {"x-sig": "sig=not a signature"})
    assert "does not match" in refused(auth, "a shared secret", {"x-sig": f"sig={text}"}, body=b"")


def test_a_timestamp_of_ones_own_is_signed_with_the_body() -> None:
    auth = HmacAuth(header="X-Sig", timestamp_header="X-Time", tolerance_s=10)
    good = {"x-time": str(int(NOW)), "x-sig": hexed("a shared secret", f"{int(NOW)}.".encode() + BODY)}
    judge(auth, "a shared secret", good)
    assert "seconds off" in refused(auth, "a shared secret", good, now=NOW + 11)
    assert "does not match" in refused(auth, "a shared secret", {**good, "x-time": str(int(NOW) + 1)})
    assert "missing" in refused(auth, "a shared secret", {"x-sig": good["x-sig"]})


def test_a_thousand_signatures_in_one_header_are_not_all_looked_at() -> None:
    secret = "whsec_" + b64encode(b"k" * 32).decode()
    mac = hmac.new(b"k" * 32, b"id.1700000000." + BODY, hashlib.sha256).digest()
    good = f"v1,{b64encode(mac).decode()}"
    headers = {"webhook-id": "id", "webhook-timestamp": "1700000000"}
    judge(StandardAuth(), secret, {**headers, "webhook-signature": " ".join(["v1,AA"] * 19 + [good])})
    late = {**headers, "webhook-signature": " ".join(["v1,AA"] * 1000 + [good])}
    assert "does not match" in refused(StandardAuth(), secret, late)
