"""uvicorn, the same way for every process of ours."""

import asyncio
import contextlib
import gc
import socket
from typing import Any

import uvicorn


def serve(app: Any, host: str, port: int) -> None:
    """Serve `app` until SIGTERM or SIGINT, on IPv4 and IPv6 loopback alike when `host` is one.

    Requests under way get two seconds to end.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        proxy_headers=False,  # `shared.addresses` reads them
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        lifespan="on",
        h11_max_incomplete_event_size=64 * 1024,
    )
    # What was loaded stays for good: looking through it again and again is a sixth of all work.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    sockets = [listener(address, port) for address in both_families(host)]
    server = uvicorn.Server(config)
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
    ):
        runner.run(server.serve(sockets=sockets))


def both_families(host: str) -> list[str]:
    """The loopback address with its IPv6 twin where the machine has one; else `host` alone."""
    if host != "127.0.0.1" or not socket.has_ipv6:
        return [host]
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return [host]
    return [host, "::1"]


def listener(host: str, port: int) -> socket.socket:
    """A bound stream socket for `host` and `port`; ``::`` takes IPv4 as well."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
    bound.bind((host, port))
    return bound
