"""Usage: Envoy's access log is counted, and applications read what they used and may use."""

from pathlib import Path

from gateway.adapters.access_log import EnvoyAccessLog
from gateway.adapters.applications import ApplicationRows
from gateway.adapters.usage import UsageRows
from gateway.application.metering import Metering
from gateway.application.quotas import Quotas
from gateway.application.usage import Usage
from gateway.problems.usage import PROBLEMS
from gateway.routes.usage import usage_router
from gateway.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


def build(runtime: Runtime, settings: Settings, quotas: Quotas) -> Part:
    """Without an access log nothing is counted, and what was counted elsewhere is shown."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    rows = UsageRows(runtime.new_uow, runtime.reader)
    usage = Usage(ApplicationRows(runtime.reader), rows, quotas, runtime.clock)
    tasks = {}
    if settings.access_log:
        log = EnvoyAccessLog(Path(settings.access_log), settings.envoy_admin)
        tasks["metering"] = Metering(log, rows).run
    return Part(
        routers=[usage_router(usage, Cursors(keys.derive("cursors")))],
        table=PROBLEMS,
        tasks=tasks,
    )
