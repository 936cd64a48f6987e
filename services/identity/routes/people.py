from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.identity.application.duplicates import Duplicates
from services.identity.application.lifecycle import Lifecycle
from services.identity.application.memberships import Memberships
from services.identity.application.people import LIST, Invited, People
from services.identity.application.reach import MANAGE, READ
from services.identity.domain.grants import GrantBeyondReach, HolderUnfit
from services.identity.domain.identifiers import (
    IdentifierKind,
    IdentifierTaken,
    InvalidIdentifier,
    identify,
)
from services.identity.domain.people import (
    AccountBeyondReach,
    Action,
    MembershipDatesRefused,
    MembershipOverlaps,
    OrganisationNotJoinable,
    OwnAccount,
    Person,
    PersonActionRefused,
    State,
)
from services.identity.problems.people import PROBLEMS
from services.identity.schemas.organisations import Line, Reference
from services.identity.schemas.people import (
    AccountView,
    ChangePerson,
    DuplicateView,
    FindDuplicates,
    IdentifierView,
    InvitedPersonView,
    InvitePerson,
    PersonSummary,
    PersonView,
    PutIdentifier,
    StoredIdentifierView,
    TransferPerson,
)
from shared.access import Rule, guarded
from shared.context import worded
from shared.errors import (
    Forbidden,
    NotFound,
    PreconditionMalformed,
    PreconditionMissing,
    StaleVersion,
    Unauthenticated,
    Unavailable,
)
from shared.etags import IfMatch, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
CONDITIONAL = (*READING, PreconditionMalformed, PreconditionMissing, StaleVersion)
GOVERNING = (*CONDITIONAL, OwnAccount, AccountBeyondReach, PersonActionRefused)
JOINING = (OrganisationNotJoinable, MembershipDatesRefused, MembershipOverlaps)

READ_PERSON = Rule(READ.scope, READ.roles, own=True)
CHANGE_PERSON = Rule(MANAGE.scope, MANAGE.roles, own=True)

ACTIONS = {
    Action.SUSPEND: ("停用账号", "Nobody signs in to the account; its tokens are void at once."),
    Action.RESUME: (
        "恢复账号",
        "The account may be used again. Who left is given memberships and roles anew, after this.",
    ),
    Action.LEAVE: ("离开", "Memberships and roles end today, tokens are void; the history stays."),
    Action.ERASE: (
        "注销账号",
        "Profile, identifiers and credentials go for good; the code stays as a pseudonym, under "
        "which consents and the audit trail are kept. It follows leaving.",
    ),
}

Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]


def people_router(
    people: People,
    lifecycle: Lifecycle,
    memberships: Memberships,
    duplicates: Duplicates,
    cursors: Cursors,
) -> APIRouter:
    """Accounts, their identifiers and the actions of their life."""
    router = APIRouter(prefix="/identity/v1/people", tags=["people"])

    @router.post(
        "",
        status_code=201,
        summary="邀请人员",
        response_model=InvitedPersonView,
        responses=problems(*READING, *JOINING, IdentifierTaken, HolderUnfit),
        **guarded(MANAGE),
    )
    async def invite_person(body: InvitePerson, caller: Caller, once: Once) -> Response:
        """Create an account that the person activates with the invitation."""
        invited = people.invite(caller, body.person)
        return await once.answer(invited, InvitedPersonView.invited, 201, _invited)

    @router.get("", summary="人员列表", responses=problems(*READING, BadCursor), **guarded(LIST))
    async def list_people(
        organisation: Annotated[Reference, Query(description="Those at and below it.")],
        page: Limits,
        caller: Caller,
        state: State | None = None,
        q: Annotated[
            Line | None,
            Query(
                description="A whole name, a code, or an identifier that signs in.",
                examples=["李小雨"],
            ),
        ] = None,
    ) -> Page[PersonSummary]:
        """People in the order of the tree: class by class, the first of their places counting.
        Those who left come with `state=LEFT` only. Teachers list the classes that they hold a role
        at. Guardians see that a minor's name was read."""
        bound_to = {"list": "people", "organisation": organisation, "state": state, "q": q}
        after = None
        if page.cursor is not None:
            path, id_ = cursors.decode(page.cursor, bound_to)
            after = str(path), UUID(str(id_))
        found = await people.page(caller, organisation, state, q, page.limit, after)
        following = None
        if found.following is not None:
            place, last = found.following
            following = cursors.encode((place, str(last)), bound_to)
        return Page(items=[PersonSummary.of(each) for each in found.people], next=following)

    @router.post(
        "/duplicates",
        summary="查重",
        response_model=Page[DuplicateView],
        responses=problems(*READING),
        **guarded(MANAGE),
    )
    async def find_duplicates(body: FindDuplicates, caller: Caller, once: Once) -> Response:
        """Accounts that may be somebody's already, the surest first. Numbers are compared
        everywhere; mere namesakes are told within your reach. It is audited."""
        return await once.answer(
            duplicates.search(caller, body.probe),
            lambda found: Page(items=[DuplicateView.of(each) for each in found], next=None),
            200,
        )

    @router.get(
        "/{person_id}", summary="人员详情", responses=problems(*READING), **guarded(READ_PERSON)
    )
    async def read_person(person_id: UUID, caller: Caller, response: Response) -> PersonView:
        """For administrators of one of the person's organisations, the person, and guardians."""
        detail = await people.read(caller, person_id)
        response.headers["etag"] = etag(detail.person.version)
        return PersonView.describing(detail)

    @router.patch(
        "/{person_id}",
        summary="修改人员资料",
        responses=problems(*CONDITIONAL, PersonActionRefused, HolderUnfit),
        **guarded(CHANGE_PERSON),
    )
    async def change_person(
        person_id: UUID, body: ChangePerson, version: IfMatch, caller: Caller, response: Response
    ) -> PersonView:
        """Change the profile; people change a few fields of their own."""
        detail = await people.change(caller, person_id, version, body.changes)
        response.headers["etag"] = etag(detail.person.version)
        return PersonView.describing(detail)

    @router.get(
        "/{person_id}/identifiers",
        summary="人员标识",
        responses=problems(*READING),
        **guarded(READ_PERSON),
    )
    async def list_identifiers(person_id: UUID, caller: Caller) -> Page[IdentifierView]:
        """All of them, masked; one of a kind."""
        found = await people.identifiers(caller, person_id)
        return Page(items=[IdentifierView.of(each) for each in found], next=None)

    @router.put(
        "/{person_id}/identifiers/{kind}",
        summary="设置标识",
        responses=problems(*GOVERNING, InvalidIdentifier, IdentifierTaken, HolderUnfit),
        **guarded(MANAGE),
    )
    async def put_identifier(
        person_id: UUID,
        kind: IdentifierKind,
        body: PutIdentifier,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> StoredIdentifierView:
        """In place of the one of that kind; If-Match is the person's ETag."""
        try:
            key = identify(kind, body.value)
        except InvalidIdentifier as defect:
            told = worded(defect.detail, defect.detail_zh)
            errors = [{"pointer": "#/value", "detail": told}]
            raise InvalidIdentifier(defect.detail, zh=defect.detail_zh, errors=errors) from None
        person, identifier, doubts = await people.put_identifier(
            caller, person_id, version, key, body.verified
        )
        response.headers["etag"] = etag(person.version)
        return StoredIdentifierView.stored(identifier, doubts)

    @router.delete(
        "/{person_id}/identifiers/{kind}",
        status_code=204,
        summary="移除标识",
        responses=problems(*GOVERNING),
        **guarded(MANAGE),
    )
    async def remove_identifier(
        person_id: UUID, kind: IdentifierKind, version: IfMatch, caller: Caller, response: Response
    ) -> None:
        """If-Match is the person's ETag."""
        person = await people.drop_identifier(caller, person_id, version, kind)
        response.headers["etag"] = etag(person.version)

    @router.post(
        "/{person_id}/transfer",
        summary="转学或调动",
        response_model=AccountView,
        responses=problems(
            *CONDITIONAL, OwnAccount, PersonActionRefused, GrantBeyondReach, HolderUnfit, *JOINING
        ),
        **guarded(MANAGE),
    )
    async def transfer_person(
        person_id: UUID, body: TransferPerson, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Move a membership to another organisation on a day. The administrator covers both.
        Student, teacher and guardian roles go along; other roles there end."""
        moved = memberships.transfer(caller, person_id, version, body.wanted)
        return await once.answer(moved, AccountView.of, 200, _changed)

    def acting(action: Action) -> Callable[..., Awaitable[Response]]:
        async def act(person_id: UUID, version: IfMatch, caller: Caller, once: Once) -> Response:
            acted = lifecycle.act(caller, person_id, version, action)
            return await once.answer(acted, AccountView.of, 200, _changed)

        return act

    for action, (summary, description) in ACTIONS.items():
        router.post(
            f"/{{person_id}}/{action}",
            name=f"{action}_person",
            summary=summary,
            description=description,
            response_model=AccountView,
            responses=problems(*GOVERNING),
            **guarded(MANAGE),
        )(acting(action))

    return router


def _changed(person: Person) -> dict[str, str]:
    return {"etag": etag(person.version)}


def _invited(invited: Invited) -> dict[str, str]:
    person = invited.detail.person
    return {**_changed(person), "location": f"/identity/v1/people/{person.id}"}
