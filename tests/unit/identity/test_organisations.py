import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings

from services.identity.application.organisations_ports import Change
from services.identity.domain.events_organisations import OrganisationMoved
from services.identity.domain.organisations import (
    CODE_PREFIX,
    INSTITUTIONS,
    PARENTS,
    TRANSITIONS,
    CodesRefused,
    Kind,
    KindNotAllowedThere,
    MoveIntoItself,
    OfficialCodes,
    Organisation,
    OrganisationClosed,
    State,
    StillInUse,
    label_of,
)
from shared.errors import DomainError, Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal
from tests.unit.identity.organisations import (
    GOOD_CREDIT_CODE,
    GOOD_SCHOOL_CODE,
    NOW,
    House,
    Operation,
    assert_is_a_tree,
    caller,
    operations,
    play,
)


def organisation(kind: Kind, parent: Organisation | None = None) -> Organisation:
    if kind is Kind.PROVINCE:
        return Organisation.province(uuid7(), "陕西省", "610000", NOW)
    return Organisation.under(parent, uuid7(), kind, "某机构", OfficialCodes(), NOW)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def province(house: House) -> Organisation:
    return await house.organisations.found_province("陕西省", "610000")


@pytest.fixture
def admin(province: Organisation) -> Principal:
    return caller(f"administrator@{province.path}")


PROVINCE = organisation(Kind.PROVINCE)
CITY = organisation(Kind.CITY, PROVINCE)
SCHOOL = organisation(Kind.SCHOOL, CITY)


@pytest.mark.parametrize("kind", Kind)
def test_the_short_code_and_the_label_of_a_kind_begin_with_its_letter(kind: Kind) -> None:
    parents = {None: None, Kind.PROVINCE: PROVINCE, Kind.SCHOOL: SCHOOL}
    parents[Kind.GRADE] = organisation(Kind.GRADE, SCHOOL)
    parent = next((parents[each] for each in parents if each in PARENTS[kind]), None)
    made = organisation(kind, parent)
    assert made.code.startswith(CODE_PREFIX[kind] + "-")
    assert made.path.endswith(label_of(made.code))


@pytest.mark.parametrize("kind", sorted(INSTITUTIONS))
@pytest.mark.parametrize("parent", [None, PROVINCE, CITY, SCHOOL])
def test_an_institution_stands_anywhere_and_at_the_root(
    kind: Kind, parent: Organisation | None
) -> None:
    assert organisation(kind, parent).parent_id == (parent and parent.id)


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (Kind.CITY, None),
        (Kind.SCHOOL, None),
        (Kind.CITY, SCHOOL),
        (Kind.CLASS, SCHOOL),
        (Kind.GRADE, CITY),
        (Kind.STUDIO, organisation(Kind.COMPANY)),
    ],
)
def test_a_kind_stands_only_under_those_that_the_table_allows(
    kind: Kind, parent: Organisation | None
) -> None:
    with pytest.raises(KindNotAllowedThere):
        organisation(kind, parent)


def test_no_chain_of_kinds_comes_back_to_itself() -> None:
    above: set[Kind | None] = set()
    while rising := {kind for kind in PARENTS if PARENTS[kind] - {None} <= above} - above:
        above |= rising
    assert above == set(Kind)


def test_a_second_province_is_not_made_like_other_organisations() -> None:
    with pytest.raises(KindNotAllowedThere):
        Organisation.under(None, uuid7(), Kind.PROVINCE, "甘肃省", OfficialCodes(), NOW)


def test_every_defect_of_the_official_codes_is_told_at_once() -> None:
    with pytest.raises(CodesRefused) as caught:
        OfficialCodes("990000", "123", "1").of(Kind.SCHOOL)
    assert [each["pointer"] for each in caught.value.members["errors"]] == [
        "#/division_code",
        "#/school_code",
        "#/credit_code",
    ]


def test_official_codes_are_kept_in_canonical_form() -> None:
    codes = OfficialCodes(None, "３１６１０００００１", GOOD_CREDIT_CODE.lower())
    assert codes.of(Kind.SCHOOL) == OfficialCodes(None, GOOD_SCHOOL_CODE, GOOD_CREDIT_CODE)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(Kind.PROVINCE, "610100"), (Kind.CITY, "610102"), (Kind.COUNTY, "610100")],
)
def test_a_division_code_is_one_of_its_level(kind: Kind, code: str) -> None:
    with pytest.raises(CodesRefused):
        OfficialCodes(code).of(kind)


def test_a_division_code_begins_like_the_one_above() -> None:
    tibet = Organisation.province(uuid7(), "西藏自治区", "540000", NOW)
    city = Organisation.under(PROVINCE, uuid7(), Kind.CITY, "西安市", OfficialCodes("610100"), NOW)
    fitting, foreign = OfficialCodes("610102"), OfficialCodes("110101")
    county = Organisation.under(city, uuid7(), Kind.COUNTY, "新城区", fitting, NOW)
    with pytest.raises(CodesRefused, match="begins with 6101"):
        Organisation.under(city, uuid7(), Kind.COUNTY, "东城区", foreign, NOW)
    with pytest.raises(CodesRefused, match="begins with 6101"):
        county.changed("东城区", foreign, city)
    with pytest.raises(CodesRefused, match="begins with 54"):
        county.moved(tibet)
    assert county.changed("东城区", OfficialCodes(), city).moved(tibet).parent_id == tibet.id


def test_nothing_is_put_under_a_closed_organisation() -> None:
    with pytest.raises(OrganisationClosed):
        organisation(Kind.SCHOOL, CITY.closed(NOW))
    with pytest.raises(OrganisationClosed):
        SCHOOL.moved(PROVINCE.closed(NOW))


def test_nothing_more_happens_to_a_closed_organisation() -> None:
    closed = SCHOOL.closed(NOW)
    changes: tuple[Callable[[], Organisation], ...] = (
        lambda: closed.changed("新名", OfficialCodes()),
        lambda: closed.moved(PROVINCE),
        lambda: closed.closed(NOW),
    )
    for change in changes:
        with pytest.raises(OrganisationClosed):
            change()
    assert not [action for state, action in TRANSITIONS if state is State.CLOSED]


def test_an_organisation_does_not_move_below_itself() -> None:
    with pytest.raises(MoveIntoItself):
        CITY.moved(organisation(Kind.COUNTY, CITY))
    with pytest.raises(MoveIntoItself):
        CITY.moved(CITY)


async def test_the_province_is_founded_once(house: House, province: Organisation) -> None:
    assert await house.organisations.found_province("陕西", "610000") == province
    assert len(house.tree.rows) == 1
    assert [each.change for each in house.tree.remembered] == [Change.CREATED]


async def test_an_administrator_adds_below_and_nobody_else(
    house: House, province: Organisation, admin: Principal
) -> None:
    add = house.organisations.create
    city = await add(admin, province.code, Kind.CITY, "西安市", OfficialCodes("610100"))
    assert city.path == f"{province.path}.{city.label}"
    for stranger in (caller(), caller(f"teacher@{province.path}"), caller("administrator@P0")):
        with pytest.raises(Forbidden):
            await add(stranger, province.code, Kind.CITY, "宝鸡市", OfficialCodes())
    city_admin = caller(f"administrator@{city.path}")
    with pytest.raises(Forbidden):
        await add(city_admin, province.code, Kind.CITY, "宝鸡市", OfficialCodes())


async def test_institutions_at_the_root_are_looked_after_by_the_province(
    house: House, admin: Principal
) -> None:
    company = await house.organisations.create(
        admin, None, Kind.COMPANY, "某出版社", OfficialCodes()
    )
    await house.organisations.change(admin, company.code, 1, "某某出版社", {})
    with pytest.raises(Forbidden):
        await house.organisations.create(
            caller(f"administrator@{company.path}"), None, Kind.COMPANY, "另一家", OfficialCodes()
        )


async def test_whoever_moves_an_organisation_administers_both_places(
    house: House, province: Organisation, admin: Principal
) -> None:
    add = house.organisations.create
    here = await add(admin, province.code, Kind.CITY, "西安市", OfficialCodes())
    there = await add(admin, province.code, Kind.CITY, "宝鸡市", OfficialCodes())
    school = await add(admin, here.code, Kind.SCHOOL, "一中", OfficialCodes())
    local = caller(f"administrator@{here.path}")
    with pytest.raises(Forbidden):
        await house.organisations.move(local, school.code, 1, there.code)
    moved = await house.organisations.move(admin, school.code, 1, there.code)
    assert moved.path == f"{there.path}.{school.label}"
    told = house.events[-1]
    assert isinstance(told, OrganisationMoved)
    assert (told.old_path, told.path) == (school.path, moved.path)


async def test_a_change_is_made_to_what_was_read(
    house: House, province: Organisation, admin: Principal
) -> None:
    organisations, code = house.organisations, province.code
    await organisations.change(admin, code, 1, "陕西", {})
    with pytest.raises(StaleVersion):
        await organisations.change(admin, code, 1, "秦", {})
    with pytest.raises(StaleVersion):
        await organisations.close(admin, code, 1, below=False)


async def test_a_change_that_changes_nothing_leaves_no_trace(
    house: House, province: Organisation, admin: Principal
) -> None:
    same = await house.organisations.change(admin, province.code, 1, "陕西省", {})
    assert same == province
    assert len(house.events) == len(house.tree.remembered) == 1


async def test_the_history_of_a_change_holds_what_differs(
    house: House, province: Organisation, admin: Principal
) -> None:
    await house.organisations.change(admin, province.code, 1, "陕西", {})
    assert house.tree.remembered[-1].before == {"name": "陕西省"}
    assert house.tree.remembered[-1].after == {"name": "陕西"}


async def test_an_organisation_with_members_is_not_closed(
    house: House, province: Organisation, admin: Principal
) -> None:
    city = await house.organisations.create(
        admin, province.code, Kind.CITY, "西安市", OfficialCodes()
    )
    house.tree.members[city.id] = 3
    with pytest.raises(StillInUse) as caught:
        await house.organisations.close(admin, province.code, 1, below=True)
    assert caught.value.members == {"open_below": 1, "members": 3}


async def test_what_is_below_is_closed_only_when_that_is_meant(
    house: House, province: Organisation, admin: Principal
) -> None:
    city = await house.organisations.create(
        admin, province.code, Kind.CITY, "西安市", OfficialCodes()
    )
    with pytest.raises(StillInUse):
        await house.organisations.close(admin, province.code, 1, below=False)
    await house.organisations.close(admin, province.code, 1, below=True)
    assert house.tree.rows[city.id].state is State.CLOSED


async def test_what_may_be_done_is_told_to_those_who_may(
    house: House, province: Organisation, admin: Principal
) -> None:
    read = house.organisations.get
    assert (await read(admin, province.code)).actions == ["add_below", "change", "close"]
    assert not (await read(caller(), province.code)).actions
    await house.organisations.close(admin, province.code, 1, below=False)
    assert not (await read(admin, province.code)).actions


@pytest.mark.parametrize(
    ("made", "actions"),
    [
        (SCHOOL, ["add_below", "change", "move", "close"]),
        (organisation(Kind.COMPANY), ["change", "move", "close"]),
    ],
)
def test_what_may_be_done_depends_on_the_kind(made: Organisation, actions: list[str]) -> None:
    assert made.actions == actions


async def test_an_unknown_organisation_is_not_found(house: House, admin: Principal) -> None:
    with pytest.raises(NotFound):
        await house.organisations.get(admin, str(uuid7()))


@given(operations)
@settings(max_examples=60, deadline=None)
def test_whatever_is_attempted_the_tree_stays_a_tree(steps: list[Operation]) -> None:
    async def attempt() -> None:
        house = House()
        organisations = house.organisations
        root = await organisations.found_province("陕西省", "610000")
        admin = caller(f"administrator@{root.path}")
        for step in steps:
            before = dict(house.tree.rows)
            try:
                await play(organisations, admin, list(before.values()), step)
            except DomainError:
                assert house.tree.rows == before
            assert_is_a_tree(house.tree.rows.values())

    asyncio.run(attempt())
