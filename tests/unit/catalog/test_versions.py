"""Digests, differences and merge patches."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.domain.metadata import merged
from services.catalog.domain.resources import Attachment, Content, FileReference, FileRole
from services.catalog.domain.versions import canonical, differences, digest_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


def file(name: str = "课.pdf", digest: bytes = b"\1" * 32, **said: Any) -> Attachment:
    reference = FileReference(uuid4(), said.pop("role", FileRole.MAIN), **said)
    return Attachment(reference, digest, name, "application/pdf", 7)


# RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_standard_shows(target: Any, patch: Any, expected: Any) -> None:
    assert merged(target, patch) == expected


@settings(max_examples=40)
@given(OBJECTS)
def test_the_order_of_names_makes_no_difference_to_a_digest(told: dict[str, Any]) -> None:
    turned = dict(reversed(told.items()))
    assert canonical(told) == canonical(turned)
    assert digest_of(Content(told)) == digest_of(Content(turned))


@settings(max_examples=40)
@given(OBJECTS, OBJECTS)
def test_differences_lead_from_one_to_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = differences(Content(before), Content(after)).metadata
    assert bool(found) is (_without_nulls(before) != _without_nulls(after))


def _without_nulls(value: Any) -> Any:
    """An object that lacks a name is told like one that has null there."""
    if isinstance(value, dict):
        inner = {name: _without_nulls(each) for name, each in value.items()}
        return {name: each for name, each in inner.items() if each is not None}
    return value


def test_a_digest_rests_on_the_bytes_of_files() -> None:
    one, other = file(), file(digest=b"\2" * 32)
    assert digest_of(Content({}, [one])) != digest_of(Content({}, [other]))


def test_a_file_uploaded_again_with_the_same_bytes_is_the_same() -> None:
    assert digest_of(Content({}, [file()])) == digest_of(Content({}, [file()]))


def test_pointers_are_escaped() -> None:
    [found] = differences(Content({"a/b~": 1}), Content({})).metadata
    assert (found.pointer, found.before, found.after) == ("/a~1b~0", 1, None)


def test_files_are_added_removed_or_replaced() -> None:
    kept, gone, new = file("同.pdf"), file("旧.pdf"), file("新.pdf")
    changed = file("改.pdf"), file("改.pdf", b"\2" * 32)
    found = differences(Content({}, [kept, gone, changed[0]]), Content({}, [changed[1], new, kept]))
    assert [each["filename"] for each in found.added] == ["新.pdf"]
    assert [each["filename"] for each in found.removed] == ["旧.pdf"]
    assert [(a["filename"], b["filename"]) for a, b in found.replaced] == [("改.pdf", "改.pdf")]
