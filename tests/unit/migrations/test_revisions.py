import pytest
from alembic.script import ScriptDirectory

from migrations.__main__ import config_of
from migrations.revisions import reason
from shared.services import SERVICES


def scripts(service: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(config_of(service))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_until_its_database_has_been_migrated(service: str) -> None:
    known = scripts(service)
    assert reason(None, known) == "its database has no tables yet"
    [newest] = known.get_heads()
    for each in known.walk_revisions():
        assert bool(reason(each.revision, known)) is (each.revision != newest)


def test_a_service_that_comes_back_during_an_upgrade_does_not_wait() -> None:
    assert not reason("29991231_of_tomorrow", scripts("identity"))
