from sqlalchemy import Index

from shared.tables import INSTANT, Ltree, service_metadata

__all__ = ["INSTANT", "METADATA", "Ltree"]

METADATA = service_metadata()

_audit = METADATA.tables["audit"].c
# Of a person is told what others did in their name.
Index(
    "ix_audit_on_behalf_of",
    _audit.on_behalf_of,
    _audit.id,
    postgresql_where=_audit.on_behalf_of.is_not(None),
)
# And what was done to something of theirs, a session or an authorization.
_person = _audit.facts["person"].astext
Index("ix_audit_person", _person, _audit.id, postgresql_where=_person.is_not(None))
