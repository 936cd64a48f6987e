"""The evidence bundle as a file: one archive for the same members, whoever packs it."""

import io
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from services.copyright.verify.merkle import sha256, sm3

RECORD = "record.json"
PROOF = "proof.tlog-proof"
SM3_PROOF = "sm3/proof.tlog-proof"
CHECKPOINT = "checkpoint"
DISCLOSURE = "disclosure.json"
MANIFEST = "manifest.json"
POLICY = "policy.txt"
LICENCE = "licence/policy.odrl.jsonld"
LEGAL_TEXT = "licence/legal-text.zh.txt"
ISCC = "iscc.json"
HISTORY = "history/"
TIMESTAMPS = "timestamps/"
DEPOSITS = "deposits/"
TRUST = "trust/"
CONTENT = "content/"
FACTS = "details.json"
SEAL = "seal"
SHA256_SUMS = "SHA256SUMS"
SM3_SUMS = "SM3SUMS"

ORDER = (
    "README.zh.txt",
    "certificate.pdf",
    RECORD,
    DISCLOSURE,
    FACTS,
    MANIFEST,
    HISTORY,
    PROOF,
    SM3_PROOF,
    CHECKPOINT,
    TIMESTAMPS,
    DEPOSITS,
    POLICY,
    TRUST,
    "licence/",
    ISCC,
    "verify.py",
    "verify.html",
    CONTENT,
    SM3_SUMS,
    SHA256_SUMS,
    SEAL,
)
"""Members in the archive's order; a folder's are sorted by name."""

_SUMS: Mapping[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    SM3_SUMS: (sm3, (SM3_SUMS, SHA256_SUMS, SEAL)),
    SHA256_SUMS: (sha256, (SHA256_SUMS, SEAL)),
}
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP archive can say
_MODE = 0o100644 << 16
_UNIX = 3
_BROKEN = (
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class BundleMalformed(ValueError):
    """The archive or a member is not what an evidence bundle has; the message names it."""


def with_checksums(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members and their two checksum files, the SM3 one being covered by the SHA-256 one."""
    complete = dict(members)
    for name in (SM3_SUMS, SHA256_SUMS):
        complete[name] = "".join(f"{line}\n" for line in _sums(members, name)).encode()
        members = complete
    return complete


def _sums(members: Mapping[str, bytes], sums: str) -> list[str]:
    digest, uncovered = _SUMS[sums]
    covered = sorted(members.keys() - set(uncovered))
    return [f"{digest(members[name]).hex()}  {name}" for name in covered]


def faults_in_checksums(members: Mapping[str, bytes], sums: str) -> list[str]:
    """The members that the checksum file `sums` does not confirm. Empty: all are as packed.

    Raises `BundleMalformed` without that file.
    """
    told = member(members, sums).decode(errors="replace").split("\n")
    computed = [*_sums(members, sums), ""]
    if told == computed:
        return []
    return sorted({line[66:] or sums for line in set(told) ^ set(computed)}) or [sums]


def member(members: Mapping[str, bytes], name: str) -> bytes:
    """A member that must be there. Raises `BundleMalformed`."""
    if name not in members:
        raise BundleMalformed(f"the bundle has no {name}")
    return members[name]


def pack(members: Mapping[str, bytes]) -> bytes:
    """The archive of `members`: stored, in `ORDER`, without times. Raises `BundleMalformed`."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members, key=_place):
            info = zipfile.ZipInfo(name, _MOMENT)
            info.create_system, info.external_attr = _UNIX, _MODE
            archive.writestr(info, members[name])
    return written.getvalue()


def _place(name: str) -> tuple[int, str]:
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise BundleMalformed(f"no member may be named {name!r}")
    for place, expected in enumerate(ORDER):
        if name == expected or (expected.endswith("/") and name.startswith(expected)):
            return place, name
    raise BundleMalformed(f"a bundle has no member {name!r}")


def unpack(archive: bytes) -> dict[str, bytes]:
    """The members of an archive. Raises `BundleMalformed`, also for one that `pack` would write
    otherwise: then some byte of it is not as it was issued."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            if any(each.compress_type != zipfile.ZIP_STORED for each in opened.infolist()):
                raise BundleMalformed("a member is compressed; bundles are not")
            members = {each.filename: opened.read(each) for each in opened.infolist()}
    except BundleMalformed:
        raise
    except _BROKEN as reason:
        raise BundleMalformed(f"the archive is damaged: {reason}") from None
    if pack(members) != archive:
        raise BundleMalformed(
            "the archive is not as it was issued; if it was packed again, unpack it and check "
            "the folder"
        )
    return members


def read_folder(folder: Path) -> dict[str, bytes]:
    """The members of an unpacked bundle; hidden files and Python's caches are passed over."""
    return {name: path.read_bytes() for name, path in _files(folder)}


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(p.startswith(".") or p == "__pycache__" for p in parts):
            yield "/".join(parts), path
