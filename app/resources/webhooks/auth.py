"""How a delivery proves who sent it: nothing, a header, a password, a token, or a signature over its bytes.

Every way fails closed: a webhook without its secret lets nobody in. Secrets are compared in constant time.
Signatures are over the raw bytes as they came, fed piece by piece, so that a file need not fit into memory.
Sources: standard-webhooks.md (Standard Webhooks 1.0), GitHub “Validating webhook deliveries”, Stripe
“Verify webhook signatures manually”, RFC 7519 for tokens, RFC 7617 for passwords.
"""

import binascii
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Meta

from app.flow.wording import count
from app.kit.crypto import new_token, same
from app.kit.errors import Complaint, Invalid, Unauthorized
from app.kit.sealing import Secret

TOLERANCE_S: Final = 300  # how far a sender's clock, or a retry, may be off: the standard's own number
LEEWAY_S: Final = 30  # the same for tokens, which carry an end of their own
MOST_SIGNATURES: Final = 20  # in one header; senders list a few while they change keys
SHORTEST_SECRET: Final = 8
STANDARD_PREFIX: Final = "whsec_"
_STANDARD_KEY: Final = (24, 64)  # bytes, as the standard says

HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$", description="A header")]
Tolerance = Annotated[int, Meta(ge=1, le=3600, description="How far the timestamp may be off, in seconds")]


class Unproven(Unauthorized):
    """This delivery did not prove who sent it."""


class NoAuth(msgspec.Struct, frozen=True, tag="none", tag_field="kind", forbid_unknown_fields=True):
    """Whoever knows the address may call."""


class HeaderAuth(
    msgspec.Struct, frozen=True, kw_only=True, tag="header", tag_field="kind", forbid_unknown_fields=True
):
    """A header holds the secret."""

    name: HeaderName = "X-Api-Key"


class BasicAuth(
    msgspec.Struct, frozen=True, kw_only=True, tag="basic", tag_field="kind", forbid_unknown_fields=True
):
    """A user name, and the secret as password."""

    username: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^:]+$")]


class JwtAuth(
    msgspec.Struct, frozen=True, kw_only=True, tag="jwt", tag_field="kind", forbid_unknown_fields=True
):
    """`Authorization: Bearer <token>`, signed with the secret (HS256) or with the key behind `public_key`.

    A token must carry `exp`; `nbf` and `iat` are checked when they are there, `iss` and `aud` when named.
    """

    algorithm: Literal["HS256", "RS256", "ES256"]
    public_key: Annotated[str, Meta(max_length=10_000, description="PEM, for RS256 and ES256")] | None = None
    issuer: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    audience: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


class StandardAuth(
    msgspec.Struct, frozen=True, kw_only=True, tag="standard", tag_field="kind", forbid_unknown_fields=True
):
    """The Standard Webhooks scheme (`webhook-signature`), also under Svix' own header names."""

    tolerance_s: Tolerance = TOLERANCE_S


class GithubAuth(msgspec.Struct, frozen=True, tag="github", tag_field="kind", forbid_unknown_fields=True):
    """GitHub's `X-Hub-Signature-256`."""


class StripeAuth(
    msgspec.Struct, frozen=True, kw_only=True, tag="stripe", tag_field="kind", forbid_unknown_fields=True
):
    """Stripe's `Stripe-Signature`: a timestamp and signatures."""

    tolerance_s: Tolerance = TOLERANCE_S


class HmacAuth(
    msgspec.Struct, frozen=True, kw_only=True, tag="hmac", tag_field="kind", forbid_unknown_fields=True
):
    """An HMAC in a header of the sender's choice, over the raw body; with `timestamp_header` over
    `<timestamp>.<body>`.
    """

    header: HeaderName
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Meta(max_length=50, description="What stands before it, such as sha256=")] = ""
    timestamp_header: HeaderName | None = None
    tolerance_s: Tolerance = TOLERANCE_S


Auth = NoAuth | HeaderAuth | BasicAuth | JwtAuth | StandardAuth | GithubAuth | StripeAuth | HmacAuth
Headers = Mapping[str, str]  # names in small letters


class Signature:
    """A signature to be judged when the whole body has been fed."""

    def __init__(self, key: bytes, algorithm: str, signed_before: bytes, candidates: Iterable[bytes]) -> None:
        self._mac = hmac.new(key, signed_before, algorithm)
        self._candidates = list(candidates)[:MOST_SIGNATURES]

    def feed(self, piece: bytes) -> None:
        """The next bytes of the body, as they came."""
        self._mac.update(piece)

    def judge(self) -> None:
        """Raises Unproven unless one of the signatures is ours."""
        ours = self._mac.digest()
        # Every candidate is looked at, so that the time does not tell which one fits.
        if not sum(same(ours, each) for each in self._candidates):
            raise Unproven(
                "The signature does not match.",
                remedy="Compare the secret on both sides, and sign the bytes of the body exactly as sent.",
            )


def needs_secret(auth: Auth) -> bool:
    """Whether this way rests on a secret of the webhook."""
    match auth:
        case NoAuth():
            return False
        case JwtAuth(algorithm=algorithm):
            return algorithm == "HS256"
        case _:
            return True


def new_secret(auth: Auth) -> str:
    """A fresh secret in the form this way wants."""
    if isinstance(auth, StandardAuth):
        return STANDARD_PREFIX + b64encode(secrets.token_bytes(32)).decode()
    return new_token("whs")


def check_auth(auth: Auth, secret: str | None) -> None:
    """Whether these settings can ever let anybody in. `secret`: a new one, or None. Raises Invalid."""
    if isinstance(auth, JwtAuth):
        _check_public_key(auth)
    if secret is None:
        return
    if not needs_secret(auth):
        raise _unfit("secret", "This way of proving takes no secret.")
    if len(secret) < SHORTEST_SECRET:
        raise _unfit("secret", f"A secret has at least {SHORTEST_SECRET} characters.")
    if isinstance(auth, JwtAuth) and len(secret.encode()) < 32:
        raise _unfit("secret", "An HS256 secret has at least 32 bytes (RFC 7518 §3.2).")
    if isinstance(auth, StandardAuth):
        low, high = _STANDARD_KEY
        try:
            fits = low <= len(_standard_key(secret)) <= high
        except ValueError:
            fits = False
        if not fits:
            raise _unfit(
                "secret", f"A Standard Webhooks secret is whsec_ and {low} to {high} bytes in base64."
            )


def begin(auth: Auth, secret: Secret | None, headers: Headers, now: float) -> Signature | None:
    """Judge what the headers prove; a signature is given back, to be fed with the body. Raises Unproven.

    `now`: seconds since 1970.
    """
    if not needs_secret(auth):
        if isinstance(auth, JwtAuth):
            _judge_token(auth, auth.public_key, headers)
        return None
    if secret is None:
        raise Unproven("This webhook has no secret, so nobody can prove anything to it.")
    known = secret.reveal()
    match auth:
        case HeaderAuth(name=name):
            _judge_same(headers.get(name.lower()), known, f"The header {name}")
        case BasicAuth(username=username):
            _judge_password(username, known, headers)
        case JwtAuth():
            _judge_token(auth, known, headers)
        case StandardAuth():
            return _standard(auth, known, headers, now)
        case GithubAuth():
            signature = HmacAuth(header="X-Hub-Signature-256", prefix="sha256=")
            return _custom(signature, known, headers, now)
        case StripeAuth():
            return _stripe(auth, known, headers, now)
        case HmacAuth():
            return _custom(auth, known, headers, now)
    return None


def secret_headers(auth: Auth) -> frozenset[str]:
    """The headers whose values must never be kept, in small letters."""
    match auth:
        case HeaderAuth(name=name):
            return frozenset({name.lower()})
        case HmacAuth(header=header):
            return frozenset({header.lower()})
        case _:
            return frozenset()


# Headers, passwords, tokens -------------------------------------------------------------------------------


def _judge_same(given: str | None, known: str, what: str) -> None:
    if given is None:
        raise Unproven(f"{what} is missing.")
    # Headers arrive as Latin-1; a sender with other letters sends them as UTF-8.
    if not same(given.encode("latin-1"), known.encode()):
        raise Unproven(f"{what} does not hold this webhook's secret.")


def _judge_password(username: str, password: str, headers: Headers) -> None:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": 'Basic realm="studio", charset="UTF-8"'}
    if scheme.lower() != "basic":
        raise Unproven("Send a user name and a password (HTTP Basic).", headers=challenge)
    try:
        given = b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Unproven("The Authorization header is not valid base64.", headers=challenge) from None
    if not same(given, f"{username}:{password}".encode()):
        raise Unproven("The user name or the password is wrong.", headers=challenge)


_TOKEN_FAULTS: Final[Mapping[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "The token has run out.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is for somebody else (aud).",
    jwt.InvalidIssuerError: "The token comes from somebody else (iss).",
    jwt.InvalidAlgorithmError: "The token is signed with another algorithm.",
}


def _judge_token(auth: JwtAuth, key: str | None, headers: Headers) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unproven("Send “Authorization: Bearer <token>”.")
    if key is None:
        raise Unproven("This webhook has no key, so nobody can prove anything to it.")
    required = ["exp"]
    required += ["aud"] if auth.audience else []
    required += ["iss"] if auth.issuer else []
    try:
        jwt.decode(
            token.strip(),
            key,
            algorithms=[auth.algorithm],
            audience=auth.audience,
            issuer=auth.issuer,
            leeway=LEEWAY_S,
            options={
                "require": required,
                "verify_aud": auth.audience is not None,
                "verify_iss": auth.issuer is not None,
            },
        )
    except jwt.MissingRequiredClaimError as exc:
        raise Unproven(f"The token lacks “{exc.claim}”.") from None
    except (jwt.PyJWTError, ValueError, TypeError) as exc:
        words = next((said for kind, said in _TOKEN_FAULTS.items() if isinstance(exc, kind)), None)
        raise Unproven(words or "The token is not valid.") from None


def _check_public_key(auth: JwtAuth) -> None:
    if auth.algorithm == "HS256":
        if auth.public_key is not None:
            raise _unfit("auth.public_key", "HS256 takes a secret, not a public key.")
        return
    try:
        key: Any = load_pem_public_key((auth.public_key or "").encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if auth.algorithm == "RS256" and not (isinstance(key, RSAPublicKey) and key.key_size >= 2048):
        raise _unfit("auth.public_key", "RS256 wants an RSA public key of at least 2048 bits, as PEM.")
    if auth.algorithm == "ES256" and not (
        isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    ):
        raise _unfit("auth.public_key", "ES256 wants a P-256 public key, as PEM.")


# Signatures -----------------------------------------------------------------------------------------------


def _standard(auth: StandardAuth, secret: str, headers: Headers, now: float) -> Signature:
    family = "svix" if "svix-signature" in headers and "webhook-signature" not in headers else "webhook"
    message_id, timestamp, listed = (
        _header(headers, f"{family}-{part}") for part in ("id", "timestamp", "signature")
    )
    _judge_time(timestamp, auth.tolerance_s, now)
    signatures = (each.partition(",") for each in listed.split())
    candidates = [_decoded(value, "base64") for version, _, value in signatures if version == "v1"]
    try:
        key = _standard_key(secret)
    except ValueError:
        raise Unproven("This webhook's secret is not of the Standard Webhooks form.") from None
    return Signature(key, "sha256", f"{message_id}.{timestamp}.".encode("latin-1"), candidates)


def _stripe(auth: StripeAuth, secret: str, headers: Headers, now: float) -> Signature:
    pairs = [part.strip().partition("=") for part in _header(headers, "stripe-signature").split(",")]
    timestamp = next((value for name, _, value in pairs if name == "t"), "")
    _judge_time(timestamp, auth.tolerance_s, now)
    candidates = [_decoded(value, "hex") for name, _, value in pairs if name == "v1"]
    return Signature(secret.encode(), "sha256", f"{timestamp}.".encode(), candidates)


def _custom(auth: HmacAuth, secret: str, headers: Headers, now: float) -> Signature:
    signature = _header(headers, auth.header)
    if not signature.startswith(auth.prefix):
        raise Unproven(f"The header {auth.header} does not begin with “{auth.prefix}”.")
    before = b""
    if auth.timestamp_header is not None:
        timestamp = _header(headers, auth.timestamp_header)
        _judge_time(timestamp, auth.tolerance_s, now)
        before = f"{timestamp}.".encode()
    candidate = _decoded(signature.removeprefix(auth.prefix), auth.encoding)
    return Signature(secret.encode(), auth.algorithm, before, [candidate])


def _header(headers: Headers, name: str) -> str:
    value = headers.get(name.lower(), "").strip()
    if not value:
        raise Unproven(f"The header {name} is missing.")
    return value


def _judge_time(timestamp: str, tolerance_s: int, now: float) -> None:
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise Unproven("The timestamp of the signature is no number of seconds.")
    if abs(now - int(timestamp)) > tolerance_s:
        raise Unproven(
            f"The timestamp of the signature is more than {count(tolerance_s, 'second')} off.",
            remedy="Send anew instead of repeating an old delivery, and check the clocks of both machines.",
        )


def _decoded(text: str, encoding: str) -> bytes:
    """The bytes of a signature; what is none matches nothing."""
    try:
        return bytes.fromhex(text.strip()) if encoding == "hex" else b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _standard_key(secret: str) -> bytes:
    """Raises ValueError."""
    text = secret.removeprefix(STANDARD_PREFIX).rstrip("=")
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(complaints=[Complaint(field=field, message=message)])
