import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.copyright.bundle import legal_text
from services.copyright.domain.licences import TEMPLATES
from services.copyright.verify import single_file
from services.copyright.verify.bundle import (
    BundleMalformed,
    pack,
    read_folder,
    unpack,
    with_checksums,
)
from services.copyright.verify.canonical import canonical
from services.copyright.verify.checks import STEPS, check
from services.copyright.verify.cli import check_bundle, main
from services.copyright.verify.evidence import Evidence
from services.copyright.verify.merkle import CannotCheck, sha256
from services.copyright.verify.registered import LEGAL_TEXTS
from services.copyright.verify.report import INCOMPLETE, INVALID, VALID, Report, Verdict
from services.copyright.verify.trust import Trust
from tests.unit.copyright.samples import ISCC, LOG_KEY, REGISTRATION, SEAL_KEY, event, sealed

Members = Mapping[str, bytes]

SEALED = {"README.zh.txt", "certificate.pdf", "verify.html", "policy.txt"}
"""Members that mean nothing to the log: the seal over their checksums tells of a change."""


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def places(data: bytes, count: int) -> list[int]:
    """Some places in `data`, its first and its last byte among them."""
    step = max(1, (len(data) - 1) // count)
    return sorted({*range(0, len(data), step), len(data) - 1})


def verdicts(report: Report) -> dict[str, Verdict]:
    return {step.name: step.finding.verdict for step in report.steps}


def authenticated(data: bytes) -> bytes:
    """Up to the first signature line: a flip in a line's name or key id only makes it a stranger's,
    which is passed over as signed-note demands."""
    return data.partition("— ".encode())[0].rstrip(b"\n")


def test_a_whole_bundle_is_valid_in_every_step(members: Members, trust: Trust) -> None:
    report = check(Evidence(members, trust, pack(members)))
    assert set(verdicts(report).values()) == {Verdict.GOOD}, report.text()
    assert report.exit_code == VALID


def test_the_same_members_make_the_same_archive_whatever_their_order(members: Members) -> None:
    reordered = dict(reversed(list(members.items())))
    assert pack(reordered) == pack(members)
    assert unpack(pack(members)) == dict(members)
    assert list(unpack(pack(members)))[:2] == ["README.zh.txt", "certificate.pdf"]


def test_any_byte_of_the_archive_flipped_is_caught_as_damage(members: Members) -> None:
    archive = pack(members)
    for at in places(archive, 700):
        with pytest.raises(BundleMalformed):
            unpack(flipped(archive, at))


@pytest.mark.parametrize("sums", ["sm3sums", "sha256sums"])
def test_a_flipped_byte_of_any_member_is_caught_by_both_checksums(
    members: Members, sums: str
) -> None:
    step = STEPS[sums][2]
    for name in members.keys() - {"SM3SUMS", "SHA256SUMS", "seal"}:
        damaged = {**members, name: flipped(members[name], len(members[name]) // 2)}
        with pytest.raises(BundleMalformed, match=re.escape(name)):
            step(Evidence(damaged, Trust({}, None, b"")))


@pytest.mark.parametrize("name", ["SM3SUMS", "SHA256SUMS"])
def test_any_byte_of_a_checksum_file_flipped_is_caught(members: Members, name: str) -> None:
    step = STEPS[name.lower()][2]
    for at in places(members[name], 200):
        damaged = {**members, name: flipped(members[name], at)}
        with pytest.raises(BundleMalformed):
            step(Evidence(damaged, Trust({}, None, b"")))


FORGED = {
    "record.json": {"inclusion", "sm3-inclusion"},
    "disclosure.json": {"disclosure"},
    "details.json": {"details"},
    "proof.tlog-proof": {"checkpoint", "inclusion", "log-signature"},
    "sm3/proof.tlog-proof": {"sm3-inclusion", "sm3-signature"},
    "checkpoint": {"checkpoint"},
    "history/0000.json": {"history"},
    "history/0001.json": {"history"},
    "licence/policy.odrl.jsonld": {"licence"},
    "iscc.json": {"iscc"},
    "deposits/notary.json": {"deposits"},
    "content/第一课.txt": {"content"},
    f"trust/{LOG_KEY.key.id.hex()}.vkey": {"enclosed-keys"},
    f"trust/{SEAL_KEY.key.id.hex()}.vkey": {"enclosed-keys"},
}


@pytest.mark.parametrize("name", FORGED)
def test_a_change_with_checksums_made_anew_is_caught_by_the_step_that_it_is_about(
    members: Members, trust: Trust, name: str
) -> None:
    for at in places(authenticated(members[name]), 6):
        forged = sealed(with_checksums({**members, name: flipped(members[name], at)}))
        report = check(Evidence(forged, trust))
        assert FORGED[name] & set(report.failed()), (at, report.text())


def test_every_member_has_a_step_that_notices_its_forgery(members: Members) -> None:
    stamped = {name for name in members if name.startswith("timestamps/")}
    sums = {"SM3SUMS", "SHA256SUMS", "seal"}
    assert members.keys() - stamped - sums - SEALED == FORGED.keys()


def test_whatever_is_changed_by_others_than_the_platform_breaks_the_seal(
    members: Members, trust: Trust
) -> None:
    for name in members.keys() - {"SM3SUMS", "SHA256SUMS", "seal"}:
        changed = {**members, name: flipped(members[name], len(members[name]) // 2)}
        left_out = {each: data for each, data in members.items() if each != name}
        for forged in (changed, left_out):
            assert "seal" in check(Evidence(with_checksums(forged), trust)).failed(), name
    for at in places(authenticated(members["seal"]), 40):
        damaged = {**members, "seal": flipped(members["seal"], at)}
        assert verdicts(check(Evidence(damaged, trust)))["seal"] is not Verdict.GOOD


LEFT_OUT = {
    "seal": "seal",
    "details.json": "details",
    "history/": "history",
    "sm3/": "sm3-inclusion",
    "licence/": "licence",
    "iscc.json": "iscc",
}


@pytest.mark.parametrize("left_out", LEFT_OUT)
def test_what_was_left_out_makes_the_bundle_incomplete_at_its_step(
    members: Members, trust: Trust, left_out: str
) -> None:
    kept = {name: data for name, data in members.items() if not name.startswith(left_out)}
    kept = with_checksums(kept)
    report = check(Evidence(kept if left_out == "seal" else sealed(kept), trust))
    assert (report.exit_code, report.failed()) == (INCOMPLETE, ())
    assert verdicts(report)[LEFT_OUT[left_out]] is Verdict.UNCHECKED


def test_a_seal_by_a_key_that_nobody_named_is_incomplete(members: Members, trust: Trust) -> None:
    others = {key: size for key, size in trust.keys.items() if key != SEAL_KEY.key}
    report = check(Evidence(members, Trust(others, trust.policy, trust.roots)))
    assert report.exit_code == INCOMPLETE
    assert verdicts(report)["seal"] is Verdict.UNCHECKED


def test_a_content_code_that_was_never_logged_is_refused(members: Members) -> None:
    for told in (b"{}", canonical({"iscc": None}), canonical({"iscc": ISCC})):
        forged = {"record.json": event([], iscc=None), "iscc.json": told}
        with pytest.raises(BundleMalformed):
            STEPS["iscc"][2](Evidence(forged, Trust({}, None, b"")))


def test_other_words_than_the_licence_s_own_are_refused() -> None:
    policy = TEMPLATES["cc-by-4.0"].policy(REGISTRATION)
    record = event([], rights_policy_sha256=sha256(policy).hex())
    told = {"record.json": record, "licence/policy.odrl.jsonld": policy}
    words = "licence/legal-text.zh.txt"
    run, trust = STEPS["licence"][2], Trust({}, None, b"")
    assert run(Evidence({**told, words: legal_text("cc-by-4.0")}, trust)).verdict is Verdict.GOOD
    for other in (legal_text("cc-by-nc-4.0"), "任何人不得使用。".encode()):
        with pytest.raises(BundleMalformed):
            run(Evidence({**told, words: other}, trust))
    with pytest.raises(CannotCheck):
        run(Evidence(told, trust))


def test_the_verifier_knows_the_words_of_every_licence() -> None:
    assert {code: sha256(legal_text(code)).hex() for code in TEMPLATES} == LEGAL_TEXTS


def test_a_line_of_a_witness_that_is_wrong_is_refused_wherever_it_stands(
    members: Members, trust: Trust
) -> None:
    name = "history/0001.json"
    line = next(each for each in members[name].decode().split("\\n") if "witness.example/1" in each)
    wrong = line[:-6] + ("AAAAA=" if line[-6:] != "AAAAA=" else "BBBBA=")
    forged = {**members, name: members[name].decode().replace(line, wrong).encode()}
    assert check(Evidence(sealed(with_checksums(forged)), trust)).failed() == ("history",)


def test_a_witness_line_taken_out_leaves_too_few(members: Members, trust: Trust) -> None:
    forged = dict(members)
    for name in ("proof.tlog-proof", "checkpoint"):
        lines = members[name].decode().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("— witness.example/2")]
        forged[name] = "".join(kept).encode()
    report = check(Evidence(sealed(with_checksums(forged)), trust))
    assert report.failed() == ("witnesses",)


def test_a_forged_time_stamp_is_caught_by_its_step(members: Members, trust: Trust) -> None:
    for name in ("timestamps/sha256.tsr", "timestamps/sm3.tsr"):
        forged = sealed(with_checksums({**members, name: members[name][:-1] + b"\x00"}))
        assert check(Evidence(forged, trust)).failed() == ("timestamps",)


def test_a_bundle_without_a_time_stamp_is_incomplete(members: Members, trust: Trust) -> None:
    bare = {name: data for name, data in members.items() if not name.startswith("timestamps/")}
    assert check(Evidence(sealed(with_checksums(bare)), trust)).exit_code == INCOMPLETE


def test_a_bundle_that_vouches_for_itself_is_incomplete(members: Members, tmp_path: Path) -> None:
    (tmp_path / "evidence.zip").write_bytes(pack(members))
    report = check_bundle(tmp_path / "evidence.zip")
    assert report.exit_code == INCOMPLETE
    assert verdicts(report)["log-signature"] is Verdict.UNCHECKED
    assert "self-asserted" in report.text()
    assert "自证" in report.text()


@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "ascii"])
def test_a_verdict_is_told_in_any_encoding(
    members: Members, trust_folder: Path, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "evidence.zip").write_bytes(pack(members))
    (tmp_path / "verify.py").write_text(single_file.build(), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            str(tmp_path / "verify.py"),
            str(tmp_path / "evidence.zip"),
            "--trust",
            str(trust_folder),
        ],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == VALID, done.stderr
    if encoding == "gbk":
        assert "√ 签封" in done.stdout.decode("gbk")


def test_trust_without_a_key_of_the_log_leaves_the_bundle_unchecked(
    members: Members, trust: Trust
) -> None:
    stranger = Trust({}, trust.policy, trust.roots)
    report = check(Evidence(members, stranger))
    assert (report.exit_code, report.failed()) == (INCOMPLETE, ())
    assert verdicts(report)["log-signature"] is Verdict.UNCHECKED


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("— evil AAAAAAAA\n", Verdict.FAIL),
        (f"— {SEAL_KEY.key.name} AAAAAAAA\n", Verdict.UNCHECKED),
    ],
    ids=["of another", "of an unknown key"],
)
def test_a_line_added_to_the_seal_is_noticed(
    members: Members, trust: Trust, line: str, verdict: Verdict
) -> None:
    added = {**members, "seal": members["seal"] + line.encode()}
    assert verdicts(check(Evidence(added, trust)))["seal"] is verdict
    own = members["seal"].splitlines(keepends=True)[-1]
    doubled = {**members, "seal": members["seal"] + own}
    assert "seal" in check(Evidence(doubled, trust)).failed()


def test_a_retired_key_signs_nothing_beyond_its_last_size(members: Members, trust: Trust) -> None:
    retired = Trust(dict.fromkeys(trust.keys, 8), trust.policy, trust.roots)
    assert "log-signature" in check(Evidence(members, retired)).failed()


def test_another_file_is_not_the_registered_work(members: Members, trust: Trust) -> None:
    assert check(Evidence(members, trust, work=b"another")).failed() == ("content",)
    bare = {name: data for name, data in members.items() if not name.startswith("content/")}
    work = members["content/第一课.txt"]
    report = check(Evidence(with_checksums(bare), trust, work=work))
    assert verdicts(report)["content"] is Verdict.GOOD


def test_an_unpacked_bundle_is_checked_like_the_archive(
    members: Members, trust_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in members.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / ".hidden").write_bytes(b"of the system's")
    assert read_folder(tmp_path) == dict(members)
    assert main([str(tmp_path), "--trust", str(trust_folder)]) == VALID
    (tmp_path / "extra.txt").write_bytes(b"slipped in")
    assert main([str(tmp_path), "--trust", str(trust_folder)]) == INVALID
    assert "extra.txt" in capsys.readouterr().out


def test_the_single_file_says_what_the_package_says(
    members: Members, trust_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verifier = tmp_path / "verify.py"
    verifier.write_text(single_file.build())
    forged = with_checksums({**members, "record.json": flipped(members["record.json"], 30)})
    archives = {
        "whole": pack(members),
        "damaged": flipped(pack(members), 500),
        "forged": pack(forged),
    }
    for name, archive in archives.items():
        (tmp_path / name).write_bytes(archive)
        for trusted in ([], ["--trust", str(trust_folder)]):
            given = [str(tmp_path / name), "--json", *trusted]
            code = main(given)
            alone = subprocess.run(
                [sys.executable, "-I", "-S", str(verifier), *given],
                capture_output=True,
                check=False,
            )
            assert (alone.returncode, alone.stdout.decode()) == (code, capsys.readouterr().out)
            assert alone.stderr == b""


def test_the_single_file_needs_nothing_but_the_standard_library() -> None:
    source = single_file.build()
    assert "services.copyright" not in source
    assert single_file.build() == source
