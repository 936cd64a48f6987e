"""Requests that schemathesis makes from an OpenAPI document, and what is wrong with the answers.

A service's test names the callers. For every operation schemathesis makes requests that fit the
document and requests that do not; each is sent once by each caller. No answer may be a server
error, have a status, content type or header that the operation does not name, or a body that breaks
its schema; what a document says of every other status counts for the request that cannot be read,
since that is all that may befall any operation.
"""

import asyncio
import copy
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Headers = Mapping[str, str]


async def defects(
    document: Mapping[str, Any],
    client: httpx2.AsyncClient,
    callers: Mapping[str, Headers],
    *,
    requests: int,
    seconds: float,
) -> list[str]:
    """What is wrong, an entry for each operation and caller at most.

    ``requests`` of each kind are made for every operation, in an order drawn anew: where the
    ``seconds`` do not suffice, other operations are left out each time.
    """
    loop, over_at = asyncio.get_running_loop(), time.monotonic() + seconds
    found: dict[str, str] = {}

    def send(case: Case[Any], headers: Headers) -> httpx2.Response:
        asked = case.as_transport_kwargs()
        asked["headers"].pop("authorization", None)
        asked["headers"].update(headers)
        asked.pop("cookies", None)  # no operation has any
        if isinstance(asked.get("data"), bytes):
            asked["content"] = asked.pop("data")
        sending = client.request(**asked)
        return asyncio.run_coroutine_threadsafe(sending, loop).result()

    def ask(case: Case[Any]) -> None:
        for caller, headers in callers.items():
            where = f"{case.method} {case.path}, {caller}"
            if where in found or time.monotonic() > over_at:
                continue
            answer = send(case, headers)
            try:
                case.validate_response(answer, checks=CHECKS)
            except FailureGroup as group:
                said = "; ".join(f"{each.title}: {each.message}" for each in group.exceptions)
                sent = f"{answer.request.url} {answer.request.content[:300]!r}"
                found[where] = (
                    f"{where}: {said}\n  {sent}\n  {answer.status_code} {answer.text[:300]}"
                )

    told = copy.deepcopy(dict(document))
    for path in told["paths"].values():
        for each in path.values():
            common = each["responses"].pop("default", None)
            if common is not None:
                each["responses"].setdefault("400", common)

    def run() -> None:
        made = schemathesis.openapi.from_dict(told).get_all_operations()
        operations = [each.ok() for each in made if isinstance(each, Ok)]
        for operation in random.sample(operations, len(operations)):
            if time.monotonic() > over_at:
                return
            for mode in GenerationMode:
                test = given(operation.as_strategy(generation_mode=mode))(ask)
                limited = settings(
                    max_examples=requests,
                    deadline=None,
                    database=None,
                    phases=[Phase.explicit, Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                try:
                    limited(test)()
                except Unsatisfiable:
                    continue  # nothing about the operation can be wrong

    await asyncio.to_thread(run)
    return list(found.values())


def naming(document: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """`document`, in which parameters with these names take these values and no others: what is
    drawn at random exists nowhere."""
    told = copy.deepcopy(dict(document))
    for path in told["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"].lower() in known:
                    values = list(known[parameter["name"].lower()])
                    parameter["schema"] = {"type": "string", "enum": values}
    return told
