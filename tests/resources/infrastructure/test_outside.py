"""The box as others see it, and the volume as it is: what the daemon finds out for those who look."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.kit.clock import now
from app.kit.settings import Settings
from app.resources.infrastructure.outside import call, place_of
from app.resources.infrastructure.survey import size_of

EXPIRES_IN = timedelta(days=3)


def certificate(folder: Path) -> Path:
    """A certificate of `localhost` that is its own authority, with its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + EXPIRES_IN)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@asynccontextmanager
async def public_address(pem: Path, ahead: timedelta) -> AsyncIterator[int]:
    """A server that answers over TLS, its clock so far ahead; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = format_datetime(now() + ahead, usegmt=True)
        writer.write(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    server = await asyncio.start_server(answer, "localhost", 0, ssl=tls)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def trusting(pem: Path) -> Callable[[], ssl.SSLContext]:
    return lambda: ssl.create_default_context(cafile=str(pem))


async def test_one_call_tells_the_certificate_and_the_time_elsewhere(tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    async with public_address(pem, timedelta(hours=1)) as port:
        found = await call("localhost", port, trusting(pem))
    assert found.fault is None
    assert found.expires_at is not None
    assert abs(found.expires_at - now() - EXPIRES_IN) < timedelta(minutes=1)
    assert found.clock_ahead_s is not None
    assert -3700 < found.clock_ahead_s < -3500


async def test_a_certificate_nobody_vouches_for_is_told_as_that(tmp_path: Path) -> None:
    async with public_address(certificate(tmp_path), timedelta()) as port:
        found = await call("localhost", port)
    assert (found.is_refused, found.expires_at) == (True, None)
    assert "self" in (found.fault or "")


async def test_an_address_that_does_not_answer_is_no_bad_certificate(tmp_path: Path) -> None:
    async with public_address(certificate(tmp_path), timedelta()) as port:
        pass
    found = await call("localhost", port)
    assert (found.is_refused, bool(found.fault)) == (False, True)


@pytest.mark.parametrize(
    ("urls", "place"),
    [
        ((), None),
        (("http://studio.example.org",), None),
        (("https://studio.example.org", "https://other.example.org"), ("studio.example.org", 443)),
        (("https://studio.example.org:8443",), ("studio.example.org", 8443)),
    ],
)
def test_only_a_public_https_address_is_called(
    settings: Settings, urls: tuple[str, ...], place: tuple[str, int] | None
) -> None:
    assert place_of(msgspec.structs.replace(settings, public_urls=urls)) == place


def test_a_folder_is_as_large_as_its_files_and_links_count_nothing_of_what_they_point_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "deep" / "er" / "b").write_bytes(b"x" * 234)
    (tmp_path / "deep" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert 1234 <= size_of(tmp_path) < 1400
    assert size_of(tmp_path / "nothing") == 0
