"""The embedded stack (内嵌运行环境): PostgreSQL, SeaweedFS, NATS, Envoy and our services.

All on loopback. It knows commands, ports and health; it knows nothing of the trade. A cluster brings its own
servers, and then nothing here runs.
"""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SERVICES = ("identity", "catalog", "learning", "copyright")
