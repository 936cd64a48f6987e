"""Time-stamp tokens (RFC 3161), verified by the ``openssl`` program."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.copyright.verify.merkle import CannotCheck, sha256, sm3
from services.copyright.verify.signatures import first_line, run_openssl

_DIGESTS = {
    bytes.fromhex("608648016503040201"): ("SHA-256", sha256),
    bytes.fromhex("2a811ccf55018311"): ("SM3", sm3),  # GM/T 0006
}
_UNKNOWN = (b"unsupported", b"unknown", b"no such", b"missing signature algorithm")


class TimestampInvalid(ValueError):
    """The token is malformed, is about something else, or nobody trusted signed it."""


@dataclass(frozen=True)
class Timestamp:
    """What an authority says: the thing with this digest existed at `time`."""

    algorithm: str
    imprint: bytes
    time: datetime

    @classmethod
    def parse(cls, response: bytes) -> "Timestamp":
        """Read a DER TimeStampResp (RFC 3161 §2.4.2). Raises `TimestampInvalid`.

        Raises `CannotCheck` for a digest that is neither SHA-256 nor SM3.
        """
        try:
            (whole,) = _contents(response)
            _, token = _contents(whole)
            _, explicit = _contents(token)
            (signed_data,) = _contents(explicit)
            _, _, encapsulated, *_ = _contents(signed_data)
            _, explicit = _contents(encapsulated)
            (octets,) = _contents(explicit)
            (info,) = _contents(octets)
            _, _, imprint, _, time, *_ = _contents(info)
            algorithm, digest = _contents(imprint)
            oid, *_ = _contents(algorithm)
            moment = datetime.strptime(time.decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except (ValueError, IndexError):
            raise TimestampInvalid("this is no time-stamp response with a token") from None
        if oid not in _DIGESTS:
            raise CannotCheck("the time-stamp's digest is neither SHA-256 nor SM3")
        return cls(_DIGESTS[oid][0], digest, moment)


def verify_timestamp(response: bytes, message: bytes, roots: bytes, chain: bytes) -> Timestamp:
    """Check that a token is about `message` and leads to one of `roots`.

    `roots` and `chain` (what lies between) are PEM. Raises `TimestampInvalid`, and `CannotCheck`
    where the authority is not among the trusted, its certificates have expired since, or openssl
    lacks an algorithm.
    """
    stamp = Timestamp.parse(response)
    digest = next(function for name, function in _DIGESTS.values() if name == stamp.algorithm)
    if digest(message) != stamp.imprint:
        raise TimestampInvalid("the time-stamp is about something else")
    if not roots.strip():
        raise CannotCheck("no time-stamp authority is trusted: name its certificate with --trust")
    fault = _fault(response, stamp, roots, chain, at=None)
    if fault is None:
        return stamp
    if _fault(response, stamp, roots, chain, at=stamp.time) is None:
        raise CannotCheck(
            f"good when it was made, {stamp.time:%Y-%m-%d %H:%M:%SZ}, but its certificates have "
            "expired since; a later time-stamp over it is needed"
        )
    if chain.strip() and _fault(response, stamp, chain, chain, at=stamp.time) is None:
        raise CannotCheck("whole, but by an authority that is not among those you trust")
    if any(word in fault.lower() for word in _UNKNOWN):
        raise CannotCheck(f"this openssl does not know the algorithm: {first_line(fault)}")
    raise TimestampInvalid(f"openssl refuses the time-stamp: {first_line(fault)}")


def _fault(
    response: bytes, stamp: Timestamp, roots: bytes, chain: bytes, *, at: datetime | None
) -> bytes | None:
    """What ``openssl ts -verify`` says against the token; None where it accepts it."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"-in": response, "-CAfile": roots, "-untrusted": chain or roots}
        given = []
        for option, data in files.items():
            path = Path(folder, option)
            path.write_bytes(data)
            given += [option, str(path)]
        moment = [] if at is None else ["-attime", str(int(at.timestamp()))]
        digest = ["-digest", stamp.imprint.hex(), "-partial_chain"]
        done = run_openssl(["ts", "-verify", *given, *digest, *moment])
    return None if done.returncode == 0 else done.stderr or done.stdout


def _contents(der: bytes) -> list[bytes]:
    """What each of the elements that follow one another in `der` contains (X.690 §8.1).

    Raises `ValueError` or `IndexError` where `der` is something else.
    """
    found = []
    at = 0
    while at < len(der):
        size, start = der[at + 1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[at + 2 : start], "big")
        at = start + size
        if at > len(der):
            raise ValueError("an element ends outside")
        found.append(der[start:at])
    return found
