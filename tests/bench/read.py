"""A read of a few rows, at the service and through the gateway, beside raw ASGI + asyncpg."""

from tests.bench import load
from tests.bench.measure import Figure, in_turns, processor_seconds
from tests.bench.stack import BenchStack, beside

CONNECTIONS = 16
SECONDS = 1.5
QUERY = "SELECT service, version, started_at FROM heard_from ORDER BY service"


async def bench(stack: BenchStack) -> list[Figure]:
    environment = {"BENCH_DATABASE_URL": stack.database_url("catalog"), "BENCH_QUERY": QUERY}
    direct = stack.address("catalog") + "/catalog/v1/about"
    through = stack.gateway + "/catalog/v1/about"
    service, envoy = stack.pid("catalog"), stack.pid("envoy")
    async with beside("tests.bench.limits.raw_asgi", environment) as (raw, raw_pid):
        limit = Asked(raw + "/", [raw_pid])
        at_service = Asked(direct, [service])
        at_gateway = Asked(through, [service, envoy])
        figures = []
        for job, subject, goal in (
            ("read: service", at_service, 0.60),
            ("read: through the gateway", at_gateway, 0.45),
        ):
            rate, limit_rate, ratio = await in_turns(subject.round, limit.round)
            facts: dict[str, float | str] = {
                "CPU µs a request": subject.cpu_us,
                "CPU µs a request, limit": limit.cpu_us,
                "p50 ms": subject.p50_ms,
                "p99 ms": subject.p99_ms,
            }
            name = "raw ASGI + asyncpg, the same query"
            figures.append(Figure(job, rate, name, limit_rate, ratio, goal, facts))
        return figures


class Asked:
    """One address under load, with what its processes used for it in the last round."""

    def __init__(self, url: str, pids: list[int]) -> None:
        self._url = url
        self._pids = pids
        self.cpu_us = self.p50_ms = self.p99_ms = 0.0

    async def round(self) -> float:
        before = processor_seconds(self._pids)
        told = await load.run(self._url, CONNECTIONS, SECONDS)
        self.cpu_us = 1e6 * (processor_seconds(self._pids) - before) / told["requests"]
        self.p50_ms, self.p99_ms = told["p50_ms"], told["p99_ms"]
        return told["requests"] / told["seconds"]
