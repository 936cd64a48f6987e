"""The log's mathematics and formats against what others published, and against OpenSSL alone.

The vectors stand beside the checkout, in ``../shared/data/transparency``: RFC 6962 proofs of
transparency-dev/merkle and a log written by transparency-dev/tessera.
"""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.copyright.domain.signing import Sm2Signer, new_sm2_key
from services.copyright.domain.tree import Edge, grow
from services.copyright.verify.merkle import (
    SHA256,
    ProofInvalid,
    verify_consistency,
    verify_inclusion,
)
from services.copyright.verify.monitor import Audit, reader
from services.copyright.verify.notes import SM2_LABEL, Checkpoint, Note, VerifierKey
from services.copyright.verify.report import VALID
from services.copyright.verify.tiles import bundle_in, encode_entries
from services.copyright.verify.trust import Trust

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "transparency"
TESSERA = DATA / "tessera-log"
TESSERA_KEY = VerifierKey.parse(
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
)
SPELT = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
TESSERA_ENTRIES = [word.encode() for word in SPELT.split()]
SPKI = bytes.fromhex("302a300506032b6570032100")
SM2_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the published vectors are not beside this checkout"
)


def vectors(kind: str) -> list[Any]:
    paths = sorted((DATA / "merkle" / kind).rglob("*.json"))
    return [
        pytest.param(json.loads(path.read_text()), id=str(path.relative_to(DATA / "merkle" / kind)))
        for path in paths
    ]


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def accepted(kind: str, vector: dict[str, Any]) -> bool:
    proof = [decoded(each) for each in vector["proof"] or []]
    try:
        if kind == "inclusion":
            place = (vector["leafIdx"], vector["treeSize"])
            root = decoded(vector["root"])
            verify_inclusion(SHA256, *place, decoded(vector["leafHash"]), proof, root)
        else:
            roots = (decoded(vector["root1"]), decoded(vector["root2"]))
            verify_consistency(SHA256, vector["size1"], vector["size2"], *roots, proof)
    except ProofInvalid:
        return False
    return True


@needs_data
@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_published_inclusion_proofs_are_accepted_or_refused(vector: dict[str, Any]) -> None:
    assert accepted("inclusion", vector) is not vector["wantErr"]


@needs_data
@pytest.mark.parametrize("vector", vectors("consistency"))
def test_published_consistency_proofs_are_accepted_or_refused(vector: dict[str, Any]) -> None:
    assert accepted("consistency", vector) is not vector["wantErr"]


@needs_data
def test_all_the_published_vectors_are_there() -> None:
    assert len(vectors("inclusion")) == len(vectors("consistency")) == 98


@needs_data
@pytest.mark.parametrize("size", range(16))
def test_every_size_of_tesseras_log_is_audited_and_found_whole(size: int) -> None:
    read = reader(str(TESSERA))
    past = [(TESSERA / f"checkpoint.{n}").read_bytes() for n in range(size + 1)]
    audit = Audit(
        lambda path: read(f"checkpoint.{size}" if path == "checkpoint" else path),
        Trust({TESSERA_KEY: None}, None, b""),
        past,
    )
    assert audit.run().exit_code == VALID


@needs_data
def test_our_writer_makes_tesseras_tiles_bundles_and_roots_byte_for_byte() -> None:
    edge = Edge(0, ())
    for size, entry in enumerate(TESSERA_ENTRIES, 1):
        grown = grow(SHA256, edge, [SHA256.leaf(entry)])
        edge = grown.edge
        for tile, data in grown.tiles.items():
            assert (TESSERA / tile.path).read_bytes() == data
        bundle = (TESSERA / bundle_in(0, size).path).read_bytes()
        assert bundle == encode_entries(TESSERA_ENTRIES[:size])
        note = Note.parse((TESSERA / f"checkpoint.{size}").read_bytes())
        expected = Checkpoint(TESSERA_KEY.name, size, edge.root(SHA256))
        assert note.text == str(expected)


def openssl_verifies(
    folder: Path, key: bytes, message: bytes, signature: bytes, *options: str
) -> bool:
    for name, data in (("key", key), ("message", message), ("signature", signature)):
        (folder / name).write_bytes(data)
    given = ["-inkey", "key", "-in", "message", "-sigfile", "signature", *options]
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", *given]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


SM2_OPTIONS = ("-digest", "sm3", "-pkeyopt", "distid:1234567812345678")


@needs_data
def test_openssl_alone_verifies_a_checkpoint(tmp_path: Path) -> None:
    note = Note.parse((TESSERA / "checkpoint").read_bytes())
    [line] = note.signatures
    key = SPKI + TESSERA_KEY.key
    assert openssl_verifies(tmp_path, key, note.text.encode(), line.signature)
    assert not openssl_verifies(tmp_path, key, note.text.encode() + b"\n", line.signature)


def test_openssl_alone_verifies_the_standards_sm2_signature(tmp_path: Path) -> None:
    point = bytes.fromhex(
        "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    )
    signature = bytes.fromhex(
        "3046022100F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
        "022100B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
    )
    message = b"message digest"
    assert openssl_verifies(tmp_path, SM2_SPKI + point, message, signature, *SM2_OPTIONS)


def test_openssl_alone_verifies_our_sm2_line(tmp_path: Path) -> None:
    signer = Sm2Signer("log.example/sm3", new_sm2_key())
    text = str(Checkpoint("log.example/sm3", 0, bytes(32)))
    key = SM2_SPKI + signer.key.key.removeprefix(SM2_LABEL)
    signature = signer.sign(text, 0).signature
    assert openssl_verifies(tmp_path, key, text.encode(), signature, *SM2_OPTIONS)
    assert not openssl_verifies(tmp_path, key, b"another", signature, *SM2_OPTIONS)
