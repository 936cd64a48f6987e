import asyncio
import threading
import time

import pytest

from services.identity.application.hashing import HashingPoolFull, PasswordHashing

PASSWORD = "a heron stands in the river"


def pool(
    workers: int = 2, queue: int = 50, memory_kib: int = 8_192, iterations: int = 1
) -> PasswordHashing:
    return PasswordHashing(
        workers=workers, queue=queue, memory_kib=memory_kib, iterations=iterations
    )


async def test_a_password_matches_its_hash_and_no_other() -> None:
    with pool().seat() as seat:
        known = await seat.hash(PASSWORD)
        assert await seat.verify(known, PASSWORD)
        assert not await seat.verify(known, PASSWORD + " ")


async def test_the_hash_names_argon2id_and_its_parameters() -> None:
    with pool(memory_kib=19_456, iterations=2).seat() as seat:
        assert (await seat.hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_nobody_has_no_password_that_matches() -> None:
    with pool().seat() as seat:
        assert not await seat.verify(None, PASSWORD)


async def test_a_damaged_hash_matches_nothing() -> None:
    with pool().seat() as seat:
        assert not await seat.verify("$argon2id$v=19$m=8192,t=1,p=1$broken", PASSWORD)
        assert not await seat.verify("", PASSWORD)


async def test_a_hash_of_other_parameters_is_outdated_and_still_matches() -> None:
    with pool(iterations=1).seat() as seat:
        known = await seat.hash(PASSWORD)
    with pool(iterations=2).seat() as seat:
        assert seat.outdated(known)
        assert await seat.verify(known, PASSWORD)
        assert not seat.outdated(await seat.hash(PASSWORD))


async def test_a_full_pool_refuses_at_once_and_says_when_to_come_back() -> None:
    hashing = pool(workers=1, queue=1)
    with hashing.seat(), hashing.seat():
        before = time.perf_counter()
        with pytest.raises(HashingPoolFull) as refused, hashing.seat():
            pass
        assert time.perf_counter() - before < 0.005
        assert refused.value.retry_after > 0
    with hashing.seat() as seat:
        assert await seat.hash(PASSWORD)


async def test_a_seat_is_given_back_when_its_holder_goes_away() -> None:
    hashing = pool(workers=1, queue=0)

    async def hold() -> None:
        with hashing.seat() as seat:
            await seat.hash(PASSWORD)

    for _ in range(3):
        gone = asyncio.create_task(hold())
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    with hashing.seat() as seat:
        assert await seat.hash(PASSWORD)


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    hashing = pool(workers=2, queue=50, memory_kib=19_456, iterations=2)

    async def hash_one() -> None:
        with hashing.seat() as seat:
            await seat.hash(PASSWORD)

    work = asyncio.gather(*(hash_one() for _ in range(8)))
    ticks = 0
    while not work.done():
        await asyncio.sleep(0.001)
        ticks += 1
    await work
    assert ticks > 8
    assert sum(thread.name.startswith("argon2") for thread in threading.enumerate()) >= 2
