"""Provisioning over SCIM 2.0."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.personal_data import PersonalData
from services.identity.adapters.provisioning import ProvisioningRepository
from services.identity.application.scim import Provisioning
from services.identity.application.stores import OnDisable, OnErase, OpenStores, Revocations
from services.identity.routes.scim import PREFIX, ScimEndpoint, scim_router
from services.identity.settings import Settings
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class ScimPart(Part):
    """``erase`` forgets what clients called a person."""

    erase: OnErase


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    stores: OpenStores,
    personal: PersonalData,
    revocations: Revocations,
    on_disable: Sequence[OnDisable] = (),
) -> ScimPart:
    def store(connection: AsyncConnection) -> ProvisioningRepository:
        return ProvisioningRepository(connection, personal, runtime.clock)

    provisioning = Provisioning(
        runtime.new_uow, stores, store, runtime.clock, settings.minor_age, revocations, on_disable
    )

    @cache
    def endpoint() -> ScimEndpoint:
        # Imported here: the protocol's library takes a quarter of the start, and few clients ask.
        from services.identity.adapters import scim

        return scim.ScimEndpoint(provisioning, settings.public_origin + PREFIX)

    return ScimPart(routers=[scim_router(endpoint)], erase=provisioning.forget)
