"""Logs: one event a line, JSON for machines or coloured text for a terminal, counted by level.

Everything goes through one chain, the standard library's loggers of other packages included, and the redaction is its
last step but the rendering, so no way leads around it. Tracebacks are file, line and function of each frame and the
first line of the message: local variables and the further lines of a database's message hold users' data.
"""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import IO, Any, cast

import orjson
import structlog

from daemon.ports.meter import Meter
from daemon.runtime.redaction import Redaction

_Event = MutableMapping[str, Any]
_Processor = structlog.typing.Processor
_MESSAGE_LIMIT = 300
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_QUIET = {
    "asyncio": "WARNING",
    "aiohttp.access": "ERROR",
    "aiocometd_ng": "WARNING",
    "aiosfstream_ng": "WARNING",
}


def configure_logs(
    *,
    style: str = "auto",
    level: str = "info",
    name: str = "",
    redaction: Redaction,
    meter: Meter | None = None,
    environ: Mapping[str, str] | None = None,
    stream: IO[str] | None = None,
) -> None:
    """Set up structlog and the standard library's logging for this process.

    `style` is json, console or auto: console where standard error is a terminal. JSON goes to standard output, text
    to standard error, unless `stream` says otherwise. `name` is the instance's name in every line. Under
    systemd, which says so by JOURNAL_STREAM, JSON lines carry the priority prefix that `journalctl -p` reads.
    """
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    target = stream or (sys.stdout if as_json else sys.stderr)
    journal = bool((environ or {}).get("JOURNAL_STREAM")) and as_json
    shared: list[_Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _bind(name),
        _count(meter),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _describe_exception,
        _redact(redaction),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _render_json(journal) if as_json else _console(target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for other, least in _QUIET.items():
        logging.getLogger(other).setLevel(max(logging.getLevelName(least), root.level))
    logging.captureWarnings(True)


def _bind(name: str) -> _Processor:
    def bind(_: Any, __: str, event: _Event) -> _Event:
        if name:
            event["name"] = name
        return event

    return bind


def _count(meter: Meter | None) -> _Processor:
    def count(_: Any, __: str, event: _Event) -> _Event:
        if meter is not None:
            meter.count("isthmus_log_messages_total", level=str(event["level"]))
        return event

    return count


def _redact(redaction: Redaction) -> _Processor:
    def redact(_: Any, __: str, event: _Event) -> _Event:
        # Keys that begin with an underscore are structlog's own and are taken out before rendering.
        own = {key: value for key, value in event.items() if key.startswith("_")}
        return {**redaction.event({key: event[key] for key in event if key not in own}), **own}

    return redact


def _describe_exception(_: Any, __: str, event: _Event) -> _Event:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[1] is not None:
        event["exception"] = _exception_text(info[1], info[2])
    return event


def _exception_text(error: BaseException, trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    lines = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    message = next(iter(str(error).splitlines()), "")[:_MESSAGE_LIMIT]
    lines.append(f"{type(error).__qualname__}: {message}" if message else type(error).__qualname__)
    if error.__cause__ is not None:
        lines.append(f"caused by\n{_exception_text(error.__cause__, error.__cause__.__traceback__)}")
    return "\n".join(lines)


def _render_json(journal: bool) -> _Processor:
    def render(_: Any, __: str, event: _Event) -> str:
        first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
        prefix = f"<{_PRIORITIES.get(str(first.get('level')), 6)}>" if journal else ""
        return prefix + orjson.dumps({**first, **event}, default=str).decode()

    return render


def _console(target: IO[str]) -> _Processor:
    return cast("_Processor", structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=28))
