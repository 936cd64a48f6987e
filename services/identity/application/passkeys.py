"""Passkeys (W3C Web Authentication Level 2): registered, and answered with.

A challenge is put to one browser, is known to the database until it expires, and is taken out with
the first answer to it, right or wrong.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy.ext.asyncio import AsyncConnection
from webauthn.helpers import parse_client_data_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.identity.application.accounts import CredentialReader, NamesOfPeople
from services.identity.application.second_factors import SecondFactors
from services.identity.application.sessions import digest
from services.identity.domain.second_factors import PasskeyRefused, PasskeysUnavailable
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.ids import uuid7

CHALLENGE_LIFE = timedelta(minutes=10)
CHALLENGE_BYTES = 32
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Passkey:
    """A registered credential. ``synced`` ones may be on several devices."""

    id: UUID
    person_id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int
    synced: bool
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """Whose passkey answered, and by which methods of RFC 8176."""

    person_id: UUID
    amr: tuple[str, ...]


class PasskeyStore(Protocol):
    async def add_challenge(self, challenge: bytes, bound_to: bytes, until: datetime) -> None: ...

    async def take_challenge(self, challenge: bytes, bound_to: bytes, now: datetime) -> bool:
        """Remove a challenge; says whether it was there and still good."""
        ...

    async def add(self, passkey: Passkey) -> bool:
        """Says whether the credential was new."""
        ...

    async def by_credential(self, credential_id: bytes) -> Passkey | None:
        """The passkey, locked until the transaction ends."""
        ...

    async def used(self, passkey_id: UUID, sign_count: int, now: datetime) -> None: ...

    async def remove(self, person_id: UUID, passkey_id: UUID) -> bool: ...

    async def credential_ids(self, person_id: UUID) -> Sequence[bytes]: ...


class Passkeys:
    """``bound_to`` is the cookie of the browser that a challenge is put to. Every method raises
    `PasskeysUnavailable` where the origin is an IP address (§5.1.2: an RP ID is a domain)."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Callable[[AsyncConnection], PasskeyStore],
        reader: CredentialReader,
        names: NamesOfPeople,
        second_factors: SecondFactors,
        origin: str,
        platform: str,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._reader = reader
        self._names = names
        self._second_factors = second_factors
        self._origin = origin
        self._host = urlsplit(origin).hostname or ""
        self._platform = platform
        self._clock = clock

    @property
    def available(self) -> bool:
        try:
            ip_address(self._host)
        except ValueError:
            return bool(self._host)
        return False

    async def registration_options(self, person_id: UUID, bound_to: str) -> str:
        """``PublicKeyCredentialCreationOptions`` as JSON (§5.4)."""
        challenge, known = await self._challenge(bound_to, person_id)
        names = await self._names.of(person_id)
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=self._platform,
            user_id=person_id.bytes,
            user_name=names.login or str(person_id),
            user_display_name=names.name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        )
        return webauthn.options_to_json(options)

    async def request_options(self, person_id: UUID | None, bound_to: str) -> str:
        """``PublicKeyCredentialRequestOptions`` as JSON (§5.5): for anybody's passkey, which then
        is the whole sign-in and has to verify its user, or for one of `person_id`."""
        challenge, known = await self._challenge(bound_to, person_id)
        alone = person_id is None
        options = webauthn.generate_authentication_options(
            rp_id=self._host,
            challenge=challenge,
            allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
            user_verification=UserVerificationRequirement.REQUIRED
            if alone
            else UserVerificationRequirement.DISCOURAGED,
        )
        return webauthn.options_to_json(options)

    async def register(
        self, person_id: UUID, name: str, credential: str, bound_to: str
    ) -> Sequence[str]:
        """Keep a new passkey; returns recovery codes where the person had none, to be shown this
        once. Raises `PasskeyRefused`."""
        challenge = await self._take(credential, bound_to)
        try:
            verified = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
            )
        except Exception as error:  # whatever a hostile answer makes its parser raise
            raise PasskeyRefused(
                "The passkey could not be registered. Begin again.",
                zh="通行密钥未能登记，请重新开始。",
            ) from error
        now = self._clock()
        passkey = Passkey(
            id=uuid7(),
            person_id=person_id,
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            synced=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            name=name.strip()[:LONGEST_NAME] or "Passkey",
            created_at=now,
        )
        async with self._new_uow() as uow:
            if not await self._stores(uow.connection).add(passkey):
                raise PasskeyRefused("This passkey is registered already.", zh="该通行密钥已登记。")
            uow.audit.record("second_factor.added", str(person_id), factor="passkey")
            codes = await self._second_factors.first_recovery_codes(uow, person_id)
            return await uow.commit(codes)

    async def answer(self, credential: str, bound_to: str, person_id: UUID | None) -> Proof:
        """Verify the answer to `request_options`, asked with the same `person_id`. Raises
        `PasskeyRefused`."""
        challenge = await self._take(credential, bound_to)
        async with self._new_uow() as uow:
            store = self._stores(uow.connection)
            passkey = await store.by_credential(_credential_id(credential))
            if passkey is None or person_id not in (None, passkey.person_id):
                raise PasskeyRefused(
                    "This passkey is not known here.", zh="此处没有登记该通行密钥。"
                )
            try:
                verified = webauthn.verify_authentication_response(
                    credential=credential,
                    expected_challenge=challenge,
                    expected_rp_id=self._host,
                    expected_origin=self._origin,
                    credential_public_key=passkey.public_key,
                    credential_current_sign_count=passkey.sign_count,
                    require_user_verification=person_id is None,
                )
            except Exception as error:  # whatever a hostile answer makes its parser raise
                raise PasskeyRefused(
                    "The passkey's answer does not verify.", zh="通行密钥未通过验证。"
                ) from error
            await store.used(passkey.id, verified.new_sign_count, self._clock())
            await uow.commit()
        kept = "swk" if passkey.synced else "hwk"
        verified_user = ("user",) if verified.user_verified else ()
        return Proof(passkey.person_id, (kept, *verified_user, "mfa"))

    async def remove(self, person_id: UUID, passkey_id: UUID) -> None:
        """Raises `NotFound`, `LastSecondFactor`."""
        async with self._new_uow() as uow:
            credentials = await self._reader.held(uow.connection, person_id)
            left = credentials.passkeys - 1 + credentials.authenticator
            await self._second_factors.may_lose_factor(person_id, credentials, left=left)
            if not await self._stores(uow.connection).remove(person_id, passkey_id):
                raise NotFound("You have no such passkey.", zh="您没有该通行密钥。")
            uow.audit.record("second_factor.removed", str(person_id), factor="passkey")
            await uow.commit()

    async def _challenge(
        self, bound_to: str, person_id: UUID | None
    ) -> tuple[bytes, Sequence[bytes]]:
        """A new challenge, and the credentials of `person_id`."""
        if not self.available:
            raise PasskeysUnavailable(
                "Open the platform by its name, not by its IP address.",
                zh="请通过域名而不是 IP 地址访问平台。",
            )
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        async with self._new_uow() as uow:
            store = self._stores(uow.connection)
            until = self._clock() + CHALLENGE_LIFE
            await store.add_challenge(challenge, digest(bound_to), until)
            known = await store.credential_ids(person_id) if person_id else ()
            return await uow.commit((challenge, known))

    async def _take(self, credential: str, bound_to: str) -> bytes:
        """The challenge that is answered, taken out."""
        try:
            raw = webauthn.base64url_to_bytes(json.loads(credential)["response"]["clientDataJSON"])
            challenge = parse_client_data_json(raw).challenge
        except Exception as error:  # whatever a hostile answer makes its parser raise
            raise PasskeyRefused(
                "That is no answer of a passkey.", zh="收到的不是通行密钥的应答。"
            ) from error
        async with self._new_uow() as uow:
            taken = await self._stores(uow.connection).take_challenge(
                challenge, digest(bound_to), self._clock()
            )
            await uow.commit()
        if not taken:
            raise PasskeyRefused(
                "The page was open for too long. Begin again.", zh="页面停留过久，请重新开始。"
            )
        return challenge


def _credential_id(credential: str) -> bytes:
    try:
        return webauthn.base64url_to_bytes(json.loads(credential)["rawId"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PasskeyRefused(
            "That is no answer of a passkey.", zh="收到的不是通行密钥的应答。"
        ) from error
