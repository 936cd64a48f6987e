import json
from pathlib import Path

import pytest

from services.copyright.verify.trust import TrustMalformed, load_trust
from tests.unit.copyright.conftest import Authority
from tests.unit.copyright.samples import LOG_KEY, POLICY, SIBLING_KEY


def test_keys_policy_and_authorities_are_read_from_a_folder(
    tmp_path: Path, authority: Authority
) -> None:
    (tmp_path / "old.vkey").write_text(f"# our first key\n{SIBLING_KEY.key}\n")
    (tmp_path / "policy.txt").write_text(POLICY)
    (tmp_path / "tsa.pem").write_bytes(authority.root)
    trust = load_trust(tmp_path)
    assert set(trust.keys) == {LOG_KEY.key, SIBLING_KEY.key}
    assert trust.policy is not None
    assert authority.root in trust.roots
    assert not trust.asserted


def test_the_platforms_answer_is_read_with_its_retired_keys(
    tmp_path: Path, authority: Authority
) -> None:
    told = {
        "keys": [
            {"vkey": str(LOG_KEY.key), "valid_to": "2026-12-01T00:00:00Z", "last_size": 40},
            {"vkey": str(SIBLING_KEY.key)},
        ],
        "policy": POLICY,
        "timestamp_authorities": [{"name": "own", "certificate": authority.root.decode()}],
    }
    file = tmp_path / "trust.json"
    file.write_text(json.dumps(told))
    trust = load_trust(file)
    assert dict(trust.keys) == {LOG_KEY.key: 40, SIBLING_KEY.key: None}
    assert authority.root.strip() in trust.roots


def test_a_keys_retirement_is_not_forgotten_where_a_policy_names_it(tmp_path: Path) -> None:
    told = {"keys": [{"vkey": str(LOG_KEY.key), "last_size": 40}]}
    (tmp_path / "keys.json").write_text(json.dumps(told))
    (tmp_path / "policy.txt").write_text(POLICY)
    assert load_trust(tmp_path).keys[LOG_KEY.key] == 40


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trust.json", "{}"),
        ("trust.json", "[]"),
        ("trust.json", '{"keys":[{"vkey":"broken"}]}'),
        ("trust.json", '{"keys":[{}]}'),
        ("policy.txt", "quorum of some\n"),
        ("log.vkey", "broken\n"),
    ],
)
def test_trust_that_cannot_be_read_is_refused_with_its_file(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TrustMalformed, match=name):
        load_trust(tmp_path / name)


def test_two_policies_are_refused(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(POLICY)
    with pytest.raises(TrustMalformed, match="second"):
        load_trust(tmp_path)
