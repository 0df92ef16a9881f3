"""Date literals: the days that TODAY, LAST_WEEK or LAST_N_DAYS:30 stand for, in UTC. Weeks begin on Sunday."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from adapters.emulator.errors import RequestRefused
from adapters.emulator.soql.tree import DateWord

_Span = tuple[date, date]
_DAY = timedelta(days=1)


def span_of(word: DateWord, now: float) -> _Span:
    """The first day of the literal and the day after its last. Raises RequestRefused for a word that is none."""
    today = datetime.fromtimestamp(now, UTC).date()
    fixed, counted = _FIXED.get(word.name), _COUNTED.get(word.name)
    try:
        if fixed is not None:
            return fixed(today)
        if counted is not None:
            return counted(today, word.count)
    except (ValueError, OverflowError):
        raise RequestRefused(
            400, "MALFORMED_QUERY", f"{word.name}:{word.count} is outside the calendar"
        ) from None
    raise RequestRefused(400, "MALFORMED_QUERY", f"unexpected token: '{word.name}'")


def _week(today: date, shift: int, count: int = 1) -> _Span:
    start = today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=shift)
    return start, start + timedelta(weeks=count)


def _month(today: date, shift: int, count: int = 1) -> _Span:
    return _month_start(today, shift), _month_start(today, shift + count)


def _month_start(today: date, shift: int) -> date:
    months = today.year * 12 + today.month - 1 + shift
    return date(months // 12, months % 12 + 1, 1)


def _quarter(today: date, shift: int, count: int = 1) -> _Span:
    into = (today.month - 1) % 3
    return _month_start(today, shift * 3 - into), _month_start(today, (shift + count) * 3 - into)


def _year(today: date, shift: int, count: int = 1) -> _Span:
    return date(today.year + shift, 1, 1), date(today.year + shift + count, 1, 1)


_FIXED: dict[str, Callable[[date], _Span]] = {
    "TODAY": lambda d: (d, d + _DAY),
    "YESTERDAY": lambda d: (d - _DAY, d),
    "TOMORROW": lambda d: (d + _DAY, d + 2 * _DAY),
    "THIS_WEEK": lambda d: _week(d, 0),
    "LAST_WEEK": lambda d: _week(d, -1),
    "NEXT_WEEK": lambda d: _week(d, 1),
    "THIS_MONTH": lambda d: _month(d, 0),
    "LAST_MONTH": lambda d: _month(d, -1),
    "NEXT_MONTH": lambda d: _month(d, 1),
    "THIS_QUARTER": lambda d: _quarter(d, 0),
    "LAST_QUARTER": lambda d: _quarter(d, -1),
    "NEXT_QUARTER": lambda d: _quarter(d, 1),
    "THIS_YEAR": lambda d: _year(d, 0),
    "LAST_YEAR": lambda d: _year(d, -1),
    "NEXT_YEAR": lambda d: _year(d, 1),
    "LAST_90_DAYS": lambda d: (d - 90 * _DAY, d + _DAY),
    "NEXT_90_DAYS": lambda d: (d + _DAY, d + 91 * _DAY),
}
_COUNTED: dict[str, Callable[[date, int], _Span]] = {
    "LAST_N_DAYS": lambda d, n: (d - n * _DAY, d + _DAY),
    "NEXT_N_DAYS": lambda d, n: (d + _DAY, d + (n + 1) * _DAY),
    "N_DAYS_AGO": lambda d, n: (d - n * _DAY, d - (n - 1) * _DAY),
    "LAST_N_WEEKS": lambda d, n: _week(d, -n, n),
    "NEXT_N_WEEKS": lambda d, n: _week(d, 1, n),
    "LAST_N_MONTHS": lambda d, n: _month(d, -n, n),
    "NEXT_N_MONTHS": lambda d, n: _month(d, 1, n),
    "LAST_N_QUARTERS": lambda d, n: _quarter(d, -n, n),
    "NEXT_N_QUARTERS": lambda d, n: _quarter(d, 1, n),
    "LAST_N_YEARS": lambda d, n: _year(d, -n, n),
    "NEXT_N_YEARS": lambda d, n: _year(d, 1, n),
}
