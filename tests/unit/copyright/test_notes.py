import re
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from services.copyright.domain.signing import (
    Cosigner,
    Ed25519Signer,
    MlDsa44Signer,
    NoteSigner,
    Sm2Signer,
)
from services.copyright.verify import signatures
from services.copyright.verify.merkle import SHA256, CannotCheck
from services.copyright.verify.notes import (
    Checkpoint,
    Note,
    NoteMalformed,
    NoteSignature,
    SignatureInvalid,
    VerifierKey,
    verify_note,
)
from services.copyright.verify.signatures import verify_ed25519, verify_ml_dsa_44, verify_sm2
from tests.unit.copyright.samples import LOG_KEY, NOW, ORIGIN, WITNESSES, private

# GB/T 32918.5 annex A: the standard's own SM2 signature over "message digest".
SM2_POINT = bytes.fromhex(
    "04"
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
SM2_SIGNATURE = bytes.fromhex(
    "3046022100F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "022100B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
# RFC 8032 §7.1, test 2.
ED25519_KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
ED25519_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
# The example of signed-note's reference implementation.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = str(Checkpoint(ORIGIN, 0, SHA256.empty()))


def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "libcrypto", lambda: None)


@pytest.mark.parametrize("program", [False, True])
def test_published_signatures_verify_with_the_library_and_with_the_program(
    monkeypatch: pytest.MonkeyPatch, program: bool
) -> None:
    if program:
        without_library(monkeypatch)
    assert verify_ed25519(ED25519_KEY, b"\x72", ED25519_SIGNATURE)
    assert not verify_ed25519(ED25519_KEY, b"\x73", ED25519_SIGNATURE)
    assert verify_sm2(SM2_POINT, b"message digest", SM2_SIGNATURE)
    assert not verify_sm2(SM2_POINT, b"message digesT", SM2_SIGNATURE)


def test_what_this_openssl_does_not_know_is_not_called_invalid() -> None:
    with pytest.raises(CannotCheck):
        verify_sm2(bytes(65), b"", SM2_SIGNATURE)


def test_without_any_openssl_nothing_is_called_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    without_library(monkeypatch)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotCheck, match="not installed"):
        verify_ed25519(ED25519_KEY, b"\x72", ED25519_SIGNATURE)


def test_a_verifier_key_reads_back_as_itself_though_its_base64_has_a_plus() -> None:
    key = VerifierKey.parse(VKEY)
    assert (key.name, key.id.hex(), str(key)) == ("PeterNeumann", "c74f20a3", VKEY)
    for seed in range(60):
        text = str(Ed25519Signer("a.example/b", private(seed)).key)
        assert str(VerifierKey.parse(text)) == text
        if text.count("+") > 2:
            return
    raise AssertionError("none of these keys has a + in its base64")


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+c74f20a3",
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("PeterNeumann", "Peter Neumann"),
        VKEY[:-4],
        VKEY.replace("+AR", "+Ah"),
        VKEY.replace("10TW", "10TX"),
    ],
)
def test_a_damaged_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteMalformed):
        VerifierKey.parse(vkey)


def test_every_kind_of_line_verifies_and_cosignatures_tell_their_time(sm2_key: bytes) -> None:
    signers: list[NoteSigner] = [
        LOG_KEY,
        Sm2Signer(ORIGIN, sm2_key),
        WITNESSES[0],
        MlDsa44Signer("m.example", MLDSA44PrivateKey.generate()),
    ]
    note = Note(TEXT, tuple(signer.sign(TEXT, NOW) for signer in signers))
    signed = verify_note(Note.parse(bytes(note)), [signer.key for signer in signers])
    assert list(signed.times.values()) == [None, None, NOW, NOW]
    for place, line in enumerate(note.signatures):
        for at in (0, 8, len(line.signature) - 1):
            wrong = bytearray(line.signature)
            wrong[at] ^= 1
            lines = list(note.signatures)
            lines[place] = NoteSignature(line.name, line.key_id, bytes(wrong))
            with pytest.raises(SignatureInvalid):
                verify_note(Note(TEXT, tuple(lines)), [signer.key for signer in signers])


def test_ml_dsa_is_left_open_where_neither_package_nor_openssl_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    without_library(monkeypatch)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotCheck):
        verify_ml_dsa_44(bytes(1312), b"", bytes(2420))


def test_lines_by_strangers_are_passed_over(note: Note) -> None:
    assert list(verify_note(note, [LOG_KEY.key]).times) == [LOG_KEY.key]
    namesake = Ed25519Signer(ORIGIN, private(9)).key
    with pytest.raises(SignatureInvalid, match="none"):
        verify_note(note, [namesake])


def test_a_cosignature_is_not_taken_for_a_plain_signature(note: Note) -> None:
    witness = WITNESSES[0]
    plain = Ed25519Signer(witness.name, witness.private)
    assert plain.key.id != witness.key.id
    line = NoteSignature.by(plain.key, witness.sign(note.text, NOW).signature[8:])
    with pytest.raises(SignatureInvalid):
        verify_note(Note(note.text, (line,)), [plain.key])


def test_a_cosignature_for_another_time_is_refused(note: Note) -> None:
    line = Cosigner("w", private(8)).sign(note.text, NOW)
    later = NoteSignature(line.name, line.key_id, (NOW + 1).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(SignatureInvalid):
        verify_note(Note(note.text, (later,)), [Cosigner("w", private(8)).key])


def test_a_note_reads_back_as_itself_with_blank_lines_in_its_text() -> None:
    text = "Ognuno sta solo\n\ned è subito sera.\n"
    note = Note(text, (LOG_KEY.sign(text, NOW),))
    assert Note.parse(bytes(note)) == note
    assert bytes(note.signed_also(note.signatures)) == bytes(note)


@pytest.mark.parametrize(
    "damage",
    [
        lambda note: note[:-1],
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note + b"trailing\n",
        lambda note: note.replace(b"\n\n", b"\r\n\n"),
        lambda note: note + b"\xff",
        lambda note: re.sub(b"=*\n$", b"!\n", note),
        lambda note: bytes(1 << 21),
    ],
)
def test_a_malformed_note_is_refused(note: Note, damage: object) -> None:
    assert callable(damage)
    with pytest.raises(NoteMalformed):
        Note.parse(damage(bytes(note)))


@pytest.mark.parametrize(
    "text",
    [
        "origin\n5\n",
        "origin\n05\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "origin\n-5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "origin\n5\n47DEQpj8HBSa\n",
        "origin\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
        "\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "origin\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "origin\n9223372036854775808\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        Checkpoint.parse(text)


def test_a_checkpoint_keeps_its_extension_lines() -> None:
    assert str(Checkpoint.parse(TEXT + "more\n")) == TEXT + "more\n"
