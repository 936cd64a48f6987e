"""A time-stamp authority of the tests' own, and a bundle that it stamped."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from services.copyright.domain.evidence import Stamp
from services.copyright.domain.signing import Sm2Signer, new_sm2_key
from services.copyright.verify.notes import Note
from services.copyright.verify.trust import Trust, load_trust
from tests.unit.copyright import samples

CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sm3, sha384
ess_cert_id_alg = sha256
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[stamping]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[req]
distinguished_name = name
[name]
"""


@dataclass(frozen=True)
class Authority:
    """A root and a time-stamping certificate beneath it, as files."""

    folder: Path

    @property
    def root(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    @property
    def chain(self) -> bytes:
        return (self.folder / "tsa.pem").read_bytes()

    def stamp(self, message: bytes, digest: str = "sha256") -> bytes:
        """A DER TimeStampResp over `message`."""
        asked, answered = self.folder / "asked.tsq", self.folder / "answered.tsr"
        data = self.folder / "data"
        data.write_bytes(message)
        given = ["-data", str(data), f"-{digest}", "-cert", "-out", str(asked)]
        self.openssl("ts", "-query", *given)
        config = ["-config", str(self.folder / "tsa.cnf"), "-section", "own"]
        self.openssl("ts", "-reply", *config, "-queryfile", str(asked), "-out", str(answered))
        return answered.read_bytes()

    def openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    made = Authority(folder)
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    config = ["-config", str(folder / "tsa.cnf")]
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    root = ["-keyout", f"{folder}/root.key", "-out", f"{folder}/root.pem", "-days", "30"]
    subject = ["-subj", "/CN=root", "-extensions", "authority"]
    made.openssl("req", "-x509", *config, *new, *root, *subject)
    asked = ["-keyout", f"{folder}/tsa.key", "-out", f"{folder}/tsa.csr", "-subj", "/CN=tsa"]
    made.openssl("req", "-new", *config, *new, *asked)
    signer = ["-CA", f"{folder}/root.pem", "-CAkey", f"{folder}/root.key", "-CAcreateserial"]
    extensions = ["-extfile", f"{folder}/tsa.cnf", "-extensions", "stamping", "-days", "20"]
    made.openssl(
        "x509",
        "-req",
        "-in",
        f"{folder}/tsa.csr",
        *signer,
        *extensions,
        "-out",
        f"{folder}/tsa.pem",
    )
    return made


@pytest.fixture(scope="session")
def sm2_key() -> bytes:
    return new_sm2_key()


@pytest.fixture(scope="session")
def members(authority: Authority, sm2_key: bytes) -> Mapping[str, bytes]:
    """A whole bundle's members, checksums included."""
    enclosed = samples.evidence(*samples.logs(sm2_key))
    text = enclosed.record.proof.checkpoint.text.encode()
    stamps = [
        Stamp(digest, authority.stamp(text, digest), authority.chain)
        for digest in ("sha256", "sm3")
    ]
    return samples.sealed(replace(enclosed, stamps=stamps).members())


@pytest.fixture(scope="session")
def trust_folder(
    tmp_path_factory: pytest.TempPathFactory,
    sm2_key: bytes,
    authority: Authority,
) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    (folder / "policy.txt").write_text(samples.POLICY)
    sm2_signer = Sm2Signer(samples.SIBLING_KEY.name, sm2_key)
    (folder / "sibling.vkey").write_text(f"{sm2_signer.key}\n")
    (folder / "evidence.vkey").write_text(f"{samples.SEAL_KEY.key}\n")
    (folder / "authority.pem").write_bytes(authority.root)
    return folder


@pytest.fixture(scope="session")
def trust(trust_folder: Path) -> Trust:
    return load_trust(trust_folder)


@pytest.fixture
def note() -> Note:
    log = samples.Log(signers=(samples.LOG_KEY, *samples.WITNESSES))
    log.append(b"one")
    return log.checkpoint()
