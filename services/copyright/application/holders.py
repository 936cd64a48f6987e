"""Who holds a work, as the registrations say."""

from uuid import UUID

from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.verify.events import fold


async def is_anothers(store: RegistrationStore, resource_id: UUID, person: str | None) -> bool:
    """Whether the resource is registered, and `person` is not its holder."""
    record = await store.of_resource(resource_id)
    if record is None:
        return False
    holder = fold(await store.events(record.id)).holder
    parties = await store.parties(record.id)
    return holder not in {each.commitment for each in parties if each.person == person}
