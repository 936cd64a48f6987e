"""HTTP to addresses that others named: webhooks, harvested platforms, foreign key sets.

Against server-side request forgery (OWASP API7:2023) a name is resolved once, every address it has
must be allowed, and the connection goes to an address that was checked, with the name kept for
Host and TLS. No proxy of the environment, no cookie and no stored credential is used.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore2
import httpx2

from shared.wire import Wire

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""From a host name to all its addresses, as text. Raises `OSError` when it has none."""

_CONNECT_SECONDS = 5.0
_HEAD_BYTES = 64 << 10
"""Of all that comes before a body, interim answers (RFC 9110 §15.2) and TLS records aside."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEPT_ACROSS_ORIGINS = ("accept", "accept-encoding", "accept-language", "user-agent")
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMERIC_TAIL = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


class EgressError(Exception):
    """Nobody was reached. The message is the reason; ``zh`` is the same in Chinese."""

    def __init__(self, reason: str, zh: str) -> None:
        super().__init__(reason)
        self.zh = zh


class EgressRefused(EgressError):
    """The address breaks the policy; nothing was sent to it."""


class EgressFailed(EgressError):
    """The address was allowed, but no whole answer came from it within the limits."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What may be reached, and how much may come back."""

    networks: tuple[IPNetwork, ...] = ()
    """Allowed beside the public Internet."""
    ports: frozenset[int] = frozenset(_DEFAULT_PORTS.values())
    max_bytes: int = 8 << 20
    """Of a body, as received and as decompressed; what frames it counts beside it."""
    seconds: float = 20.0
    """For the whole of a request, redirects included."""


@dataclass(frozen=True, slots=True)
class EgressAnswer:
    """The last answer. `url` is where it came from; `content` is decompressed."""

    url: str
    status: int
    headers: httpx2.Headers = field(repr=False)
    content: bytes = field(repr=False)


# What the IANA special-purpose registries (RFC 6890) call not globally reachable, and what lies
# within a provider's own network behind an address that is.
_REFUSED_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers; metadata of Alibaba Cloud
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # the host of an Azure machine
            "169.254.0.0/16",  # link-local; metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; metadata of Oracle Cloud
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_IPV6_NAT64 = IPv6Network("64:ff9b::/96")
_IPV6_UNICAST = IPv6Network("2000::/3")
_REFUSED_IPV6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: any IPv4 address in disguise (RFC 7526)
            "3fff::/20",  # documentation
        ),
    )
)


def parse_networks(text: str) -> tuple[IPNetwork, ...]:
    """Networks for a policy, from comma-separated CIDR. Raises `ValueError`."""
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


async def resolve_by_system(host: str) -> list[str]:
    """The `Resolver` of the operating system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Egress:
    """Sends requests within a policy. `tls` holds the certificate authorities to trust."""

    def __init__(
        self,
        policy: EgressPolicy,
        resolve: Resolver = resolve_by_system,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        redirects: int = 0,
        read: bool = True,
    ) -> EgressAnswer:
        """The answer, of whatever status, read whole; without `read`, its head alone.

        GET and HEAD follow up to `redirects` redirects, each checked like the first address; the
        next one is returned as it is. Headers that may carry a secret stay within one origin, and
        nothing leads from https to http. Raises `EgressRefused` and `EgressFailed`.
        """
        try:
            async with asyncio.timeout(self._policy.seconds):
                request = httpx2.Request(method, url, headers=headers, content=content)
                request.headers["accept-encoding"] = "gzip"
                while True:
                    answer = await self._exchange(request, read)
                    location = answer.headers.get("location")
                    if (
                        redirects == 0
                        or location is None
                        or answer.status not in _REDIRECTS
                        or request.method not in ("GET", "HEAD")
                    ):
                        return answer
                    redirects -= 1
                    request = _redirected(request, location)
        except httpx2.InvalidURL as error:
            raise _no_address(error) from None
        except TimeoutError:
            raise EgressFailed(
                f"no whole answer within {self._policy.seconds:g} s",
                f"{self._policy.seconds:g} 秒内未收到完整应答",
            ) from None
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            zlib.error,
        ) as error:
            name = type(error).__name__
            raise EgressFailed(f"{name}: {error}", f"连接或应答有误（{name}）") from error

    async def refusal(self, url: str) -> EgressError | None:
        """Why a request to `url` would be refused, or could reach nobody, now; nothing is sent."""
        try:
            async with asyncio.timeout(self._policy.seconds):
                host = _checked_host(httpx2.URL(url), self._policy.ports)
                await self._checked_addresses(host)
        except httpx2.InvalidURL as error:
            return _no_address(error)
        except TimeoutError:
            return EgressFailed("its name is not resolved", "域名无法解析")
        except EgressError as error:
            return error
        return None

    async def _exchange(self, request: httpx2.Request, read: bool) -> EgressAnswer:
        host = _checked_host(request.url, self._policy.ports)
        addresses = await self._checked_addresses(host)
        # Connections are not kept: a pool knows them by address, while TLS vouched for a name.
        wire = Wire(_HEAD_BYTES)
        async with httpcore2.AsyncConnectionPool(self._tls, network_backend=wire) as pool:
            response = await _first_to_connect(pool, request, host, addresses)
            headers = httpx2.Headers(response.headers)
            wire.left += self._policy.max_bytes
            try:
                most = self._policy.max_bytes
                content = await _bounded_body(response, headers, most) if read else b""
            finally:
                await response.aclose()
        return EgressAnswer(str(request.url), response.status, headers, content)

    async def _checked_addresses(self, host: str) -> list[IPAddress]:
        literal = _literal(host)
        if literal is not None:
            addresses = [literal]
        else:
            try:
                addresses = [ip_address(each) for each in await self._resolve(host)]
            except (OSError, ValueError):
                addresses = []
            if not addresses:
                raise EgressFailed(f"{host} has no address", f"{host} 没有可用的地址")
        if not all(map(self._allows, addresses)):
            raise EgressRefused(f"{host} is not on the public Internet", f"{host} 不在公网上")
        return addresses

    def _allows(self, address: IPAddress) -> bool:
        if any(address in network for network in self._policy.networks):
            return True
        inner = _ipv4_within(address)
        return self._allows(inner) if inner else _is_public(address)


def _no_address(error: httpx2.InvalidURL) -> EgressRefused:
    return EgressRefused(f"not an address: {error}", "网址格式不正确")


def _checked_host(url: httpx2.URL, ports: frozenset[int]) -> str:
    """The host name or address literal of `url`, in ASCII. Raises `EgressRefused`."""
    if url.scheme not in _DEFAULT_PORTS:
        raise EgressRefused("only http and https are spoken", "只支持 http 和 https")
    if url.userinfo:
        raise EgressRefused("credentials do not belong in an address", "网址中不得包含账号口令")
    port = _DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    if port not in ports:
        raise EgressRefused(f"port {port} is not allowed", f"不允许使用 {port} 端口")
    host = url.raw_host.decode("ascii").removesuffix(".")
    if _literal(host):
        return host
    # Whatever ends in a number is an IPv4 address to some software (WHATWG URL, "ends in a
    # number checker"): 127.1, 0x7f000001, 2130706433.
    if not _HOST_NAME.fullmatch(host) or _NUMERIC_TAIL.fullmatch(host):
        raise EgressRefused(f"{host!r} is no host name", f"{host} 不是有效的主机名")
    return host


def _literal(host: str) -> IPAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _ipv4_within(address: IPAddress) -> IPv4Address | None:
    """The IPv4 address that an IPv4-mapped or NAT64 (RFC 6052) address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address in _IPV6_NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    return address in _IPV6_UNICAST and not any(address in network for network in _REFUSED_IPV6)


async def _first_to_connect(
    pool: httpcore2.AsyncConnectionPool,
    request: httpx2.Request,
    host: str,
    addresses: Sequence[IPAddress],
) -> httpcore2.Response:
    """Send `request` to the first of `addresses` that takes the connection."""
    *others, last = dict.fromkeys(addresses)
    for address in others:
        with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
            return await pool.handle_async_request(_pinned(request, host, address))
    return await pool.handle_async_request(_pinned(request, host, last))


def _pinned(request: httpx2.Request, host: str, address: IPAddress) -> httpcore2.Request:
    url = request.url.copy_with(host=str(address))
    return httpcore2.Request(
        request.method,
        httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,  # Host among them
        content=request.content,
        extensions={"sni_hostname": host, "timeout": {"connect": _CONNECT_SECONDS}},
    )


def _redirected(request: httpx2.Request, location: str) -> httpx2.Request:
    url = request.url.join(location)
    if request.url.scheme == "https" and url.scheme == "http":
        raise EgressRefused("the redirect leads from https to http", "由 https 跳转到了 http")
    headers = request.headers
    if _origin(url) != _origin(request.url):
        kept = [name for name in _KEPT_ACROSS_ORIGINS if name in headers]
        headers = httpx2.Headers({name: headers[name] for name in kept})
    return httpx2.Request(request.method, url, headers=headers)


def _origin(url: httpx2.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


async def _bounded_body(response: httpcore2.Response, headers: httpx2.Headers, limit: int) -> bytes:
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise EgressFailed(
            f"the answer is encoded as {encoding}, which was not asked for",
            f"应答采用了未请求的编码 {encoding}",
        )
    gunzip = _Gunzip() if encoding == "gzip" else None
    body, received = bytearray(), 0
    async for chunk in response.aiter_stream():
        received += len(chunk)
        body += gunzip.decompress(chunk, limit + 1 - len(body)) if gunzip else chunk
        if max(received, len(body)) > limit:
            raise EgressFailed(f"the answer is longer than {limit} bytes", f"应答超过 {limit} 字节")
    if gunzip and received and not gunzip.complete:
        raise EgressFailed("the answer ends within its compressed data", "压缩的应答不完整")
    return bytes(body)


class _Gunzip:
    """Of a file with any number of members (RFC 1952 §2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def complete(self) -> bool:
        return self._member.eof

    def decompress(self, data: bytes, most: int) -> bytes:
        """What `data` holds, up to `most` bytes. Raises `zlib.error`."""
        found = bytearray()
        while data and len(found) < most:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            found += self._member.decompress(data, most - len(found))
            data = self._member.unused_data
        return bytes(found)
