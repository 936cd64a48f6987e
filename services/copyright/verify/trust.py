"""Whom a verifier believes: log keys, a witness policy, time-stamp authorities.

They come from outside the bundle: from whoever runs the check, not from whoever is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.copyright.verify.bundle import POLICY, TRUST, read_folder
from services.copyright.verify.canonical import NotCanonical, parse_json
from services.copyright.verify.merkle import CannotCheck
from services.copyright.verify.notes import (
    Checkpoint,
    Note,
    NoteMalformed,
    SignatureInvalid,
    Signed,
    VerifierKey,
    verify_note,
)
from services.copyright.verify.policy import Policy, PolicyMalformed

_PEM = b"-----BEGIN CERTIFICATE-----"


class TrustMalformed(ValueError):
    """What was given as trust cannot be read as such; the message names the file."""


@dataclass(frozen=True)
class Trust:
    """`keys` are the logs' with, for a retired one, the last size it may have signed; `roots` the
    authorities' certificates in PEM. `asserted`: taken from the bundle itself."""

    keys: Mapping[VerifierKey, int | None]
    policy: Policy | None
    roots: bytes
    asserted: bool = False

    def signed(self, note: Note) -> tuple[Checkpoint, Signed]:
        """The checkpoint in a note that a log's trusted key signed.

        Raises `NoteMalformed`, `SignatureInvalid`, and `CannotCheck` where it is signed only in
        ways that this computer cannot check.
        """
        checkpoint = Checkpoint.parse(note.text)
        keys = [key for key in self.keys if key.name == checkpoint.origin]
        if not keys:
            raise CannotCheck(f"no key of {checkpoint.origin} was given: take the trust file anew")
        witnesses = self.policy.witnesses.values() if self.policy else ()
        # A wrong line of a known key rejects the note, whoever's it is.
        every = verify_note(note, [*keys, *witnesses])
        signed = Signed(
            {key: time for key, time in every.times.items() if key in keys},
            {key: why for key, why in every.unchecked.items() if key in keys},
        )
        if not signed.times and not signed.unchecked:
            raise SignatureInvalid("none of the trusted keys of the log signed this")
        for key in (*signed.times, *signed.unchecked):
            last_size = self.keys[key]
            if last_size is not None and checkpoint.size > last_size:
                raise SignatureInvalid(f"the key {key.id.hex()} was retired at size {last_size}")
        if not signed.times:
            raise CannotCheck("; ".join(signed.unchecked.values()))
        return checkpoint, signed


def load_trust(path: Path) -> Trust:
    """Trust from a folder of such files, or from one file: ``.json`` (as the platform's trust
    address answers), ``.pem`` (authorities), anything else a policy or verifier keys, one a line.

    Raises `TrustMalformed`, `OSError`.
    """
    files = read_folder(path) if path.is_dir() else {path.name: path.read_bytes()}
    return _collected(files)


def bundled_trust(members: Mapping[str, bytes]) -> Trust:
    """What a bundle says of itself: enough to find damage, not to believe it."""
    own = {n: d for n, d in members.items() if n.startswith(TRUST) or n == POLICY}
    found = _collected(own)
    chains = b"\n".join(data for data in members.values() if data.startswith(_PEM))
    return Trust(found.keys, found.policy, found.roots + chains, asserted=True)


def _collected(files: Mapping[str, bytes]) -> Trust:
    keys: dict[VerifierKey, int | None] = {}
    policy: Policy | None = None
    roots = b""
    for name, data in sorted(files.items()):
        try:
            if name.endswith(".json"):
                found = _of_json(data)
            elif _PEM in data:
                found = Trust({}, None, data)
            else:
                found = _of_text(data)
        except (NoteMalformed, PolicyMalformed, NotCanonical, TrustMalformed) as reason:
            raise TrustMalformed(f"{name}: {reason}") from None
        if policy and found.policy:
            raise TrustMalformed(f"{name}: a second witness policy")
        named = dict.fromkeys(found.policy.logs if found.policy else ())
        for key, last_size in (named | dict(found.keys)).items():
            keys[key] = keys.get(key) if last_size is None else last_size
        policy = policy or found.policy
        roots += found.roots + b"\n"
    return Trust(keys, policy, roots)


def _of_text(data: bytes) -> Trust:
    lines = [line.strip() for line in data.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if any(" " in line or "\t" in line for line in lines):
        return Trust({}, Policy.parse(data), b"")
    return Trust({VerifierKey.parse(line): None for line in lines}, None, b"")


def _of_json(data: bytes) -> Trust:
    """`{"keys": [{"vkey", "last_size"}], "policy", "timestamp_authorities": [{"certificate"}]}`;
    members beyond these inform people."""
    value = parse_json(data)
    try:
        keys = {VerifierKey.parse(each["vkey"]): each.get("last_size") for each in value["keys"]}
        policy = Policy.parse(value["policy"].encode()) if value.get("policy") else None
        roots = "\n".join(each["certificate"] for each in value.get("timestamp_authorities", []))
    except (AttributeError, KeyError, TypeError):
        raise TrustMalformed("not a trust file: it needs keys with their vkey") from None
    if not all(isinstance(size, int | None) for size in keys.values()):
        raise TrustMalformed("last_size is a number of entries")
    return Trust(keys, policy, roots.encode())
