from datetime import UTC, datetime, timedelta

import pytest

from services.copyright.verify import timestamps
from services.copyright.verify.merkle import CannotCheck
from services.copyright.verify.timestamps import Timestamp, TimestampInvalid, verify_timestamp
from tests.unit.copyright.conftest import Authority

MESSAGE = b"log.example/test\n1\n"


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    return authority.stamp(MESSAGE)


@pytest.mark.parametrize(("digest", "name"), [("sha256", "SHA-256"), ("sm3", "SM3")])
def test_a_token_by_a_trusted_authority_tells_its_time(
    authority: Authority, digest: str, name: str
) -> None:
    response = authority.stamp(MESSAGE, digest)
    stamp = verify_timestamp(response, MESSAGE, authority.root, authority.chain)
    assert stamp.algorithm == name
    assert abs(datetime.now(UTC) - stamp.time) < timedelta(minutes=1)


def test_a_token_about_something_else_is_refused(token: bytes, authority: Authority) -> None:
    with pytest.raises(TimestampInvalid, match="something else"):
        verify_timestamp(token, b"another", authority.root, authority.chain)


def test_a_token_with_any_meaningful_byte_flipped_is_refused(
    token: bytes, authority: Authority
) -> None:
    stamp = Timestamp.parse(token)
    time = token.index(f"{stamp.time:%Y%m%d%H%M%S}Z".encode())
    places = [token.index(stamp.imprint), time + 3, time + 13, len(token) - 1]
    for at in places:
        damaged = token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        with pytest.raises(TimestampInvalid):
            verify_timestamp(damaged, MESSAGE, authority.root, authority.chain)


def test_a_token_by_a_stranger_stays_open(
    token: bytes, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("stranger")
    stranger = Authority(folder)
    root = ["-keyout", f"{folder}/key", "-out", f"{folder}/root.pem", "-subj", "/CN=other"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    stranger.openssl("req", "-x509", *curve, *root)
    with pytest.raises(CannotCheck, match="not among"):
        verify_timestamp(token, MESSAGE, stranger.root, authority.chain)
    with pytest.raises(TimestampInvalid, match="openssl refuses"):
        verify_timestamp(token, MESSAGE, stranger.root, stranger.root)
    with pytest.raises(CannotCheck, match="--trust"):
        verify_timestamp(token, MESSAGE, b"", authority.chain)


def test_a_certificate_that_has_expired_since_leaves_it_open(
    token: bytes, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(*given: object, at: datetime | None) -> bytes | None:
        return b"certificate has expired" if at is None else None

    monkeypatch.setattr(timestamps, "_fault", later)
    with pytest.raises(CannotCheck, match="later time-stamp"):
        verify_timestamp(token, MESSAGE, authority.root, authority.chain)


def test_openssl_refuses_a_token_once_its_certificates_have_expired(
    token: bytes, authority: Authority
) -> None:
    stamp = Timestamp.parse(token)
    later = stamp.time + timedelta(days=60)
    fault = timestamps._fault(token, stamp, authority.root, authority.chain, at=later)
    assert fault is not None
    assert b"expired" in fault


def test_a_digest_that_is_not_ours_leaves_it_open(authority: Authority) -> None:
    with pytest.raises(CannotCheck):
        Timestamp.parse(authority.stamp(MESSAGE, "sha384"))


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x03\x02\x01\x00", b"\x30\x84\xff\xff\xff\xff"]
)
def test_what_is_no_token_is_refused(data: bytes) -> None:
    with pytest.raises(TimestampInvalid):
        Timestamp.parse(data)
