import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.copyright.verify.canonical import (
    NotCanonical,
    canonical,
    manifest_root,
    parse_canonical,
    subject_commitment,
    text_commitment,
    work_commitment,
)
from services.copyright.verify.leaf import DETAILS, MAX_LEAF_SIZE, Leaf, LeafMalformed, event_hash
from services.copyright.verify.merkle import SHA256
from tests.unit.copyright.samples import IDENTITY, SALT, event

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def test_the_standards_example_of_sorting_holds() -> None:
    # RFC 8785 §3.2.3: by UTF-16 code units, so an emoji comes before a letter of the last plane.
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    sorted_names = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(dict.fromkeys(names, 0)))) == sorted_names


def test_the_standards_example_of_strings_holds() -> None:
    # RFC 8785 §3.2.2.2.
    value = '\u20ac$\x0f\nA\'B"\\\\"/'
    assert canonical(value) == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


@settings(deadline=None)
@given(VALUES)
def test_a_canonical_text_reads_back_as_its_value(value: Any) -> None:
    try:
        data = canonical(value)
    except NotCanonical:
        assert any(0xD800 <= ord(each) < 0xE000 for each in json.dumps(value, ensure_ascii=False))
        return
    assert parse_canonical(data) == value


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**53, {1: 2}, b"", "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize(
    "text", ['{"b":1,"a":2}', '{"a": 1}', '{"a":1,"a":1}', "1.0", "01", "[1", '"\\u0041"', "NaN"]
)
def test_a_text_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        parse_canonical(text.encode())


def test_an_entry_reads_back_as_itself() -> None:
    data = event([])
    assert Leaf.parse(data).encode() == data
    assert event_hash(data) == SHA256.leaf(data).hex()


def altered(**changed: Any) -> bytes:
    return canonical({**json.loads(event([])), **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 3},
        {"v": 1},
        {"work_commitment": None},
        {"work_commitment": "x"},
        {"v": True},
        {"type": "registered"},
        {"type": "takedown.notice", "detail": {"text": "they copied me"}},
        {"type": "transfer.propose"},
        {"reg_id": "张三"},
        {"seq_in_reg": -1},
        {"seq_in_reg": 1},
        {"seq_in_reg": True},
        {"prev_event": "00"},
        {"digests": {"sha256": "0" * 64, "size": 1}},
        {"digests": None},
        {"resource_id": None},
        {"iscc": "a free text"},
        {"subject_commitment": "A" * 64},
        {"auth_context": {"method": "oidc", "assurance": "high", "session": None, "name": "x"}},
        {"auth_context": {"method": "Zhang San", "assurance": "high", "session": None}},
        {"claimed_at": "2026-11-22T08:00:00+08:00"},
        {"claimed_at": "2026-13-22T08:00:00Z"},
        {"detail": {"note": "free text"}},
        {"title": "第一课"},
    ],
)
def test_an_entry_with_a_field_out_of_form_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(LeafMalformed):
        Leaf.parse(altered(**changed))


def test_an_entry_of_the_first_version_is_read_as_ever() -> None:
    told = json.loads(event([]))
    del told["work_commitment"]
    data = canonical({**told, "v": 1})
    leaf = Leaf.parse(data)
    assert (leaf.v, leaf.work_commitment) == (1, None)
    assert leaf.encode() == data


def test_only_who_describes_a_work_commits_to_what_is_told_of_it() -> None:
    offer = json.loads(event([event([])], "licence.offer", rights_policy_sha256="0" * 64))
    assert offer["work_commitment"] is None
    with pytest.raises(LeafMalformed):
        Leaf.parse(canonical({**offer, "work_commitment": "0" * 64}))


def test_an_entry_is_neither_too_long_nor_of_another_shape() -> None:
    for data in (b" " * (MAX_LEAF_SIZE + 1), b"[]", b"{}", b"x", event([]) + b"\n"):
        with pytest.raises(LeafMalformed):
            Leaf.parse(data)


def test_an_entry_that_would_not_be_read_back_is_not_written() -> None:
    with pytest.raises(LeafMalformed, match="reg_id"):
        event([], reg_id="somebody")


def test_a_platforms_key_and_its_longest_successor_fit_into_an_entry() -> None:
    vkey = f"log.example/test+01234567+{'A' * 1752}"
    detail = {"vkey": vkey, "replaces": vkey[:70]}
    data = event([], "key.rotate", None, detail=detail)
    assert len(data) <= MAX_LEAF_SIZE
    assert set(DETAILS) >= {"key.rotate", "policy.publish", "log.continue", "audit.head"}


def test_a_commitment_hides_and_binds() -> None:
    committed = subject_commitment(SALT, IDENTITY)
    assert committed == subject_commitment(SALT, dict(reversed(list(IDENTITY.items()))))
    assert committed != subject_commitment(bytes(32), IDENTITY)
    assert committed != subject_commitment(SALT, IDENTITY | {"name": "李四"})
    file = {"path": "a", "sha256": "0" * 64, "sm3": "1" * 64, "size": 3}
    told = work_commitment(SALT, {"title": "x"}, [file])
    assert told != work_commitment(SALT, {"title": "y"}, [file])
    assert told != work_commitment(SALT, {"title": "x"}, [{**file, "path": "b"}])
    assert text_commitment(SALT, "x") != subject_commitment(SALT, {"x": "x"})
    with pytest.raises(NotCanonical):
        subject_commitment(b"short", IDENTITY)


def test_a_manifest_has_one_root_whatever_the_order_of_its_files() -> None:
    files = [
        {"path": path, "sha256": "0" * 64, "sm3": "1" * 64, "size": 3} for path in ("b", "a", "课")
    ]
    assert manifest_root(files) == manifest_root(files[::-1])
    assert manifest_root(files) != manifest_root(files[:2])
    leaves = [SHA256.leaf(canonical(files[place])) for place in (1, 0)]
    assert manifest_root(files[:2]) == SHA256.node(*leaves).hex()
