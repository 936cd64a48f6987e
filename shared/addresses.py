"""Where a request came from, behind proxies of our own."""


def client_address(forwarded_for: str, peer: str, proxies: int) -> str:
    """The address that the outermost of our `proxies` saw; what X-Forwarded-For holds before it is
    hearsay. `peer`, who opened the connection, where there is no such entry."""
    told = [each.strip() for each in forwarded_for.split(",")]
    if proxies and len(told) >= proxies and told[-proxies]:
        return told[-proxies]
    return peer
