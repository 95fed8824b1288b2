"""Checks of values that the service would refuse, while nothing has been made yet."""

import datetime
import re
from typing import Any

from croniter import croniter

from faas_heat.base import invalid

# What fields of patterns are made of; croniter takes more than the service.
FIELDS = re.compile(r'\s*([A-Za-z0-9*?#/L-]+(,[A-Za-z0-9*?#/-]+)*(\s+|$))+')
NAMES = ('@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly')


def check_pattern(where: str, value: Any) -> None:
    """Raises if the value is a text that is no pattern of cron."""
    if not isinstance(value, str) or value.strip().lower() in NAMES:
        return
    example = 'a pattern is like "*/5 * * * *", or @hourly'
    if value.lstrip().startswith('@') or not FIELDS.fullmatch(value):
        raise invalid(f'{where} is {value!r}; {example}.')
    try:
        croniter(value)
    except (ValueError, KeyError, TypeError) as wrong:
        raise invalid(f'{where} is {value!r}: {wrong}; {example}.')


def check_time(where: str, value: Any) -> None:
    """Raises if the value is a text that is no time. One that has passed is a time."""
    if not isinstance(value, str):
        return
    try:
        datetime.datetime.fromisoformat(value.replace('Z', '+00:00'))
    except ValueError:
        raise invalid(f'{where} is {value!r}; a time is like 2030-01-31T12:00:00Z.')
