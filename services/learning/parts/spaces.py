from services.learning.adapters.allowed_applications import AllowedApplicationRepository
from services.learning.adapters.directory import DirectoryRepository
from services.learning.adapters.spaces import AnnouncementRepository, SpaceRepository
from services.learning.application.allowed_applications import AllowedApplications
from services.learning.application.spaces import Spaces
from services.learning.application.spaces_announcements import Announcements
from services.learning.routes.allowed_applications import allowed_applications_router
from services.learning.routes.spaces import announcements_router, spaces_router
from services.learning.settings import Settings
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


async def forget(uow: UnitOfWork, person: str) -> None:
    """What a person who is erased wrote in a space of their own goes; announcements stay, without
    their author."""
    await SpaceRepository(uow.connection).forget(person)


def build(runtime: Runtime, settings: Settings) -> Part:
    """Spaces of people and institutions, with announcements, resources, members, and the
    applications that are allowed there."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    new_uow, clock = runtime.new_uow, runtime.clock
    spaces = Spaces(new_uow, SpaceRepository, DirectoryRepository, clock)
    announcements = Announcements(
        new_uow, spaces, AnnouncementRepository, DirectoryRepository, clock
    )
    applications = AllowedApplications(new_uow, spaces, AllowedApplicationRepository, clock)
    return Part(
        routers=[
            spaces_router(spaces, cursors),
            announcements_router(announcements, cursors),
            allowed_applications_router(applications, cursors),
        ],
    )
