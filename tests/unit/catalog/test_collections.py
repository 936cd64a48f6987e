"""What makes one list of references of another."""

from uuid import UUID, uuid4

from services.catalog.domain.collections import Changed, Item, item_differences

A, B, C = (Item(UUID(int=number)) for number in range(1, 4))


def test_equal_lists_do_not_differ() -> None:
    found = item_differences([A, B], [A, B])
    assert (found.added, found.removed, found.changed, found.reordered) == ([], [], [], False)


def test_what_came_and_what_went_is_told() -> None:
    found = item_differences([A, B], [B, C])
    assert (found.added, found.removed, found.reordered) == ([C], [A], False)


def test_another_pin_or_note_is_a_change_of_the_same_reference() -> None:
    pinned = Item(A.resource_id, 2)
    assert item_differences([A, B], [pinned, B]).changed == [Changed(A, pinned)]


def test_only_those_that_stayed_can_be_reordered() -> None:
    assert item_differences([A, B, C], [C, A, B]).reordered
    assert not item_differences([A, B], [Item(uuid4()), A, B]).reordered
