"""Every hostile address aims at a canary on loopback, which must never hear of it."""

from ipaddress import ip_network

import pytest

from shared.egress import (
    Egress,
    EgressFailed,
    EgressPolicy,
    EgressRefused,
)
from tests.unit.shared.egress import (
    NO_AUTHORITIES,
    Names,
    Server,
    allowing_loopback,
    answer,
    canary,
    refusal,
    serving,
)

__all__ = ["canary"]

LITERALS = [
    # loopback and this host
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "0.1.2.3",
    "0.0.0.0",  # noqa: S104  an address to refuse, not one to listen on
    # other spellings of 127.0.0.1 and of 10.0.0.1
    "127.1", "127.0.1", "0", "1", "2130706433", "017700000001", "0x7f000001", "0X7F000001",
    "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "0177.1", "00000177.0.0.1", "127.0.0.1.", "127.1.",
    "127.0.0.0x1", "167772161", "10.1", "0xa.1", "1.0x", "example.1", "example.0x7f",
    # private, shared, link-local, metadata of clouds
    "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1", "100.100.100.200",
    "169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.192",
    # documentation, benchmarks, multicast, reserved, broadcast
    "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255",
    # IPv6: loopback, unspecified, unique local, link-local, site-local, multicast
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]",
    "[fe80::1%25lo]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]",
    "[5f00::1]",
    # IPv4 within IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:10.0.0.1]",
    "[0:0:0:0:0:ffff:169.254.169.254]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:0a00:0001::1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    # digits, letters and dots that Unicode folds, and escapes
    "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "ⓛocalhost",
    "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127.0.0.1%00.example.com", "127.0.0.1%0a.example.com",
    "127.0.0.1%23.example.com", "local%68ost",
    # nothing, and no name
    "", ".", "..", "-", "a..b", "*", "exa_mple..com", "a" * 64, "[::1", "[v1.fe80]", "[127.0.0.1]",
]  # fmt: skip


@pytest.mark.parametrize("host", LITERALS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_host_that_is_not_public_is_refused(canary: Server, scheme: str, host: str) -> None:
    await refusal(canary, f"{scheme}://{host}:{canary.port}/latest/meta-data/")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "LocalHost."])
async def test_the_systems_own_name_for_loopback_is_refused(canary: Server, host: str) -> None:
    assert "public Internet" in await refusal(canary, f"http://{host}:{canary.port}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://school.example@127.0.0.1:{port}/",
        "http://school.example:80@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@school.example/",
        "http://school.example\\@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@school.example/",
        "http://127.0.0.1:{port}&@school.example#@127.0.0.1/",
        "http://school.example%40127.0.0.1:{port}/",
        "http://:@127.0.0.1:{port}/",
        "http://user@school.example/",
        "http://127.0.0.1:{port}#@school.example/",
        "http://127.0.0.1:{port}?@school.example/",
        "http://127.0.0.1:{port};school.example/",
        "http://127.0.0.1:{port}:80/",
        "http:///127.0.0.1:{port}/",
        "http:127.0.0.1:{port}/",
        "http:/127.0.0.1:{port}/",
        "http:\\\\127.0.0.1:{port}\\",
        "//127.0.0.1:{port}/",
        "127.0.0.1:{port}",
        "/latest/meta-data/",
        "",
        "http://127.0.0.1:{port}\r\nHost: school.example/",
        "http://127.0.0.1\t:{port}/",
        " http://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "ftp://school.example/",
        "gopher://127.0.0.1:{port}/_GET%20/",
        "dict://127.0.0.1:{port}/info",
        "ws://school.example/",
        "data:text/plain,hello",
        "jar:http://127.0.0.1:{port}/!/",
        "javascript:alert(1)",
        "http://school.example:22/",
        "http://school.example:6379/",
        "http://school.example:0/",
        "http://school.example:-1/",
        "http://school.example:65616/",
        "https://school.example:8443/",
    ],
)
async def test_an_address_that_means_another_host_or_service_is_refused(
    canary: Server, url: str
) -> None:
    names = Names({"school.example": [["127.0.0.1"]]})
    await refusal(canary, url.replace("{port}", str(canary.port)), names)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%lo"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2606:4700::1111", "fd00::1"],
        ["0.0.0.0"],  # noqa: S104  an address to refuse, not one to listen on
    ],
)
async def test_a_name_with_an_address_that_is_not_public_is_refused(
    canary: Server, addresses: list[str]
) -> None:
    names = Names({"school.example": [addresses]})
    reason = await refusal(canary, f"http://school.example:{canary.port}/", names)
    assert reason == "school.example is not on the public Internet"


async def test_a_name_is_asked_once_so_that_its_second_answer_is_never_used(
    canary: Server,
) -> None:
    names = Names({"rebind.example": [["127.0.0.9"], ["127.0.0.1"]]})
    only_the_first = EgressPolicy((ip_network("127.0.0.9"),), frozenset({canary.port}))
    with pytest.raises(EgressFailed, match="ConnectError"):
        await Egress(only_the_first, names, NO_AUTHORITIES).request(
            "GET", f"http://rebind.example:{canary.port}/"
        )
    assert names.asked == ["rebind.example"]
    assert canary.heard == []


async def test_a_name_that_turns_private_is_refused_on_the_next_request() -> None:
    async with serving() as server:
        names = Names({"rebind.example": [["127.0.0.1"], ["10.0.0.1"]]})
        egress = allowing_loopback(server, names)
        url = f"http://rebind.example:{server.port}/"
        assert (await egress.request("GET", url)).content == b"hello"
        with pytest.raises(EgressRefused):
            await egress.request("GET", url)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/",
        "//127.0.0.2:{port}/",
        "http://private.example:{port}/",
        "http://0x7f000001:{port}/",
        "http://[::ffff:10.0.0.1]:{port}/",
        "http://169.254.169.254/",
        "http://public.example:22/",
        "http://user@public.example:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "http://[/",
    ],
)
async def test_a_redirect_to_what_is_not_allowed_is_refused(location: str) -> None:
    async with serving() as server:
        names = Names({"public.example": [["127.0.0.1"]], "private.example": [["10.0.0.1"]]})
        policy = EgressPolicy((ip_network("127.0.0.1"),), frozenset({80, server.port}))
        target = location.replace("{port}", str(server.port))
        server.reply = answer(b"", f"Location: {target}", status="302 Found")
        with pytest.raises(EgressRefused):
            await Egress(policy, names, NO_AUTHORITIES).request(
                "GET", f"http://public.example:{server.port}/", redirects=3
            )
        assert len(server.heard) == 1


async def test_an_allowed_network_is_reached_under_its_name() -> None:
    async with serving() as server:
        names = Names({"school.example": [["127.0.0.1"]]})
        got = await allowing_loopback(server, names).request(
            "POST",
            f"http://school.example:{server.port}/hook?a=%E4%B9%A6",
            headers={"X-Signature": "abc"},
            content=b"{}",
        )
        assert (got.status, got.content) == (200, b"hello")
        head = server.heard[0]
        assert head.startswith("POST /hook?a=%E4%B9%A6 HTTP/1.1\r\n")
        assert f"Host: school.example:{server.port}\r\n" in head
        assert "X-Signature: abc\r\n" in head


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
async def test_an_allowed_network_covers_every_form_of_its_addresses(host: str) -> None:
    async with serving() as server:
        pass
    with pytest.raises(EgressFailed):  # nobody listens there any more, but it was allowed to try
        await allowing_loopback(server).request("GET", f"http://{host}:{server.port}/")


async def test_the_next_address_of_a_name_is_tried_when_one_takes_no_connection() -> None:
    async with serving() as server:
        names = Names({"school.example": [["127.0.0.9", "::1", "127.0.0.1"]]})
        url = f"http://school.example:{server.port}/"
        assert (await allowing_loopback(server, names).request("GET", url)).content == b"hello"


async def test_a_chinese_name_is_asked_for_in_its_ascii_form() -> None:
    async with serving() as server:
        names = Names({"xn--wcvs22d.xn--fiqs8s": [["127.0.0.1"]]})
        url = f"http://教育.中国:{server.port}/"
        assert (await allowing_loopback(server, names).request("GET", url)).status == 200
        assert f"Host: xn--wcvs22d.xn--fiqs8s:{server.port}" in server.heard[0]


async def test_a_name_without_an_address_fails() -> None:
    with pytest.raises(EgressFailed, match="has no address"):
        await Egress(EgressPolicy(), Names({}), NO_AUTHORITIES).request(
            "GET", "http://unknown.example/"
        )


async def test_a_proxy_of_the_environment_is_not_used(
    canary: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{canary.port}")
    async with serving() as server:
        await allowing_loopback(server).request("GET", f"http://127.0.0.1:{server.port}/")
        assert len(server.heard) == 1
    assert canary.heard == []


async def test_a_redirect_is_not_followed_unless_asked() -> None:
    async with serving() as server:
        server.reply = answer(b"moved", "Location: /elsewhere", status="302 Found")
        got = await allowing_loopback(server).request("GET", f"http://127.0.0.1:{server.port}/")
        assert (got.status, got.content) == (302, b"moved")
        assert len(server.heard) == 1


async def test_no_more_redirects_are_followed_than_asked() -> None:
    async with serving() as server:
        server.reply = answer(b"", "Location: /again", status="307 Temporary Redirect")
        got = await allowing_loopback(server).request(
            "GET", f"http://127.0.0.1:{server.port}/", redirects=2
        )
        assert (got.status, got.url) == (307, f"http://127.0.0.1:{server.port}/again")
        assert len(server.heard) == 3


async def test_a_post_is_never_sent_to_where_it_is_redirected() -> None:
    async with serving() as server:
        server.reply = answer(b"", "Location: /again", status="308 Permanent Redirect")
        got = await allowing_loopback(server).request(
            "POST", f"http://127.0.0.1:{server.port}/", content=b"{}", redirects=2
        )
        assert got.status == 308
        assert len(server.heard) == 1


@pytest.mark.parametrize(
    ("location", "kept"), [("/next", True), ("http://b.example:{port}/", False)]
)
async def test_a_credential_stays_within_its_origin(location: str, kept: bool) -> None:
    async with serving() as server:
        names = Names({"a.example": [["127.0.0.1"]], "b.example": [["127.0.0.1"]]})
        server.reply = answer(
            b"", f"Location: {location.replace('{port}', str(server.port))}", status="302 Found"
        )
        await allowing_loopback(server, names).request(
            "GET",
            f"http://a.example:{server.port}/",
            headers={"Authorization": "Bearer t", "X-Api-Key": "k", "Accept": "text/xml"},
            redirects=1,
        )
        second = server.heard[1].lower()
        assert ("authorization: bearer t" in second) is kept
        assert ("x-api-key: k" in second) is kept
        assert "accept: text/xml" in second
