import pytest

from stack.errors import UsageError
from stack.settings import StackSettings


def test_a_misspelt_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHUYUAN_STACK_POSTGRES_ULR", "postgresql://db.example")
    with pytest.raises(UsageError, match=r"_POSTGRES_ULR is no .* SHUYUAN_STACK_POSTGRES_URL\?"):
        StackSettings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_URL", "foo"),
        ("POSTGRES_URL", "postgresql://"),
        ("POSTGRES_URL", "postgresql://db.example:port"),
        ("POSTGRES_URL", "https://db.example"),
        ("NATS_URL", "bus.example:4222"),
        ("OBJECT_STORE_ENDPOINT", "s3.example"),
        ("OBJECT_STORE_ORIGIN", "ftp://s3.example"),
        ("GATEWAY_ORIGIN", "edu.example"),
        ("NATS_URL", "nats://[bus"),
    ],
)
def test_an_address_that_is_none_is_refused_with_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SHUYUAN_STACK_{name}", value)
    with pytest.raises(UsageError, match=rf"^SHUYUAN_STACK_{name} is no address\. .*://"):
        StackSettings.load()


@pytest.mark.parametrize("name", ["OBJECT_STORE_ENDPOINT", "OBJECT_STORE_ORIGIN", "GATEWAY_ORIGIN"])
@pytest.mark.parametrize("rest", ["/", "/below", "?query", "#part"])
def test_an_origin_with_more_behind_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, rest: str
) -> None:
    monkeypatch.setenv(f"SHUYUAN_STACK_{name}", f"https://s3.example:8333{rest}")
    with pytest.raises(UsageError, match=r"must end behind the host and port"):
        StackSettings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_URL", ""),
        ("POSTGRES_URL", "postgresql://postgres@[2001:db8::1]/postgres"),
        ("NATS_URL", "tls://bus.example"),
        ("GATEWAY_ORIGIN", "https://edu.example"),
    ],
)
def test_an_address_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SHUYUAN_STACK_{name}", value)
    assert getattr(StackSettings.load(), name.lower()) == value
