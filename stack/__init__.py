"""The embedded stack (内嵌运行环境): PostgreSQL, SeaweedFS, NATS, Envoy and our services.

It runs them on loopback. It knows commands, ports and health, and nothing of the trade. A cluster
brings its own servers, and then nothing here runs.
"""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
