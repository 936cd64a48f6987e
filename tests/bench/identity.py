"""What identity costs: tokens for clients, sign-ins beside bare argon2, verification in memory."""

import asyncio
import base64
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx2
from argon2 import PasswordHasher, Type
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from services.identity.settings import Settings
from shared.principal import TokenVerifier
from stack import demonstration, plan, ports
from stack.data import DataDirectory, read_json
from stack.settings import StackSettings
from tests.bench.measure import Figure, in_turns, processor_seconds
from tests.bench.stack import BenchStack

TOKENS_A_ROUND = 200
SIGN_INS_A_ROUND = 24
VERIFICATIONS_A_ROUND = 2_000
TOKEN_CPU_US = 1_600.0
ISSUER = "http://127.0.0.1/identity"


async def bench(stack: BenchStack) -> list[Figure]:
    data = DataDirectory(stack.data)
    components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
    await demonstration.seed(components, data.accounts_file, stack.data)
    told = read_json(data.accounts_file)
    return [
        await _client_credentials(stack, told["clients"]),
        await _sign_in(stack, told["accounts"]),
        await _verification(),
    ]


async def _client_credentials(stack: BenchStack, clients: list[dict[str, str]]) -> Figure:
    """The goal is processor time: a limit of one token in `TOKEN_CPU_US` on one core."""
    client = next(
        each for each in clients if each["client_secret"] and "catalog.write" in each["scopes"]
    )
    pair = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": "catalog.read"}
    pid = stack.pid("identity")
    costs: list[float] = []
    async with httpx2.AsyncClient(
        base_url=stack.address("identity"),
        headers={"authorization": f"Basic {pair}"},
        trust_env=False,
    ) as http:

        async def subject() -> float:
            before, started = processor_seconds([pid]), time.perf_counter()
            for _ in range(TOKENS_A_ROUND):
                (await http.post("/identity/token", data=form)).raise_for_status()
            costs.append(1e6 * (processor_seconds([pid]) - before) / TOKENS_A_ROUND)
            return TOKENS_A_ROUND / (time.perf_counter() - started)

        async def limit() -> float:
            return 1e6 / TOKEN_CPU_US

        rate, limit_rate, _ = await in_turns(subject, limit)
    cost = sorted(costs)[len(costs) // 2]
    return Figure(
        "identity: client-credentials token",
        rate,
        f"{TOKEN_CPU_US:.0f} µs of processor time a token",
        limit_rate,
        TOKEN_CPU_US / cost,
        1.0,
        {"CPU µs a token": cost},
    )


async def _sign_in(stack: BenchStack, accounts: list[dict[str, str]]) -> Figure:
    """Different people each time, from different addresses, so that nothing is throttled."""
    settings = Settings()
    people = iter(accounts * 10)
    number = iter(range(1, 1 << 20))

    async def one() -> None:
        person, host = next(people), next(number)
        address = f"10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}"
        async with httpx2.AsyncClient(
            base_url=stack.address("identity"),
            headers={"x-forwarded-for": address},
            trust_env=False,
            timeout=60,
        ) as browser:
            page = await browser.get("/identity/login")
            csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
            form = {"csrf": csrf, "return_to": "/identity/account"}
            answer = await browser.post(
                "/identity/login",
                content=urlencode(
                    {**form, "username": person["username"], "password": person["password"]}
                ),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
        if answer.status_code != httpx2.codes.SEE_OTHER:
            raise RuntimeError(f"{person['username']} could not sign in: {answer.status_code}")

    async def subject() -> float:
        started = time.perf_counter()
        for _ in range(SIGN_INS_A_ROUND // 8):
            await asyncio.gather(*(one() for _ in range(8)))
        return SIGN_INS_A_ROUND / (time.perf_counter() - started)

    hasher = PasswordHasher(
        settings.argon2_iterations, settings.argon2_memory_kib, 1, 32, 16, type=Type.ID
    )
    known = hasher.hash("a heron stands in the river")
    loop = asyncio.get_running_loop()

    async def limit() -> float:
        with ThreadPoolExecutor(settings.hashing_workers) as pool:
            started = time.perf_counter()
            await asyncio.gather(
                *(
                    loop.run_in_executor(pool, hasher.verify, known, "a heron stands in the river")
                    for _ in range(SIGN_INS_A_ROUND)
                )
            )
            return SIGN_INS_A_ROUND / (time.perf_counter() - started)

    rate, limit_rate, ratio = await in_turns(subject, limit)
    name = f"bare argon2id, {settings.hashing_workers} threads"
    return Figure("identity: sign-in", rate, name, limit_rate, ratio, 0.85)


async def _verification() -> Figure:
    """A token seen before, as a service verifies it, beside one seen for the first time."""
    key = ECKey.generate_key("P-256", {"kid": "bench", "use": "sig", "alg": "ES256"})
    verifier = TokenVerifier(ISSUER, "")
    verifier.load(KeySet([key]).as_dict(private=False))
    now = int(time.time())
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "bench"}
    claims = {"iss": ISSUER, "aud": "shuyuan", "client_id": "bench", "iat": now, "exp": now + 600}
    tokens = [
        jwt.encode(header, {**claims, "sub": str(each)}, key)
        for each in range(VERIFICATIONS_A_ROUND)
    ]

    async def first() -> float:
        fresh = TokenVerifier(ISSUER, "")
        fresh.load(KeySet([key]).as_dict(private=False))
        return _rate(fresh, tokens)

    async def again() -> float:
        return _rate(verifier, tokens[:1] * VERIFICATIONS_A_ROUND)

    rate, limit_rate, ratio = await in_turns(again, first)
    return Figure(
        "identity: verification, no database, no network",
        rate,
        "the signature verified each time",
        limit_rate,
        ratio,
        1.0,
    )


def _rate(verifier: TokenVerifier, tokens: list[str]) -> float:
    started = time.perf_counter()
    for each in tokens:
        verifier.verify(each)
    return len(tokens) / (time.perf_counter() - started)
