"""The imports part alone, with an object store in memory, in a county with two schools."""

from collections.abc import Callable
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI

from services.identity.adapters.organisations import OrganisationRepository
from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import Kind, OfficialCodes, Organisation
from services.identity.parts import imports
from services.identity.settings import Settings
from shared.service import Runtime, application
from shared.testing.storage import FakeObjectStore
from tests.service.house import Token
from tests.service.identity.imports.desk import (
    SCHOOL_CODE,
    Desk,
    RecordedRevocations,
    Tree,
    administrator,
)


@pytest.fixture
def objects() -> FakeObjectStore:
    return FakeObjectStore()


@pytest.fixture
def revocations() -> RecordedRevocations:
    return RecordedRevocations()


@pytest.fixture
def build(
    objects: FakeObjectStore, revocations: RecordedRevocations
) -> Callable[[Settings], FastAPI]:
    def built(settings: Settings) -> FastAPI:
        runtime = Runtime("identity", settings, {})
        part = imports.build(runtime, settings, revocations=revocations, objects=objects)
        app = application(runtime, title="identity", description="", parts=[part], table=part.table)
        app.state.importer = part.importer
        return app

    return built


@pytest.fixture
async def tree(app: FastAPI) -> Tree:
    runtime = app.state.runtime
    organisations = Organisations(runtime.new_uow, OrganisationRepository, runtime.clock)
    province = await organisations.found_province("江苏省", "320000")
    caller = administrator(province)

    async def below(parent: Organisation, kind: Kind, name: str, **codes: str) -> Organisation:
        return await organisations.create(caller, parent.code, kind, name, OfficialCodes(**codes))

    county = await below(province, Kind.COUNTY, "玄武区")
    return Tree(
        province,
        county,
        await below(county, Kind.SCHOOL, "实验小学", school_code=SCHOOL_CODE),
        await below(county, Kind.SCHOOL, "第二小学", school_code="2132010002"),
    )


@pytest.fixture
def desk_of(
    app: FastAPI, client: httpx2.AsyncClient, objects: FakeObjectStore, token: Token
) -> Callable[[Organisation], Desk]:
    def desk(place: Organisation) -> Desk:
        grants = (f"administrator@{place.path}",)
        headers = token(str(uuid4()), "identity.import", grants)
        return Desk(client, objects, app.state.importer, headers)

    return desk


@pytest.fixture
def desk(tree: Tree, desk_of: Callable[[Organisation], Desk]) -> Desk:
    """The administrator of the school."""
    return desk_of(tree.school)
