"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Mapping

from shared.inbox import Handlers

HEARS: Mapping[str, Handlers] = {
    "identity": {},
    "catalog": {},
    "learning": {},
    "copyright": {},
}
