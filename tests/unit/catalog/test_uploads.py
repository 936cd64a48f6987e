from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from services.catalog.application.uploads_claims import check, fits
from services.catalog.domain.uploads import (
    MIB,
    MOST_PARTS,
    TRANSITIONS,
    UNKNOWN,
    Action,
    Announcement,
    Method,
    State,
    Upload,
    UploadClosed,
    UploadDefective,
    part_size,
    quota_holders,
)
from shared.storage import PART_MINIMUM_BYTES, Part

NOW = datetime(2026, 9, 1, tzinfo=UTC)
PDF = "application/pdf"


def announced(size: int = 1000, filename: str = "课件.pdf", media_type: str = PDF) -> Announcement:
    return Announcement(filename, media_type, size, bytes(32), None)


def upload(size: int) -> Upload:
    return Upload.open(UUID(int=1), "ada", announced(size), NOW, timedelta(days=7))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (8 * MIB, 8 * MIB),
        (512 * MIB, 8 * MIB),
        (512 * MIB + 1, 9 * MIB),
        (1 << 30, 16 * MIB),
        (4 << 30, 16 * MIB),
        (1 << 40, 105 * MIB),
    ],
)
def test_parts_are_8_to_16_mib_unless_there_were_too_many(size: int, expected: int) -> None:
    assert part_size(size) == expected
    assert part_size(size) >= PART_MINIMUM_BYTES
    assert -(-size // part_size(size)) <= MOST_PARTS


def test_below_8_mib_a_file_comes_in_one_piece() -> None:
    small, large = upload(8 * MIB - 1), upload(8 * MIB)
    assert (small.method, small.part_count) == (Method.SINGLE, 1)
    assert (large.method, large.part_count) == (Method.MULTIPART, 1)


@pytest.mark.parametrize("size", [1, 8 * MIB, 8 * MIB + 1, 100 * MIB + 7, 4 << 30])
def test_slots_cover_the_file_without_gap_or_overlap(size: int) -> None:
    slots = upload(size).slots(1, MOST_PARTS)
    assert [slot.number for slot in slots] == list(range(1, len(slots) + 1))
    assert slots[0].offset == 0
    for one, next_ in pairwise(slots):
        assert next_.offset == one.offset + one.length
    assert slots[-1].offset + slots[-1].length == size


def test_only_parts_of_the_right_length_count() -> None:
    whole, last = 8 * MIB, 5
    arrival = upload(2 * whole + last).arrival(
        [
            Part(1, "broken", 0),
            Part(1, "first", whole),
            Part(1, "broken", 0),
            Part(2, "longer", whole + 1),
            Part(4, "stray", whole),
        ]
    )
    assert [part.etag for part in arrival.parts] == ["first"]
    assert [slot.number for slot in arrival.missing] == [2, 3]
    assert [part.etag for part in arrival.wrong] == ["longer", "stray"]


def test_of_a_part_sent_twice_the_later_counts() -> None:
    parts = [Part(1, "first", 8 * MIB), Part(1, "second", 8 * MIB)]
    assert [part.etag for part in upload(8 * MIB).arrival(parts).parts] == ["second"]


def test_a_part_of_which_the_store_cannot_tell_the_later_is_uncertain_and_sent_again() -> None:
    arrival = upload(8 * MIB).arrival([Part(1, UNKNOWN, 8 * MIB), Part(1, "broken", 5)])
    assert (arrival.parts, arrival.uncertain, arrival.wrong) == ([], [1], [])
    assert [slot.number for slot in arrival.missing] == [1]


@pytest.mark.parametrize("state", State)
def test_an_upload_moves_along_the_table_alone(state: State) -> None:
    given = replace(upload(1000), state=state)
    steps: Mapping[Action, Callable[[], Upload]] = {
        Action.COMPLETE: lambda: given.completed(NOW),
        Action.ABORT: given.aborted,
        Action.EXPIRE: given.expired,
        Action.CLEAR: given.cleared,
        Action.REFUSE: lambda: given.refused([{"code": "macro"}]),
    }
    assert steps.keys() == set(Action)
    for action, step in steps.items():
        expected = TRANSITIONS.get((state, action))
        if expected is None:
            with pytest.raises(UploadClosed):
                step()
        else:
            assert (step().state, step().version) == (expected, 2)


def test_a_final_state_has_no_way_out() -> None:
    left = {state for state, _ in TRANSITIONS}
    assert left == {State.OPEN, State.COMPLETED, State.AVAILABLE}


def test_an_organisation_keeps_its_quota_when_it_moves() -> None:
    before, after = quota_holders("ada", "P1.C1.S1"), quota_holders("ada", "P1.C2.S1")
    assert before == after == ["organisation:S1", "person:ada"]
    assert quota_holders("ada", None) == ["person:ada"]


@pytest.mark.parametrize(
    ("filename", "media_type"),
    [
        ("课件.pdf", PDF),
        ("COURSE.PDF", "application/pdf; charset=binary"),
        ("课件.pptx", "application/octet-stream"),
        ("笔记.md", "text/plain"),
        ("song.mp3", "audio/mp3"),
    ],
)
def test_known_formats_are_taken(filename: str, media_type: str) -> None:
    check(announced(filename=filename, media_type=media_type), 1000)


@pytest.mark.parametrize(
    ("announcement", "pointer"),
    [
        (announced(size=0), "#/size"),
        (announced(size=-1), "#/size"),
        (announced(size=1001), "#/size"),
        (announced(filename="课件"), "#/filename"),
        (announced(filename="pdf"), "#/filename"),
        (announced(filename="课件.exe"), "#/filename"),
        (announced(filename="../课件.pdf"), "#/filename"),
        (announced(filename="..\\课件.pdf"), "#/filename"),
        (announced(filename="课件\n.pdf"), "#/filename"),
        (announced(filename=" 课件.pdf"), "#/filename"),
        (announced(filename="\u202efdp.pdf"), "#/filename"),
        (announced(media_type="image/png"), "#/media_type"),
    ],
)
def test_what_cannot_be_taken_is_told_with_its_place(
    announcement: Announcement, pointer: str
) -> None:
    with pytest.raises(UploadDefective) as refused:
        check(announcement, 1000)
    [defect] = refused.value.members["errors"]
    assert defect["pointer"] == pointer


def test_a_name_must_be_that_of_the_content_found() -> None:
    given = upload(1000)
    assert fits(given, PDF)
    assert not fits(given, "image/png")
