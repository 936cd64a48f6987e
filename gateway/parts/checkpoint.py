"""API keys and quotas: what Envoy asks before it lets an application's request through."""

from gateway.adapters.issuer import IdentityIssuer
from gateway.adapters.quotas import QuotaRows
from gateway.application.checkpoint import Checkpoint
from gateway.application.keys import Keys
from gateway.application.quotas import Quotas
from gateway.compiler.policy import Policy
from gateway.domain.quotas import Quota
from gateway.settings import Settings
from shared.service import Runtime


def quotas(runtime: Runtime, settings: Settings) -> Quotas:
    """The policy's quotas, counted."""
    factor = settings.quota_factor
    classes = {
        name: Quota(max(1, round(each.per_second * factor)), max(1, round(each.per_day * factor)))
        for name, each in Policy.read().quota.items()
    }
    return Quotas(QuotaRows(runtime.new_uow), classes, runtime.clock)


def build(runtime: Runtime, settings: Settings, counted: Quotas) -> Checkpoint:
    issuer = IdentityIssuer(settings.identity_url, settings.identity_secret.get_secret_value())
    return Checkpoint(Keys(issuer), counted, runtime.revoked)
