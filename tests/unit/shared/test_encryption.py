import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.encryption import KeyRing, Place, UndecryptableField

OLD, NEW = b"\x01" * 32, b"\x02" * 32
PLACE = Place("person", "id_number", "018f0000-0000-7000-8000-000000000001")


@given(st.text())
def test_a_field_decrypts_to_what_was_encrypted(plaintext: str) -> None:
    ring = KeyRing([NEW])
    assert ring.decrypt("name", ring.encrypt("name", plaintext, PLACE), PLACE) == plaintext


def test_equal_plaintexts_make_different_tokens() -> None:
    ring = KeyRing([NEW])
    assert ring.encrypt("name", "张三", PLACE) != ring.encrypt("name", "张三", PLACE)


def test_a_token_does_not_hold_its_plaintext() -> None:
    assert "张三".encode() not in KeyRing([NEW]).encrypt("name", "张三", PLACE)


def test_every_flipped_bit_of_a_token_is_noticed() -> None:
    ring = KeyRing([NEW])
    token = ring.encrypt("name", "张三", PLACE)
    for bit in range(len(token) * 8):
        damaged = bytearray(token)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UndecryptableField):
            ring.decrypt("name", bytes(damaged), PLACE)


def test_every_shortened_token_is_noticed() -> None:
    ring = KeyRing([NEW])
    token = ring.encrypt("name", "张三", PLACE)
    for length in range(len(token)):
        with pytest.raises(UndecryptableField):
            ring.decrypt("name", token[:length], PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        PLACE._replace(table="guardian"),
        PLACE._replace(column="phone"),
        PLACE._replace(row="018f0000-0000-7000-8000-000000000002"),
    ],
)
def test_a_token_moved_elsewhere_does_not_open(elsewhere: Place) -> None:
    ring = KeyRing([NEW])
    with pytest.raises(UndecryptableField, match="was not written there"):
        ring.decrypt("name", ring.encrypt("name", "张三", PLACE), elsewhere)


def test_a_token_of_one_purpose_does_not_open_for_another() -> None:
    ring = KeyRing([NEW])
    with pytest.raises(UndecryptableField):
        ring.decrypt("phone", ring.encrypt("name", "张三", PLACE), PLACE)


def test_after_rotation_old_tokens_open_and_ask_to_be_rewritten() -> None:
    token = KeyRing([OLD]).encrypt("name", "张三", PLACE)
    rotated = KeyRing([NEW, OLD])
    assert rotated.decrypt("name", token, PLACE) == "张三"
    assert rotated.needs_rewrap(token)
    assert not rotated.needs_rewrap(rotated.encrypt("name", "张三", PLACE))


def test_a_token_does_not_open_once_its_key_has_left_the_ring() -> None:
    token = KeyRing([OLD]).encrypt("name", "张三", PLACE)
    with pytest.raises(UndecryptableField, match="no key"):
        KeyRing([NEW]).decrypt("name", token, PLACE)


def test_a_search_hash_is_the_same_for_equal_values_alone() -> None:
    ring = KeyRing([NEW])
    assert ring.search_hash("phone", "13800138000") == ring.search_hash("phone", "13800138000")
    assert ring.search_hash("phone", "13800138000") != ring.search_hash("phone", "13800138001")
    assert len(ring.search_hash("phone", "13800138000")) == 32


def test_a_search_hash_of_one_purpose_says_nothing_about_another() -> None:
    ring = KeyRing([NEW])
    assert ring.search_hash("phone", "1") != ring.search_hash("id_number", "1")


def test_during_rotation_a_value_is_found_under_either_key() -> None:
    rotated = KeyRing([NEW, OLD])
    stored = {KeyRing([OLD]).search_hash("phone", "1"), KeyRing([NEW]).search_hash("phone", "1")}
    assert set(rotated.search_hashes("phone", "1")) == stored
    assert rotated.search_hashes("phone", "1")[0] == rotated.search_hash("phone", "1")


def test_keys_for_different_purposes_and_uses_differ() -> None:
    ring = KeyRing([NEW])
    assert len({ring.derive("cursors"), ring.derive("webhooks"), NEW}) == 3
    assert ring.derive("cursors") == KeyRing([NEW, OLD]).derive("cursors")
    assert len(ring.derive("cursors")) == 32


def test_a_ring_is_read_from_comma_separated_hex() -> None:
    ring = KeyRing.parse(f" {NEW.hex()},\n{OLD.hex()}, ")
    assert ring.derive("cursors") == KeyRing([NEW]).derive("cursors")
    assert len(ring.search_hashes("phone", "1")) == 2


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("ab" * 31, "64 hex digits"),
        ("ab" * 33, "64 hex digits"),
        ("zz" * 32, "64 hex digits"),
        (f"{NEW.hex()},{NEW.hex()}", "twice"),
    ],
)
def test_malformed_keys_are_refused_without_being_shown(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice) as caught:
        KeyRing.parse(text)
    assert "abab" not in str(caught.value)
    assert "zz" not in str(caught.value)


def test_a_ring_does_not_show_its_keys() -> None:
    ring = KeyRing([NEW, OLD])
    for key in (NEW, OLD):
        assert key.hex() not in repr(ring)
        assert str(key) not in repr(ring)


def test_an_error_does_not_show_the_plaintext() -> None:
    ring = KeyRing([NEW])
    with pytest.raises(UndecryptableField) as caught:
        ring.decrypt("name", ring.encrypt("name", "张三", PLACE)[:-1], PLACE)
    assert "张三" not in str(caught.value)
