"""Attachments that travel with statements, and signatures among them.

xAPI 1.0.3 part 2 §2.4.11, §2.6; IEEE 9274.1.1 §4.2.2.6, §4.2.6; JWS: RFC 7515.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence, Set
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from services.learning.domain.xapi import exact, statements
from services.learning.domain.xapi.contents import comparable, with_lists
from services.learning.domain.xapi.rules import Defect, Json
from services.learning.domain.xapi.values import MEDIA_TYPE, Version

SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
OCTETS = "application/octet-stream"
"""The type of a signature, and of a part that does not say what it is."""
_HASHES: Mapping[str, SHA256 | SHA384 | SHA512] = {
    "RS256": SHA256(),
    "RS384": SHA384(),
    "RS512": SHA512(),
}
_SHA2 = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


@dataclass(frozen=True, slots=True)
class Part:
    """One body part with an attachment's bytes, as ``X-Experience-API-Hash`` names it."""

    sha2: str
    content_type: str
    content: bytes


def check(
    found: Sequence[Json], parts: Sequence[Part], version: Version, at: Sequence[str]
) -> list[Defect]:
    """What is wrong with `parts` and with the attachments of the statements `found`, which stand
    at the pointers `at`: bytes that are missing, spoilt or asked for by none, bad signatures,
    parts of another type (1.0.3 part 3 §1.5.2).

    ``length`` is not compared: ADL's conformance suite wants one stored that differs.
    """
    defects: list[Defect] = []
    by_hash = {part.sha2.lower(): part for part in parts}
    for part in parts:
        algorithm = _SHA2.get(len(part.sha2))
        if algorithm is None or hashlib.new(algorithm, part.content).hexdigest() != (
            part.sha2.lower()
        ):
            defects.append(Defect("", f"The bytes of the part {part.sha2} have another SHA-2."))
        if MEDIA_TYPE.fullmatch(part.content_type) is None:
            defects.append(Defect("", f"The part {part.sha2} has no media type as Content-Type."))
    wanted: set[str] = set()
    for statement, pointer in zip(found, at, strict=True):
        for place, attachment in _attachments(statement, pointer):
            sha2 = attachment["sha2"].lower()
            wanted.add(sha2)
            held = by_hash.get(sha2)
            if attachment["usageType"] == SIGNATURE:
                content = None if held is None else held.content
                defects += _signature(statement, attachment, content, version, place)
            elif held is None and "fileUrl" not in attachment:
                defects.append(Defect(place, "Its bytes came neither as a part nor by a fileUrl."))
            elif held is not None and _kind(held.content_type) not in (
                OCTETS,
                _kind(attachment["contentType"]),
            ):
                defects.append(Defect(f"{place}/contentType", "Its part has another Content-Type."))
    defects += [
        Defect("", f"No statement has the attachment {sha2}.") for sha2 in by_hash.keys() - wanted
    ]
    return defects


def hashes_in(statement: Json) -> Set[str]:
    """The SHA-2 of every attachment of the statement, in lower case."""
    return {each["sha2"].lower() for _, each in _attachments(statement, "")}


def signatures_in(statement: Json) -> Set[str]:
    """Of these, those of signatures: each repeats the whole statement."""
    return {
        each["sha2"].lower()
        for _, each in _attachments(statement, "")
        if each["usageType"] == SIGNATURE
    }


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _attachments(statement: Json, at: str) -> list[tuple[str, Json]]:
    found = [
        (f"{at}/attachments/{i}", each) for i, each in enumerate(statement.get("attachments", ()))
    ]
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        found += _attachments(target, f"{at}/object")
    return found


def _signature(
    statement: Json, attachment: Json, jws: bytes | None, version: Version, at: str
) -> list[Defect]:
    if attachment["contentType"] != OCTETS:
        return [Defect(f"{at}/contentType", f"A signature is {OCTETS}.")]
    if jws is None:
        return [Defect(at, "The signature did not come as a part.")]
    try:
        signed = _verified(jws)
    except ValueError as error:
        return [Defect(at, str(error))]
    if statements.check(signed, version):
        return [Defect(at, "What is signed is no statement.")]
    if _unsigned(signed) != _unsigned(statement):
        return [Defect(at, "What is signed is another statement.")]
    return []


def _unsigned(statement: Json) -> Json:
    kept = deepcopy(statement)
    with_lists(kept)
    kept["attachments"] = [
        each for each in kept.get("attachments", ()) if each["usageType"] != SIGNATURE
    ]
    if not kept["attachments"]:
        del kept["attachments"]
    return comparable(kept)


def _verified(jws: bytes) -> Any:
    """The JSON that a compact JWS signs. Raises ValueError.

    Where the header carries its certificate (``x5c``), the signature must be the certificate's.
    """
    try:
        encoded_header, encoded_payload, encoded_signature = jws.decode("ascii").strip().split(".")
        header = orjson.loads(_decoded(encoded_header))
        payload = exact.loads_once(_decoded(encoded_payload))
        signature = _decoded(encoded_signature)
    except (UnicodeDecodeError, binascii.Error, ValueError):
        raise ValueError("This is no JSON web signature in compact form.") from None
    algorithm = _HASHES.get(str(header.get("alg"))) if type(header) is dict else None
    if algorithm is None:
        raise ValueError(f"A signature is {', '.join(_HASHES)}.")
    if "x5c" not in header:
        return payload
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("no RSA key")
        covered = f"{encoded_header}.{encoded_payload}".encode()
        key.verify(signature, covered, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, LookupError):
        raise ValueError("The signature does not verify with its certificate.") from None
    return payload


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
