"""Two signers or witnesses of one directory would each sign what the other does not know of."""

from pathlib import Path

import pytest

from services.copyright import signer, witness
from services.copyright.standalone.alone import DirectoryTaken, alone_in


def test_a_directory_has_one_process_and_is_free_again_when_it_ends(tmp_path: Path) -> None:
    with alone_in(tmp_path / "own"):
        with pytest.raises(DirectoryTaken, match="another process"), alone_in(tmp_path / "own"):
            pass
        with alone_in(tmp_path / "other"):
            pass
    with alone_in(tmp_path / "own"):
        pass


def test_a_second_witness_or_signer_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("token")
    own = ["--directory", str(tmp_path / "own"), "--port", "0"]
    with alone_in(tmp_path / "own"):
        assert witness.main([*own, "--name", "w.example", "--logs", str(tmp_path / "vkeys")]) == 1
        asked = ["--origin", "log.example/test", "--token-file", str(tmp_path / "token")]
        assert signer.main([*own, *asked]) == 1
    assert capsys.readouterr().err.count("another process works in") == 2
    assert not (tmp_path / "own" / "log.key").exists()
