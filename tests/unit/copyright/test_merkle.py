import hashlib
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.copyright.domain.proofs import plan_consistency, plan_inclusion
from services.copyright.verify.merkle import (
    SHA256,
    SM3,
    CannotCheck,
    ProofInvalid,
    TreeHash,
    _sm3_function,
    sm3,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from tests.unit.copyright.samples import Log

# The eight leaves and the roots at each size that RFC 6962 implementations share as test data.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
SIZES = st.integers(1, 700)


def recursive_root(tree_hash: TreeHash, entries: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not entries:
        return tree_hash.digest(b"")
    if len(entries) == 1:
        return tree_hash.digest(b"\x00" + entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    left, right = (recursive_root(tree_hash, part) for part in (entries[:split], entries[split:]))
    return tree_hash.digest(b"\x01" + left + right)


@pytest.fixture(scope="module", params=[SHA256, SM3], ids=lambda each: each.name)
def log(request: pytest.FixtureRequest) -> Log:
    made = Log(request.param)
    made.append(*(str(n).encode() for n in range(700)))
    return made


def leaf_hashes(log: Log, size: int) -> list[bytes]:
    return [log.tree_hash.leaf(entry) for entry in log.entries[:size]]


def root(log: Log, size: int) -> bytes:
    return tree_root(log.tree_hash, leaf_hashes(log, size))


def test_the_standard_examples_of_sm3_hold() -> None:
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"").hex() == "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"


def test_sm3_comes_from_cryptography_where_hashlib_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = sm3(b"abc")

    def none(name: str) -> None:
        raise ValueError(name)

    monkeypatch.setattr(hashlib, "new", none)
    assert _sm3_function.__wrapped__()(b"abc") == expected
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(CannotCheck):
        _sm3_function.__wrapped__()


@pytest.mark.parametrize("size", ROOTS)
def test_the_shared_roots_of_rfc_6962_hold(size: int) -> None:
    hashes = [SHA256.leaf(leaf) for leaf in LEAVES[:size]]
    assert tree_root(SHA256, hashes).hex() == ROOTS[size]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 255, 256, 257])
def test_the_root_is_that_of_the_recursion_in_the_standard(log: Log, size: int) -> None:
    assert root(log, size) == recursive_root(log.tree_hash, log.entries[:size])


@settings(deadline=None)
@given(size=SIZES, data=st.data())
def test_an_inclusion_proof_holds_for_its_entry_alone(
    log: Log, size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = log.older(plan_inclusion(index, size))
    hashes, top = leaf_hashes(log, size), root(log, size)
    verify_inclusion(log.tree_hash, index, size, hashes[index], proof, top)
    refused = [
        (index, size, hashes[index], proof[:-1], top) if proof else (1, 1, hashes[0], [], top),
        (index, size, hashes[index], [*proof, top], top),
        (index, size, bytes(32), proof, top),
        (index, size, hashes[index], proof, bytes(32)),
        (index, index, hashes[index], proof, top),
        (index, size, hashes[index][:31], proof, top),
    ]
    for given_index, given_size, leaf_hash, given_proof, given_root in refused:
        with pytest.raises(ProofInvalid):
            verify_inclusion(
                log.tree_hash, given_index, given_size, leaf_hash, given_proof, given_root
            )


@settings(deadline=None)
@given(new_size=SIZES, data=st.data())
def test_a_consistency_proof_holds_for_its_two_trees_alone(
    log: Log, new_size: int, data: st.DataObject
) -> None:
    old_size = data.draw(st.integers(1, new_size))
    proof = log.older(plan_consistency(old_size, new_size))
    old_root, new_root = root(log, old_size), root(log, new_size)
    verify_consistency(log.tree_hash, old_size, new_size, old_root, new_root, proof)
    for given_old, given_new, given_proof in [
        (bytes(32), new_root, proof),
        (old_root, bytes(32), proof),
        (old_root, new_root, [*proof, bytes(32)]),
        (old_root, new_root, [*proof[:-1], bytes(32)] if proof else [b"short"]),
    ]:
        with pytest.raises(ProofInvalid):
            verify_consistency(log.tree_hash, old_size, new_size, given_old, given_new, given_proof)


def test_nothing_is_proved_from_an_empty_tree_or_towards_a_smaller_one() -> None:
    for old_size, new_size in [(0, 0), (0, 5), (5, 4)]:
        with pytest.raises(ProofInvalid):
            verify_consistency(SHA256, old_size, new_size, SHA256.empty(), bytes(32), [])
        with pytest.raises(ValueError, match="can be shown"):
            plan_consistency(old_size, new_size)
