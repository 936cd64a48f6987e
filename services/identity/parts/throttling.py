from services.identity.adapters.authentication import ThrottleRows
from services.identity.application.throttling import Throttle
from services.identity.domain.passwords import PROFILES
from services.identity.settings import Settings
from shared.encryption import KeyRing
from shared.service import Runtime


def build_throttle(runtime: Runtime, settings: Settings) -> Throttle:
    """What every part counts wrong guesses with."""
    ring = KeyRing.parse(settings.master_keys.get_secret_value())
    limits = PROFILES[settings.password_profile].limits
    return Throttle(ThrottleRows, limits, ring.derive("throttle"), runtime.clock)
