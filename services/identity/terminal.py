"""`sign-in`: an access token for whoever sits at the terminal, by way of a browser (RFC 8628)."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import httpx2

from services.identity.domain.clients import GrantType
from services.identity.domain.components import CONSOLE, console
from services.identity.settings import Settings

_SLOWER_SECONDS = 5


def sign_in(argv: Sequence[str]) -> int:
    """print an access token of whoever signs in at the address that is shown"""
    argparse.ArgumentParser(prog="python -m services.identity sign-in").parse_args(argv)
    try:
        told = asyncio.run(_signed_in(Settings.load().issuer))
    except httpx2.HTTPError as error:
        sys.stderr.write(f"The provider does not answer: {error!r}\n")
        return 1
    if "access_token" not in told:
        sys.stderr.write(f"Nobody was let in: {told.get('error', 'no answer')}. 未获授权。\n")
        return 1
    sys.stdout.write(f"{told['access_token']}\n")
    return 0


async def _signed_in(issuer: str) -> dict[str, str]:
    """The last answer of the token endpoint."""
    [client, _] = console()
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as http:
        wanted = {"client_id": str(CONSOLE), "scope": " ".join(sorted(client.terms.scopes))}
        begun = await http.post(f"{issuer}/device_authorization", data=wanted)
        shown = begun.raise_for_status().json()
        sys.stderr.write(
            f"Open {shown['verification_uri_complete']} and sign in. 请打开该地址登录并确认。\n"
        )
        asked = {
            "grant_type": GrantType.DEVICE_CODE,
            "client_id": str(CONSOLE),
            "device_code": shown["device_code"],
        }
        pause = shown["interval"]
        while True:
            await asyncio.sleep(pause)
            answer = await http.post(f"{issuer}/token", data=asked)
            told: dict[str, str] = answer.json()
            if told.get("error") == "slow_down":
                pause += _SLOWER_SECONDS
            elif told.get("error") != "authorization_pending":
                return told
