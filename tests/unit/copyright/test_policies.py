import pytest

from services.copyright.verify.policy import Policy, PolicyMalformed
from tests.unit.copyright.samples import LOG_KEY, POLICY, WITNESSES

X, Y, Z = (witness.key for witness in WITNESSES)


def policy(*lines: str) -> Policy:
    named = [f"witness {name} {key}" for name, key in zip("XYZ", (X, Y, Z), strict=True)]
    return Policy.parse("\n".join([*named, *lines, ""]).encode())


def test_two_of_three_witnesses_are_a_quorum_of_two() -> None:
    ours = Policy.parse(POLICY.encode())
    assert not ours.satisfied_by([X])
    assert ours.satisfied_by([X, Z])
    assert ours.satisfied_by([X, Y, Z])
    assert not ours.satisfied_by([LOG_KEY.key, X])


def test_groups_stand_within_groups() -> None:
    nested = policy("group few any X Y", "group both all few Z", "quorum both")
    assert nested.satisfied_by([Y, Z])
    assert not nested.satisfied_by([X, Y])


def test_one_witness_may_be_the_quorum_and_so_may_none() -> None:
    assert policy("quorum Y").satisfied_by([Y])
    assert not policy("quorum Y").satisfied_by([X])
    assert policy("quorum none").satisfied_by([])


def test_comments_tabs_addresses_and_foreign_octets_are_read() -> None:
    text = f"\t# 注释\n\n witness\tW {X} https://w.example/ \nquorum W\n".encode() + b"#\xff\n"
    assert Policy.parse(text).witnesses == {"W": X}


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["quorum X", "quorum X"],
        ["quorum unknown"],
        ["group g 0 X", "quorum g"],
        ["group g 3 X Y", "quorum g"],
        ["group g any", "quorum X"],
        ["group g any X", "group h any X", "quorum g"],
        ["group g any X X", "quorum g"],
        ["group g any none", "quorum g"],
        ["group X any Y", "quorum X"],
        ["group none any Y", "quorum none"],
        [f"witness again {X}", "quorum X"],
        [f"log {X}", "quorum X"],
        [f"witness w {LOG_KEY.key}", "quorum X"],
        [f"log {LOG_KEY.key}", f"log {LOG_KEY.key}", "quorum X"],
        ["log broken+key", "quorum X"],
        ["quorum X\x00"],
        ["surprise", "quorum X"],
    ],
)
def test_a_policy_with_a_mistake_is_refused(lines: list[str]) -> None:
    with pytest.raises(PolicyMalformed):
        policy(*lines)


def test_a_mistake_is_told_with_its_line() -> None:
    with pytest.raises(PolicyMalformed, match="line 4"):
        policy("surprise")
