"""The step that asks whether the bundle is the one that the platform issued, to the last member.

What a log cannot commit to, such as the certificate, made anew for each checkpoint, is bound so. It
says who packed the bundle and nothing of the work: that is for the other steps.
"""

from services.copyright.verify.bundle import SEAL, SHA256_SUMS, BundleMalformed, member
from services.copyright.verify.evidence import Absent, Evidence
from services.copyright.verify.merkle import CannotCheck, sha256
from services.copyright.verify.notes import Note, verify_note
from services.copyright.verify.report import Finding

SEAL_ORIGIN = "/evidence"
"""What the name of the sealing key adds to the log's."""


def sealed_text(name: str, digest: str) -> str:
    """What is signed: the key's name, and the hex SHA-256 of the bundle's SHA256SUMS."""
    return f"{name}\n{digest}\n"


def seal(evidence: Evidence) -> Finding:
    """A trusted key signed the list of all members, which the checksums compare with them."""
    if SEAL not in evidence.members:
        if evidence.record().v == 1:
            raise Absent("旧版证据包没有签封", "a bundle of this age has no seal")
        raise CannotCheck("the bundle has no seal: a member may have been left out or replaced")
    note = Note.parse(evidence.members[SEAL])
    name = note.text.partition("\n")[0]
    digest = sha256(member(evidence.members, SHA256_SUMS)).hex()
    if not name.endswith(SEAL_ORIGIN) or note.text != sealed_text(name, digest):
        raise BundleMalformed("the members are not those that were sealed")
    keys = [key for key in evidence.trust.keys if key.name == name]
    if not keys:
        raise CannotCheck(f"no key of {name} was given: take the trust file anew")
    signed = verify_note(note, keys)
    # Nothing else covers the seal: a line that no key vouches for was not there when it was issued.
    if any(line.name != name for line in note.signatures):
        raise BundleMalformed("the seal has a line that is not its key's")
    if len(note.signatures) > len({line.key_id for line in note.signatures}):
        raise BundleMalformed("the seal has a line twice")
    if {line.key_id for line in note.signatures} - {key.id for key in keys}:
        raise CannotCheck(f"the seal has a line of another key of {name}: take the trust file anew")
    if not signed.times:
        raise CannotCheck("; ".join(signed.unchecked.values()))
    return evidence.believed("成员与签发时一致", "the members are those that were issued")
