"""The steps that ask what the record says: of whom, of which work, under which licence."""

from typing import Any

from services.copyright.verify.bundle import (
    CONTENT,
    DEPOSITS,
    DISCLOSURE,
    HISTORY,
    ISCC,
    LICENCE,
    MANIFEST,
    POLICY,
    RECORD,
    TRUST,
    BundleMalformed,
    member,
)
from services.copyright.verify.canonical import manifest_root, parse_canonical, subject_commitment
from services.copyright.verify.events import fold
from services.copyright.verify.evidence import Absent, Evidence, good, included, json_object
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.merkle import SHA256, SM3, CannotCheck, sha256, sm3
from services.copyright.verify.notes import VerifierKey
from services.copyright.verify.policy import Policy
from services.copyright.verify.proof import LogProof
from services.copyright.verify.report import Finding


def disclosure(evidence: Evidence) -> Finding:
    """The identity told is the one that the record commits to."""
    told = json_object(evidence.optional(DISCLOSURE), "identity", "salt")
    if not isinstance(told["identity"], dict) or not isinstance(told["salt"], str):
        raise BundleMalformed("a disclosure is an identity and its salt")
    salt = bytes.fromhex(told["salt"])
    found = subject_commitment(salt, told["identity"])
    if salt.hex() != told["salt"] or found != evidence.record().subject_commitment:
        raise BundleMalformed("the record commits to another identity or salt")
    return good("身份与记录中的承诺一致", "the record commits to this identity")


def history(evidence: Evidence) -> Finding:
    """Every event of the registration is in the log, and follows from those before it."""
    names = evidence.in_folder(HISTORY)
    if not names:
        raise Absent("没有变更历史", "no history is enclosed")
    roots: dict[tuple[str, int], bytes] = {}
    for name in names:
        told = _past_event(evidence, name)
        entry = told["leaf"].encode()
        for tree_hash, text in ((SHA256, told["proof"]), (SM3, told["sm3_proof"])):
            if text is None:
                continue
            proof = LogProof.parse(text.encode())
            evidence.trust.signed(proof.checkpoint)
            found = included(tree_hash, proof, entry)
            if roots.setdefault((found.origin, found.size), found.root) != found.root:
                raise BundleMalformed(f"{name}: the log signed two roots at size {found.size}")
    entries = _entries(evidence)
    state = fold(entries)
    if member(evidence.members, RECORD) not in entries:
        raise BundleMalformed("the record is not in its own history")
    return evidence.believed(
        f"{state.length} 个事件前后相接,现状 {state.standing}",
        f"{state.length} events follow one another; it stands {state.standing}",
    )


def _past_event(evidence: Evidence, name: str) -> dict[str, Any]:
    told = json_object(evidence.members[name], "leaf", "proof", "sm3_proof")
    texts = (told["leaf"], told["proof"], told["sm3_proof"] or "")
    if not all(isinstance(text, str) for text in texts):
        raise BundleMalformed(f"{name} is not an entry and its proofs")
    return told


def _entries(evidence: Evidence) -> list[bytes]:
    names = evidence.in_folder(HISTORY)
    return [_past_event(evidence, name)["leaf"].encode() for name in names]


def licence(evidence: Evidence) -> Finding:
    """The licence is one that an event of the registration names."""
    found = sha256(evidence.optional(LICENCE)).hex()
    events = [evidence.record(), *map(Leaf.parse, _entries(evidence))]
    if found not in [event.rights_policy_sha256 for event in events]:
        raise BundleMalformed("no event of the registration names this licence")
    return good("许可文本与登记一致", "it is the licence that was logged")


def content(evidence: Evidence) -> Finding:
    """The work, enclosed or named by whoever checks, is the registered one."""
    described = {
        name.removeprefix(CONTENT): _described(evidence.members[name])
        for name in evidence.in_folder(CONTENT)
    }
    registered = evidence.record()
    manifest = _manifest(evidence, registered)
    if described and registered.manifest_root is not None:
        if manifest_root([d | {"path": p} for p, d in described.items()]) != (
            registered.manifest_root
        ):
            raise BundleMalformed("the enclosed files are not those of the registered work")
    elif described and list(described.values()) != [registered.digests]:
        raise BundleMalformed("the enclosed file is not the registered work")
    known = [*manifest, *described.values(), registered.digests]
    if evidence.work is not None and known == [None]:
        raise CannotCheck("the work has several files, and the bundle does not list them")
    if evidence.work is not None and _described(evidence.work) not in known:
        raise BundleMalformed("the file named with --work is not the registered work")
    if not described and evidence.work is None:
        raise Absent("未附作品,可用 --work 指定文件", "no work is enclosed: name it with --work")
    return good("作品与登记的摘要一致", "the work is the registered one")


def _manifest(evidence: Evidence, registered: Leaf) -> list[dict[str, Any]]:
    """The digests of a work's several files, without their paths; none where no list is given."""
    if MANIFEST not in evidence.members:
        return []
    files = parse_canonical(evidence.members[MANIFEST])
    keys = {"path", "sha256", "sm3", "size"}
    if not isinstance(files, list) or not all(
        isinstance(each, dict) and each.keys() == keys for each in files
    ):
        raise BundleMalformed(f"{MANIFEST} is not a list of files")
    if manifest_root(files) != registered.manifest_root:
        raise BundleMalformed("the record has the root of another manifest")
    return [{key: each[key] for key in keys - {"path"}} for each in files]


def _described(data: bytes) -> dict[str, Any]:
    return {"sha256": sha256(data).hex(), "sm3": sm3(data).hex(), "size": len(data)}


def deposits(evidence: Evidence) -> Finding:
    """The receipts of other evidence platforms are about the registered work. Whether they gave
    them, those platforms alone can say."""
    names = evidence.in_folder(DEPOSITS)
    if not names:
        raise Absent("没有第三方存证回执", "no receipt of another platform is enclosed")
    registered = evidence.record()
    of_one_file = registered.digests and registered.digests["sha256"]
    for name in names:
        told = json_object(evidence.members[name], "digest", "receipt")
        if told["digest"] != (of_one_file or registered.manifest_root):
            raise BundleMalformed(f"{name} is about another work")
        if told["digest"] not in str(told["receipt"]).lower():
            raise BundleMalformed(f"the receipt in {name} does not name the work")
    told_by = ", ".join(name.removeprefix(DEPOSITS).removesuffix(".json") for name in names)
    return good(
        f"回执所载为该作品,请向 {told_by} 核实",
        f"the receipts name the work; ask {told_by} whether they gave them",
    )


def iscc(evidence: Evidence) -> Finding:
    """The content code is the one in the record."""
    told = parse_canonical(evidence.optional(ISCC))
    if not isinstance(told, dict) or told.get("iscc") != evidence.record().iscc:
        raise BundleMalformed("the record has another ISCC")
    return good("内容标识码与登记一致", "it is the code that was logged")


def enclosed_keys(evidence: Evidence) -> Finding:
    """The keys that the bundle tells are whole. Whether to believe them is not asked here."""
    names = [name for name in evidence.in_folder(TRUST) if name.endswith(".vkey")]
    keys = [
        VerifierKey.parse(line)
        for name in names
        for line in evidence.members[name].decode(errors="replace").split("\n")
        if line
    ]
    if POLICY in evidence.members:
        keys += Policy.parse(evidence.members[POLICY]).logs
    if not keys:
        raise Absent("未附公钥", "no keys are enclosed")
    return good(f"{len(set(keys))} 个,仅供参考", f"{len(set(keys))}, for information only")
