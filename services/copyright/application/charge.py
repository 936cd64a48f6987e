"""Who is in charge of what belongs to no organisation, or to one."""

from shared.access import Rule, grants_of
from shared.principal import Principal


def require_in_charge(rule: Rule, caller: Principal, organisation: str | None) -> None:
    """Of what has no organisation, those of a whole province are in charge: their path has one
    label. Raises `Forbidden`."""
    province = next((each.path for each in grants_of(caller) if "." not in each.path), "")
    rule.admit(caller, organisation or province)
