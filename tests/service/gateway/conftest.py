from collections.abc import Iterator

import pytest

from tests.service.gateway.door import Door, open_door


@pytest.fixture(scope="session")
def running_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(tmp_path_factory.mktemp("door")) as door:
        yield door


@pytest.fixture
def door(running_door: Door) -> Door:
    """The gateway, having seen nothing yet."""
    running_door.upstream.seen.clear()
    running_door.upstream.headers.clear()
    return running_door
