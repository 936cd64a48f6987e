import httpx2

from tests.service.identity.conftest import Token


async def test_smoke(client: httpx2.AsyncClient, token: Token, statements: list[str]) -> None:
    answer = await client.get("/identity/v1/about", headers=token("me", "identity.read"))
    assert answer.status_code == 200, answer.text
    assert len(statements) == 1
