"""JSON of statements and documents is kept to the last digit, or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.learning.domain.xapi import exact

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("a:b\\", max_size=3), inner)
    ),
    max_leaves=10,
)


@given(VALUES, st.booleans())
def test_what_is_written_is_read_again(value: Any, ascii_only: bool) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert exact.loads_once(written) == value
    assert exact.loads_once(exact.dumps(value)) == value
    assert type(exact.loads(written)) is type(value)


@given(st.dictionaries(st.text("a:b", max_size=3), st.integers(), min_size=1), st.data())
def test_a_member_that_stands_twice_is_refused_however_it_is_spelt(
    members: dict[str, int], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(members)))
    spelt = "".join(f"\\u{ord(each):04x}" for each in name)
    once = json.dumps(members)
    twice = f'{{"outer": [{once[:-1]}, "{spelt}": 1}}]}}'
    with pytest.raises(ValueError, match="stands twice"):
        exact.loads_once(twice.encode())


@pytest.mark.parametrize(
    "written",
    ["[" * 50_000, "[" * 1000 + "1" * 20 + "]" * 1000, "1e400", "1" * 400, "NaN", '"\\ud800"'],
    ids=["open", "deep", "exponent", "digits", "NaN", "surrogate"],
)
def test_what_cannot_be_kept_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"deep|depth|infinity|JSON|surrogate|unexpected"):
        exact.loads_once(written.encode())
