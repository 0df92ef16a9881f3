"""Logs: their shape, their count, and that neither secrets nor users' values get into them."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from adapters.memory.meter import MemoryMeter
from daemon.runtime.logs import configure_logs
from daemon.runtime.redaction import MASK, Redaction

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def redaction() -> Redaction:
    return Redaction()


@pytest.fixture
def out(redaction: Redaction) -> io.StringIO:
    stream = io.StringIO()
    configure_logs(style="json", level="info", name="acme", redaction=redaction, stream=stream)
    return stream


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_the_instances_name(out: io.StringIO) -> None:
    structlog.stdlib.get_logger("flow.pull").info("batch.applied", step="people", records=3)
    (line,) = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info", "event": "batch.applied", "step": "people", "records": 3,
        "logger": "flow.pull", "name": "acme",
    }  # fmt: skip


def test_bound_context_is_in_every_line(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(step="people"):
        structlog.stdlib.get_logger().warning("slow")
    assert lines(out)[0]["step"] == "people"


def test_other_packages_loggers_take_the_same_road(out: io.StringIO) -> None:
    logging.getLogger("somebody.else").warning("token was %s", f"Bearer {'a' * 20}")
    (line,) = lines(out)
    assert (line["event"], line["logger"], line["level"]) == (
        f"token was Bearer {MASK}",
        "somebody.else",
        "warning",
    )


def test_warnings_become_log_lines(out: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logs(style="json", redaction=Redaction(), stream=out)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    assert "old way" in lines(out)[0]["event"]


def test_lines_are_counted_by_level_and_those_below_the_level_are_not() -> None:
    meter = MemoryMeter()
    configure_logs(style="json", redaction=Redaction(), meter=meter, stream=io.StringIO())
    log = structlog.stdlib.get_logger()
    log.debug("unseen")
    log.info("one")
    log.error("two")
    logging.getLogger("other").error("three")
    assert [
        meter.counted("isthmus_log_messages_total", level=each) for each in ("debug", "info", "error")
    ] == [0, 1, 2]


def test_journald_gets_priorities() -> None:
    stream = io.StringIO()
    configure_logs(style="json", redaction=Redaction(), environ={"JOURNAL_STREAM": "8:1"}, stream=stream)
    structlog.stdlib.get_logger().error("x")
    assert stream.getvalue().startswith('<3>{"timestamp"')


def test_the_console_is_text() -> None:
    stream = io.StringIO()
    configure_logs(style="console", redaction=Redaction(), stream=stream)
    structlog.stdlib.get_logger().info("batch.applied", step="people", password="hunter22")
    assert "batch.applied" in stream.getvalue()
    assert "step=people" in stream.getvalue()
    assert "hunter22" not in stream.getvalue()


def test_a_traceback_has_frames_and_no_values(out: io.StringIO) -> None:
    def failing(row: str) -> None:
        raise ValueError(f"duplicate key\nDETAIL: Key (email)=({row}) already exists.")

    try:
        failing("ada@example.com")
    except ValueError:
        structlog.stdlib.get_logger().exception("apply.failed")
    (line,) = lines(out)
    assert "in failing\n" in line["exception"]
    assert line["exception"].endswith("ValueError: duplicate key")
    assert "ada@example.com" not in out.getvalue()


def test_the_cause_of_an_exception_is_told_too(out: io.StringIO) -> None:
    error = RuntimeError("outer")
    error.__cause__ = KeyError("inner")
    structlog.stdlib.get_logger().error("failed", exc_info=error)
    assert lines(out)[0]["exception"] == "RuntimeError: outer\ncaused by\nKeyError: 'inner'"


def log_key(name: str) -> Callable[[structlog.stdlib.BoundLogger], None]:
    return lambda log: log.info("event", **{name: SECRET})


LEAKS: list[tuple[str, Callable[[structlog.stdlib.BoundLogger], None]]] = [
    *((name, log_key(name)) for name in (
        "password", "client_secret", "access_token", "refresh_token", "private_key", "Authorization", "sid",
        "values", "row", "body", "old", "new",
    )),
    ("nested", lambda log: log.info("event", request={"headers": [{"Authorization": SECRET}]})),
    ("deep", lambda log: log.info("event", a={"b": {"c": {"d": {"e": {"f": {"g": SECRET}}}}}})),
    ("values of a row", lambda log: log.info("event", values={"email": SECRET})),
    ("bearer", lambda log: log.info("GET with bearer %s", SECRET)),
    ("session id", lambda log: log.info("event", text=f"00D000000000001AAA!{SECRET.replace('-', '.')}")),
    ("address", lambda log: log.info("event", text=f"postgresql://app:{SECRET}@db/app")),
    ("form", lambda log: log.info("event", text=f"grant_type=x&client_secret={SECRET}&y=1")),
    ("key", lambda log: log.info("event", text=f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----")),
    ("cut key", lambda log: log.info("event", text=f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}")),
    ("exception", lambda log: log.error("event", exc_info=ValueError(f"password={SECRET}"))),
    ("object", lambda log: log.info("event", thing=ValueError(f"access_token={SECRET}"))),
]  # fmt: skip


@pytest.mark.parametrize("leak", [each[1] for each in LEAKS], ids=[each[0] for each in LEAKS])
def test_no_secret_and_no_value_gets_out(
    leak: Callable[[structlog.stdlib.BoundLogger], None], out: io.StringIO
) -> None:
    leak(structlog.stdlib.get_logger())
    assert lines(out)
    assert SECRET not in out.getvalue()
    assert SECRET.replace("-", ".") not in out.getvalue()


def test_a_secret_that_was_read_is_blotted_out_wherever_it_is(out: io.StringIO, redaction: Redaction) -> None:
    redaction.learn(SECRET)
    redaction.learn("to")
    log = structlog.stdlib.get_logger()
    log.info("odd place: <%s>", SECRET, other=[f"x{SECRET}y"], words="going to town")
    (line,) = lines(out)
    assert line["event"] == f"odd place: <{MASK}>"
    assert line["other"] == [f"x{MASK}y"]
    assert line["words"] == "going to town"


def test_a_passing_secret_is_blotted_out_and_the_newest_are_remembered(
    out: io.StringIO, redaction: Redaction
) -> None:
    redaction.learn(SECRET)
    tokens = [f"opaque-token-{number:04}" for number in range(100)]
    for token in tokens:
        redaction.learn_passing(token)
    structlog.stdlib.get_logger().info("answered", told=[tokens[-1], tokens[-32], SECRET])
    assert lines(out)[0]["told"] == [MASK, MASK, MASK]
    assert redaction.text(tokens[0]) == tokens[0]
