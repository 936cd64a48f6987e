from uuid import UUID

from services.learning.domain.directory import KnownResource, Standing
from services.learning.domain.references import Availability, Reference, flaws, outlook
from shared.ids import uuid7

LIVE, GONE, UNKNOWN = uuid7(), uuid7(), uuid7()
KNOWN = {
    LIVE: KnownResource(LIVE, "R", Standing.LIVE, 3, [1, 3]),
    GONE: KnownResource(GONE, "R", Standing.SUSPENDED, 2, [2]),
}


def found(*asked: tuple[UUID, int | None], held: tuple[Reference, ...] = ()) -> list[str]:
    references = [Reference(*each) for each in asked]
    return [f"{each.place} {each.member}" for each in flaws(references, held, KNOWN)]


def test_a_version_that_was_ever_published_may_be_pinned() -> None:
    assert found((LIVE, 1)) == []
    assert found((LIVE, None)) == []
    assert found((LIVE, 2)) == ["0 version"]


def test_what_is_taken_down_or_unknown_is_no_new_reference_but_may_stay() -> None:
    assert found((GONE, 2), (UNKNOWN, 1)) == ["0 resource_id", "1 resource_id"]
    kept = (Reference(GONE, 2), Reference(UNKNOWN, 1))
    assert found(*kept, held=kept) == []
    assert found((GONE, None), held=kept) == ["0 resource_id"]


def test_a_resource_is_there_once_even_in_two_versions() -> None:
    assert found((LIVE, 1), (LIVE, 3)) == ["1 resource_id"]


def test_only_a_live_resource_leads_anywhere() -> None:
    assert outlook(KNOWN[LIVE]) == (Availability.AVAILABLE, 3)
    assert outlook(KNOWN[GONE]) == (Availability.SUSPENDED, None)
    assert outlook(None) == (Availability.UNKNOWN, None)
