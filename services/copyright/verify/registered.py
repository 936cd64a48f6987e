"""The steps that ask what the record says: of whom, of which work, under which licence."""

from collections.abc import Mapping
from typing import Any

from services.copyright.verify.bundle import (
    CONTENT,
    DEPOSITS,
    DISCLOSURE,
    FACTS,
    HISTORY,
    ISCC,
    LEGAL_TEXT,
    LICENCE,
    MANIFEST,
    POLICY,
    RECORD,
    TRUST,
    BundleMalformed,
    member,
)
from services.copyright.verify.canonical import (
    SALT_SIZE,
    manifest_root,
    parse_canonical,
    parse_json,
    subject_commitment,
    work_commitment,
)
from services.copyright.verify.events import fold
from services.copyright.verify.evidence import Absent, Evidence, good, included, json_object
from services.copyright.verify.leaf import OFFERS_LICENCE, Leaf, event_hash, parties_of
from services.copyright.verify.merkle import SHA256, SM3, CannotCheck, sha256, sm3
from services.copyright.verify.notes import VerifierKey
from services.copyright.verify.policy import Policy
from services.copyright.verify.proof import LogProof
from services.copyright.verify.report import Finding

LEGAL_TEXTS: Mapping[str, str] = {
    "cc-by-4.0": "300406b2c10db55232b58869cd62484cf4750646ba9bd18b3b1844ea9f2619ba",
    "cc-by-nc-4.0": "3ca35653ad12280a8756d409c088ba5f58ac54b38215087e2a8a27906923d436",
    "cc-by-nc-nd-4.0": "988711a9b1085e753605fea32f8b80fee21a30c69d8bdfa713c18cf3bedfdf75",
    "cc-by-nc-sa-4.0": "2d7e856c2e0010d9182204a669653f8f01bd6654886e9e3d39625c9446bc73cd",
    "cc-by-nd-4.0": "e6006d038528d186dac6dfe114e61519b317690d40c2aecaa83dee63b572a7ed",
    "cc-by-sa-4.0": "814acdb6eb70a21eacf33784355b52d350b6ccd1947a6c2010d53944a15350f3",
    "cc0-1.0": "53bb8e32d39a94c56621f683202c46d59b599c10e43447b34bb21747fed6123d",
    "province-use": "b60c353558a2144ecf50114758c8800967af2138f793f7e149808cf66b43606a",
    "school-use": "0c6e9ea6f80e78fb908dfd7de0998b28b216b5eea7dea923d31c533736e442fe",
}
"""Templates of licences, each with the hex SHA-256 of its words as bundles enclose them."""


def details(evidence: Evidence) -> Finding:
    """What is told of the work, and of each of its files, is what the record commits to."""
    record = evidence.record()
    if record.work_commitment is None:
        if FACTS in evidence.members:
            raise BundleMalformed("the record commits to no facts, so none can be told with it")
        raise Absent("该记录未承诺登记事项", "a record of this age commits to no facts")
    if FACTS not in evidence.members:
        raise CannotCheck(f"the bundle has no {FACTS}: title, category and dates are not shown")
    told = json_object(evidence.members[FACTS], "details", "files", "salt")
    facts, files, salt = told["details"], told["files"], _salt(told["salt"])
    listed = isinstance(files, list) and all(isinstance(each, dict) for each in files)
    if not isinstance(facts, dict) or not listed:
        raise BundleMalformed(f"{FACTS} has other members")
    if work_commitment(salt, facts, files) != record.work_commitment:
        raise BundleMalformed("the record commits to other facts, files or salt")
    title = str(facts.get("title") or "–")
    return good(f"《{title}》等事项与登记一致", f"{title}: the facts are those that were logged")


def _salt(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * SALT_SIZE or text != text.lower():
        raise BundleMalformed(f"a salt is {SALT_SIZE} bytes in lower-case hex")
    return bytes.fromhex(text)


def disclosure(evidence: Evidence) -> Finding:
    """The identity told is that of a party: who registered, or whom the work was passed on to."""
    told = json_object(evidence.optional(DISCLOSURE), "identity", "salt")
    if not isinstance(told["identity"], dict):
        raise BundleMalformed("a disclosure is an identity and its salt")
    found = subject_commitment(_salt(told["salt"]), told["identity"])
    if found == evidence.record().subject_commitment:
        return good("身份与记录中的承诺一致", "the record commits to this identity")
    if found in parties_of(map(Leaf.parse, _entries(evidence))):
        return good("身份为本登记的另一方", "it is another party's of this registration")
    raise BundleMalformed("the record commits to another identity or salt")


def history(evidence: Evidence) -> Finding:
    """Every event of the registration is in the log, and follows from those before it."""
    names = evidence.in_folder(HISTORY)
    if not names:
        raise CannotCheck("no history is enclosed: what became of the registration is not shown")
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
        f"{state.length} 个事件前后相接，现状 {state.standing}",
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
    entries = _entries(evidence)
    events = [evidence.record(), *map(Leaf.parse, entries)]
    offering = [event for event in events if event.type in OFFERS_LICENCE]
    named = {event.rights_policy_sha256 for event in offering} - {None}
    if LICENCE not in evidence.members:
        if named:
            raise CannotCheck(f"a licence was logged, and the bundle has no {LICENCE}")
        raise Absent("登记未附许可", "no licence was logged")
    policy = evidence.members[LICENCE]
    if sha256(policy).hex() not in named:
        raise BundleMalformed("no event of the registration names this licence")
    told = parse_json(policy)
    template = str(told.get("edu:template")) if isinstance(told, dict) else ""
    if template in LEGAL_TEXTS:
        if LEGAL_TEXT not in evidence.members:
            raise CannotCheck(f"the bundle has no {LEGAL_TEXT}")
        if sha256(evidence.members[LEGAL_TEXT]).hex() != LEGAL_TEXTS[template]:
            raise BundleMalformed(f"the legal text is not that of {template}")
    elif LEGAL_TEXT in evidence.members:
        raise CannotCheck(f"this verifier does not know the words of {template}")
    offers = {event_hash(each) for each in entries if _names(each, policy)}
    if offers and offers <= fold(entries).revoked_offers:
        return good(
            "与登记一致；该许可已撤回，现不可再接受",
            "it is the licence that was logged; it was withdrawn, and nobody may agree to it now",
        )
    return good("许可及其文本与登记一致", "licence and legal text are those that were logged")


def _names(entry: bytes, policy: bytes) -> bool:
    return Leaf.parse(entry).rights_policy_sha256 == sha256(policy).hex()


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
        raise Absent("未附作品，可用 --work 指定文件", "no work is enclosed: name it with --work")
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
        f"回执所载为该作品，请向 {told_by} 核实",
        f"the receipts name the work; ask {told_by} whether they gave them",
    )


def iscc(evidence: Evidence) -> Finding:
    """The content code is the one in the record."""
    logged = evidence.record().iscc
    if ISCC not in evidence.members and logged is not None:
        raise CannotCheck(f"a content code was logged, and the bundle has no {ISCC}")
    told = json_object(evidence.optional(ISCC), "iscc")
    if logged is None or told["iscc"] != logged:
        raise BundleMalformed("the record has another ISCC, or none")
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
    return good(f"{len(set(keys))} 个，仅供参考", f"{len(set(keys))}, for information only")
