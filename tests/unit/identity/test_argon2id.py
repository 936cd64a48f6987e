from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher, Type
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.application.argon2id import Argon2id

MEMORY_KIB = 8_192
LIBRARY = PasswordHasher(1, MEMORY_KIB, 1, 32, 16, type=Type.ID)
OURS = Argon2id(memory_kib=MEMORY_KIB, iterations=1)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.text(max_size=4))
def test_it_says_what_the_library_says(password: str, ending: str) -> None:
    known = LIBRARY.hash(password)
    assert OURS.verify(known, password)
    assert OURS.verify(known, password + ending) == (ending == "")
    assert LIBRARY.verify(OURS.hash(password), password)


def test_hashes_with_other_parameters_are_the_librarys_and_outdated() -> None:
    older = Argon2id(memory_kib=2 * MEMORY_KIB, iterations=2).hash("heron")
    assert OURS.verify(older, "heron")
    assert not OURS.verify(older, "herons")
    assert OURS.outdated(older)
    assert not OURS.outdated(OURS.hash("heron"))


@pytest.mark.parametrize(
    "known",
    [
        "",
        "heron",
        "$argon2id$v=19$m=8192,t=1,p=1$broken",
        f"$argon2id$v=19$m={MEMORY_KIB},t=1,p=1${'A' * 21}$%",
        f"$argon2id$v=19$m={MEMORY_KIB},t=1,p=1${'!' * 22}${'!' * 43}",
    ],
)
def test_what_is_no_hash_is_nobodys(known: str) -> None:
    assert not OURS.verify(known, "heron")


def test_threads_do_not_share_memory() -> None:
    known = [OURS.hash(str(each)) for each in range(8)]
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda each: OURS.verify(known[each % 8], str(each % 8)), range(64))
        assert all(answers)
