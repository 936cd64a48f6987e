"""One JSON object a line on standard error, without personal data.

Code logs ids and counts. As a second line of defence, values that look like an ID number, a
telephone number, a mail address or a token are masked, whatever their key.
"""

import asyncio
import atexit
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict

from shared.context import current

_DIGIT = r"[0-9\uff10-\uff19]"  # as typed, half or full width
_ID = rf"[A-Za-z]?{_DIGIT}{{6}}[ -]?{_DIGIT}{{8}}[ -]?{_DIGIT}{{3}}[0-9Xx\uff10-\uff19]"
_MOBILE = rf"(?:(?:\+|00)?86[ -]?)?[1\uff11][3-9\uff13-\uff19]{_DIGIT}(?:[ -]?{_DIGIT}{{4}}){{2}}"
_PERSONAL = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_ID}|{_MOBILE})(?![0-9A-Za-z])"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,}"
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|(?i:bearer|basic)\s+[\w+/=.-]{8,}"
)

_WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


FLUSH_SECONDS = 0.1


def mask(text: str) -> str:
    """`text` with every ID number (alone or within a 学籍号), mobile number, address of electronic
    mail and token in it replaced by ``[masked]``."""
    return _PERSONAL.sub("[masked]", text)


def _masked(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, dict):
        return {mask(str(key)): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item) for item in value]
    text = str(value)
    masked = mask(text)
    fits = isinstance(value, int) and value.bit_length() < 64
    return value if fits and masked == text else masked


def _mask_all(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {key: _masked(value) for key, value in event.items()}


def _add_request(_logger: Any, _method: str, event: EventDict) -> EventDict:
    request = current()
    if request.request_id != "-":
        event.setdefault("request_id", request.request_id)
        if request.traceparent:
            event.setdefault("trace_id", request.traceparent[3:35])
    return event


class AccessLog:
    """One line for each answered request of `service`.

    Lines are written together, a tenth of a second apart: one by one they would wake the reader of
    the log each time.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._waiting: list[bytes] = []
        self._flush_at = 0.0
        atexit.register(self.flush)

    def note(self, **facts: Any) -> None:
        """``facts`` hold route templates and numbers, nothing that a caller wrote, so the masking
        that other records pay for is left out."""
        request = current()
        line = {
            **facts,
            "event": "request",
            "request_id": request.request_id,
            "trace_id": request.traceparent and request.traceparent[3:35],
            "level": "info",
            "timestamp": datetime.now(UTC),
            "service": self._service,
        }
        self._waiting.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        loop = asyncio.get_running_loop()
        if self._flush_at <= loop.time():
            self._flush_at = loop.time() + FLUSH_SECONDS
            loop.call_at(self._flush_at, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        lines, self._waiting = self._waiting, []
        if lines:
            sys.stderr.buffer.write(b"".join(lines))
            sys.stderr.buffer.flush()


def configure(service: str, level: str) -> None:
    """Send structlog's and the standard library's records through one JSON writer."""
    chain: list[Any] = [
        _add_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_WITHOUT_LOCALS),
    ]
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )

    def named(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                named,
                _mask_all,
                structlog.processors.JSONRenderer(
                    serializer=lambda event, **_: orjson.dumps(event, default=str).decode()
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    for noisy in ("nats", "asyncio", "httpx2", "httpcore2", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
