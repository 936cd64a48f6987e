"""Presigned addresses of S3: AWS Signature Version 4 in the query ("Authenticating Requests: Using
Query Parameters", Amazon S3 API reference). No call leaves the process.

Beside the host, the length of an upload may be signed, which the minio client does not offer. Then
the store takes a body of that very length and no other.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, urlsplit

_LONGEST = timedelta(days=7)
_UNRESERVED = "-_.~"


class Presigner:
    """Signs for one bucket at `origin` (``http(s)://host[:port]``), by path."""

    def __init__(
        self, *, origin: str, access_key: str, secret_key: str, bucket: str, region: str
    ) -> None:
        self._origin = origin
        self._host = urlsplit(origin).netloc
        self._secret_key = secret_key
        self._bucket = bucket
        self._region = region
        credential = quote(access_key, safe=_UNRESERVED)
        self._constant = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}%2F"

    def sign(
        self,
        method: str,
        key: str,
        expires: timedelta,
        query: Mapping[str, str],
        length: int | None = None,
    ) -> str:
        """An address good for 1 s to 7 days. Names in `query` begin in lower case, as S3's do.

        Raises `ValueError` for another life, and for a key with `.` or `..` segments.
        """
        if not timedelta(seconds=1) <= expires <= _LONGEST:
            raise ValueError("expires must be between 1 second to 7 days")
        if not key.strip() or {".", ".."} & set(key.split("/")):
            raise ValueError("an object key is a path without '.' and '..' segments")
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{self._region}/s3/aws4_request"
        signed, lines = "host", f"host:{self._host}\n"
        if length is not None:
            signed, lines = f"content-length;{signed}", f"content-length:{length}\n{lines}"
        path = f"/{self._bucket}/{quote(key, safe='/' + _UNRESERVED)}"
        # In order of the names: those with a capital come before what is asked.
        told = (
            f"{self._constant}{scope.replace('/', '%2F')}&X-Amz-Date={now}"
            f"&X-Amz-Expires={int(expires.total_seconds())}"
            f"&X-Amz-SignedHeaders={signed.replace(';', '%3B')}"
        ) + "".join(
            f"&{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}"
            for name, value in sorted(query.items())
        )
        canonical = f"{method}\n{path}\n{told}\n{lines}\n{signed}\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        signature = hmac.digest(
            _signing_key(self._secret_key, now[:8], self._region), to_sign.encode(), "sha256"
        )
        return f"{self._origin}{path}?{told}&X-Amz-Signature={signature.hex()}"


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for scope in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, scope.encode(), "sha256")
    return key
