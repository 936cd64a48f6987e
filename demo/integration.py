"""7. An integrator's application: a token, a key, the merged contract, a limit, and the bill."""

import base64
import time
from datetime import UTC, datetime, timedelta

from demo.people import Caller
from demo.stage import Stage
from demo.steps import Facts, check, until

INTEGRATOR = "integrator"
_SCOPES = ("catalog.read", "integrate")
_FOLLOWED = "GET /catalog/v1/resources"
_RUSH = 400


def contract(stage: Stage) -> Facts:
    """Whoever has a token and the contract needs nothing else: what is called is found in it."""
    document = stage.anybody.get("/openapi.json")
    path, operation = next(
        (path, methods["get"])
        for path, methods in document["paths"].items()
        if methods.get("get", {}).get("operationId") == "list_resources"
    )
    token = application(stage)
    answer = token.ask("GET", path, params={"limit": 1})
    check(answer.status_code == 200, f"{path} answered {answer.status_code}")
    check("200" in operation["responses"], "the contract does not know this answer")
    return {"operations": sum(map(len, document["paths"].values())), "called": path}


def key(stage: Stage) -> Facts:
    person, client = stage.person(INTEGRATOR), stage.client(*_SCOPES)
    expires = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    asked = {"name": "演示", "scopes": ["catalog.read"], "expires_at": expires}
    made = person.post(f"/identity/v1/clients/{client['client_id']}/api-keys", asked, 201)
    application = stage.somebody({"x-api-key": made["key"]})
    answer = application.ask("GET", "/catalog/v1/resources", params={"limit": 1})
    check(answer.status_code == 200, f"with the key: {answer.status_code} {answer.text[:200]}")
    return {"ratelimit-policy": answer.headers["ratelimit-policy"]}


def limit(stage: Stage) -> Facts:
    token = application(stage)
    for asked in range(1, _RUSH + 1):
        answer = token.ask("GET", "/catalog/v1/resources", params={"limit": 1})
        if answer.status_code == 429:
            wait = answer.headers["retry-after"]
            time.sleep(float(wait))
            return {"questions until the limit": asked, "retry-after": wait}
    check(False, f"{_RUSH} questions met no limit")
    return {}


def usage(stage: Stage) -> Facts:
    token = application(stage)

    def counted() -> int:
        items = token.get("/gateway/v1/usage")["items"]
        return sum(each["requests"] for each in items if each["operation"] == _FOLLOWED)

    return {_FOLLOWED: until(counted, "the usage is counted", 30.0)}


def application(stage: Stage) -> Caller:
    """The application, with a token of its own."""
    client = stage.client(*_SCOPES)
    pair = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    told = stage.anybody.told(
        "POST",
        "/identity/token",
        data={"grant_type": "client_credentials"},
        headers={"authorization": f"Basic {pair}"},
    )
    return stage.somebody({"authorization": f"Bearer {told['access_token']}"})
