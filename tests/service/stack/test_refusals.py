"""What a server that somebody else runs refuses, people are told with the cure."""

import pytest

from stack import postgres, seaweed
from stack.errors import CannotStart
from tests.conftest import Stack


async def test_a_wrong_password_is_told_with_the_place_of_the_right_one(stack: Stack) -> None:
    url = f"{stack.postgres}/postgres".replace("//", "//postgres@", 1)
    with pytest.raises(
        CannotStart, match=r"refused its superuser.*SHUYUAN_STACK_POSTGRES_PASSWORD"
    ):
        await postgres.provision(url, "guess", {}, "SHUYUAN_STACK_POSTGRES_PASSWORD")


def test_a_wrong_key_is_told_with_the_cure(stack: Stack) -> None:
    with pytest.raises(CannotStart, match=r"refused to be prepared.*See the key\.$"):
        seaweed.make_buckets(stack.object_store, "someone", "guess", [], "See the key.")
