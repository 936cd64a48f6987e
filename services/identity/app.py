"""Composition root: builds the parts, in the order in which they rest on one another."""

from typing import NamedTuple

from fastapi import FastAPI

from services.identity.application.stores import OnDisable, OnErase
from services.identity.consumers import HEARS
from services.identity.domain import events_organisations, events_people, events_provider
from services.identity.parts import authentication, imports, organisations, people, provider, scim
from services.identity.problems import PROBLEMS
from services.identity.settings import Settings
from shared.command import Program
from shared.s3 import S3ObjectStore
from shared.service import Runtime, application

EVENTS = {**events_organisations.EVENTS, **events_people.EVENTS, **events_provider.EVENTS}


class Parts(NamedTuple):
    authentication: authentication.AuthenticationPart
    provider: provider.Provider
    organisations: organisations.OrganisationsPart
    people: people.PeoplePart
    imports: imports.ImportsPart
    scim: scim.ScimPart


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("identity", settings, HEARS)
    parts = build_parts(runtime, settings)
    for fetched in ("jwks", "revocations"):  # here they come from its own tables
        del runtime.tasks[fetched]
    return application(
        runtime,
        title="Shuyuan identity 统一身份",
        description="People, organisations, roles, consent, and the OpenID provider.",
        parts=parts,
        table=PROBLEMS,
    )


def build_parts(runtime: Runtime, settings: Settings) -> Parts:
    """Every part of the service, wired to the others."""
    revocations = provider.build_revocations(runtime)
    invitations = authentication.build_invitations(runtime, settings)
    pages = authentication.build_pages(settings, PROBLEMS)
    on_disable: list[OnDisable] = []
    on_erase: list[OnErase] = []
    persons = people.build(
        runtime,
        settings,
        revocations=revocations,
        issue_invitation=invitations.issue_invitation,
        on_disable=on_disable,
        on_erase=on_erase,
    )
    entrance = authentication.build(
        runtime,
        settings,
        directory=persons.directory,
        people=persons.stores,
        activate=persons.lifecycle.activate,
        revocations=revocations,
        invitations=invitations,
        pages=pages,
    )
    protocol = provider.build(
        runtime,
        settings,
        people=persons.directory,
        sessions=entrance.sessions,
        pages=pages,
        revocations=revocations,
        profile=entrance.profile,
    )
    provisioning = scim.build(
        runtime,
        settings,
        stores=persons.stores,
        personal=persons.personal,
        revocations=revocations,
        on_disable=on_disable,
    )
    on_disable.append(entrance.disable)
    on_erase += [entrance.erase, protocol.erase, provisioning.erase]
    objects = _objects(settings)
    return Parts(
        authentication=entrance,  # first: everybody signs in, and pages are tried in order
        provider=protocol,
        organisations=organisations.build(
            runtime, settings, on_close=[persons.close, protocol.clients.close]
        ),
        people=persons,
        imports=imports.build(
            runtime, settings, revocations=revocations, objects=objects, on_disable=on_disable
        ),
        scim=provisioning,
    )


def _objects(settings: Settings) -> S3ObjectStore:
    return S3ObjectStore(
        endpoint=settings.object_store_endpoint,
        origin=settings.object_store_origin,
        access_key=settings.object_store_access_key,
        secret_key=settings.object_store_secret_key.get_secret_value(),
        bucket=settings.object_store_bucket,
    )


PROGRAM = Program("identity", Settings.load, create_app, EVENTS)
