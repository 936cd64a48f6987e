"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Mapping

from services.catalog.adapters.database import CatalogUnitOfWork
from shared.service import Handlers

HEARS: Mapping[str, Handlers[CatalogUnitOfWork]] = {
    "identity": {},
    "learning": {},
    "copyright": {},
}
