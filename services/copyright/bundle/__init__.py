"""What every evidence bundle encloses beside the evidence: how to read and to check it."""

from collections.abc import Mapping
from importlib.resources import files

from services.copyright.verify import single_file


def documents() -> Mapping[str, bytes]:
    """Members of a bundle by name."""
    here = files(__name__)
    kept = {name: here.joinpath(name).read_bytes() for name in ("README.zh.txt", "verify.html")}
    return {**kept, "verify.py": single_file.build().encode()}


def legal_text(template: str) -> bytes:
    """The words of a licence, plain text in Chinese. Raises `FileNotFoundError` for another."""
    return files(__name__).joinpath(f"licences/{template}.zh.txt").read_bytes()
