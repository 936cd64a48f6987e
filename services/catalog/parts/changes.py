from services.catalog.adapters.changes import ChangeReader
from services.catalog.routes.changes import changes_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


def build(runtime: Runtime, settings: Settings) -> Part:
    """The feed of changes."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    return Part(routers=[changes_router(ChangeReader(runtime.reader), cursors)])
