"""What identity costs: tokens, sign-ins beside bare argon2, a roster, a list of its people,
verification in memory."""

import asyncio
import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from argon2 import PasswordHasher, Type
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import event

from services.identity.app import build_parts
from services.identity.application.people import LIST
from services.identity.demonstration.province import SIGN_IN
from services.identity.demonstration.sign_in import access_token
from services.identity.settings import Settings
from shared.principal import Principal, TokenVerifier
from shared.service import Runtime
from stack import demonstration, plan, ports
from stack.data import DataDirectory, read_json
from stack.settings import StackSettings
from tests.bench.measure import Figure, in_turns, processor_seconds
from tests.bench.stack import BenchStack

TOKENS_A_ROUND = 200
SIGN_INS_A_ROUND = 100
SIGN_INS_AT_ONCE = 8
VERIFICATIONS_A_ROUND = 2_000
TOKEN_CPU_US = 1_600.0
PEOPLE_IN_A_MINUTE = 100_000
TRIED_FIRST = 20_000
LONGEST_IMPORT_SECONDS = 120.0
LISTED = 5_000
MOST_A_PAGE = 100
ISSUER = "http://127.0.0.1/identity"


async def bench(stack: BenchStack) -> list[Figure]:
    data = DataDirectory(stack.data)
    components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
    await demonstration.seed(components, data.accounts_file, stack.data)
    told = read_json(data.accounts_file)
    return [
        await _client_credentials(stack, told["clients"]),
        await _sign_in(stack, told["accounts"]),
        await _import(stack, told),
        await _list(stack, told),
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
    cost = median(costs)
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
    """The form of the login page, posted by different people from different addresses, so that
    nothing is throttled. The page is fetched once; what posts is next to nothing, since it computes
    on the same cores."""
    settings = Settings()
    people = iter(accounts * 10)
    number = iter(range(1, 1 << 20))
    pid, costs = stack.pid("identity"), list[float]()
    async with httpx2.AsyncClient(base_url=stack.address("identity"), trust_env=False) as browser:
        page = await browser.get("/identity/login")
        visit = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    place = urlsplit(stack.address("identity"))

    def posted(person: dict[str, str]) -> bytes:
        host = next(number)
        form = {
            "csrf": csrf,
            "return_to": "/identity/account",
            "username": person["username"],
            "password": person["password"],
        }
        body = urlencode(form)
        return (
            f"POST /identity/login HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: {visit}\r\n"
            f"X-Forwarded-For: 10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    async def one(queue: Iterator[dict[str, str]]) -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for person in queue:
            writer.write(posted(person))
            answer = await reader.readuntil(b"\r\n\r\n")  # a redirection has no body
            if not answer.startswith(b"HTTP/1.1 303"):
                raise RuntimeError(f"{person['username']} could not sign in: {answer[:20]!r}")
        writer.close()

    async def subject() -> float:
        before, started = processor_seconds([pid]), time.perf_counter()
        queue = islice(people, SIGN_INS_A_ROUND)
        await asyncio.gather(*(one(queue) for _ in range(SIGN_INS_AT_ONCE)))
        costs.append(1e3 * (processor_seconds([pid]) - before) / SIGN_INS_A_ROUND)
        return SIGN_INS_A_ROUND / (time.perf_counter() - started)

    hasher = PasswordHasher(
        settings.argon2_iterations, settings.argon2_memory_kib, 1, 32, 16, type=Type.ID
    )
    known = hasher.hash("a heron stands in the river")
    hashing = list[float]()

    async def limit() -> float:
        before, started = time.process_time(), time.perf_counter()
        with ThreadPoolExecutor(settings.hashing_workers) as pool:
            for _ in range(SIGN_INS_A_ROUND):
                pool.submit(hasher.verify, known, "a heron stands in the river")
        hashing.append(1e3 * (time.process_time() - before) / SIGN_INS_A_ROUND)
        return SIGN_INS_A_ROUND / (time.perf_counter() - started)

    rate, limit_rate, ratio = await in_turns(subject, limit)
    return Figure(
        "identity: sign-in",
        rate,
        f"bare argon2id, {settings.hashing_workers} threads",
        limit_rate,
        ratio,
        0.85,
        {"CPU ms a sign-in": median(costs), "CPU ms of argon2id alone": median(hashing)},
    )


async def _import(stack: BenchStack, told: dict[str, Any]) -> Figure:
    """A roster of pupils of one school from the upload to the last line applied, while the service
    does everything else that it does: seals the audit entries, publishes the events. All of
    `PEOPLE_IN_A_MINUTE` where the pace of the first so many promises an end."""
    people = TRIED_FIRST
    seconds, used = await _imported(stack, told, roster(people))
    if seconds * PEOPLE_IN_A_MINUTE / people < LONGEST_IMPORT_SECONDS:
        rest = PEOPLE_IN_A_MINUTE - people
        more_seconds, more_used = await _imported(stack, told, roster(rest, people))
        people, seconds, used = people + rest, seconds + more_seconds, used + more_used
    rate, limit_rate = people / seconds, PEOPLE_IN_A_MINUTE / 60
    return Figure(
        "identity: import, people with memberships",
        rate,
        f"{PEOPLE_IN_A_MINUTE:,} people in 60 s",
        limit_rate,
        rate / limit_rate,
        1.0,
        {
            "people": float(people),
            "seconds for 100,000": PEOPLE_IN_A_MINUTE / rate,
            "CPU seconds for 100,000, with PostgreSQL": used * PEOPLE_IN_A_MINUTE / people,
        },
    )


async def _imported(stack: BenchStack, told: dict[str, Any], content: bytes) -> tuple[float, float]:
    """Seconds, and seconds of processor time, until all are there."""
    [client] = [each for each in told["clients"] if SIGN_IN in each["grant_types"]]
    school = next(each for each in told["accounts"] if each["username"] == "admin-school1")
    issuer = f"{stack.gateway}/identity"
    pids = [stack.pid("identity"), stack.pid("postgres")]
    token = await access_token(issuer, client, school["username"], school["password"])
    async with httpx2.AsyncClient(
        base_url=f"{issuer}/v1/",
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    ) as http:
        upload = (await http.post("imports/uploads")).raise_for_status().json()
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as store:
            (await store.put(upload["url"], content=content)).raise_for_status()
        asked = {
            "organisation": school["organisation"],
            "format": "csv",
            "upload_id": upload["upload_id"],
            "dry_run": False,
        }
        used, started = processor_seconds(pids), time.perf_counter()
        view = (await http.post("imports", json=asked)).raise_for_status().json()
        while view["state"] not in ("APPLIED", "FAILED"):
            await asyncio.sleep(0.2)
            view = (await http.get(f"imports/{view['id']}")).raise_for_status().json()
        seconds, used = time.perf_counter() - started, processor_seconds(pids) - used
    if view["counts"]["created"] != view["lines"]:
        raise RuntimeError(f"the import made {view['counts']}")
    return seconds, used


async def _list(stack: BenchStack, told: dict[str, Any]) -> Figure:
    """Members of the school that the roster filled, page by page, as the service reads them; the
    goal is that no full page takes more statements than a page of one. Those with a minor on them
    take one more, which audits the reading, so the most of either is compared."""
    school = next(each for each in told["accounts"] if each["username"] == "admin-school1")
    settings = Settings(
        _secrets_dir=stack.data / "secrets" / "identity",
        database_url=f"postgresql://identity@{urlsplit(stack.address('postgres')).netloc}/identity",
    )
    runtime = Runtime("identity", settings, {})
    people = build_parts(runtime, settings).people.people
    path = await runtime.reader.fetchrow(
        "SELECT ltree2text(path) AS path FROM organisations WHERE code = $1",
        school["organisation"],
    )
    if path is None:
        raise RuntimeError("the demonstration has no such school")
    caller = Principal(
        "bench", "bench", frozenset({LIST.scope}), {"grants": [f"administrator@{path['path']}"]}
    )
    statements = 0

    def note(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(runtime.engine.sync_engine, "before_cursor_execute", note)

    async def members(wanted: int, limit: int) -> tuple[float, int]:
        """Members a second, the most statements that a page took."""
        nonlocal statements
        most, found, after = 0, 0, None
        started = time.perf_counter()
        while found < wanted:
            statements = 0
            page = await people.page(caller, school["organisation"], None, None, limit, after)
            found, most, after = found + len(page.people), max(most, statements), page.following
        return found / (time.perf_counter() - started), most

    await members(MOST_A_PAGE, MOST_A_PAGE)  # plans and types are asked for once a connection
    one_rate, of_one = await members(50, 1)
    before = time.process_time()
    rate, of_many = await members(LISTED, MOST_A_PAGE)
    used = time.process_time() - before
    await runtime.close()
    return Figure(
        f"identity: list of {LISTED:,} members",
        rate,
        "statements of a page of one; rate: one a page",
        one_rate,
        of_one / of_many,
        1.0,
        {
            "statements a page, at most": float(of_many),
            "members a page": float(MOST_A_PAGE),
            "CPU µs a member, without PostgreSQL": 1e6 * used / LISTED,
        },
    )


def roster(people: int, first: int = 0) -> bytes:
    """Pupils of six grades and twenty classes each; their 学籍号 are well formed and nobody's."""
    lines = ["姓名,学籍号,年级,班级,角色"]
    for number in range(first, first + people):
        born = f"2016{1 + number // 28_000:02}{1 + number // 1_000 % 28:02}"
        body = f"530111{born}{number % 1_000:03}"
        total = sum(int(digit) << 17 - place for place, digit in enumerate(body))
        grade, room = "一二三四五六"[number % 6], number % 20 + 1
        check = "10X98765432"[total % 11]
        lines.append(f"李{number:06},G{body}{check},{grade}年级,{room}班,学生")
    return "\n".join(lines).encode()


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
