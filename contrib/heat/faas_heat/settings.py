"""What the settings of triggers may be, for each of their sources."""

import re
from typing import Any, Callable, Dict, List

import pytz

from faas_heat.base import UNKNOWN, invalid
from faas_heat.checks import check_pattern

# Each takes where a value is and the value, and raises if it is wrong.
Check = Callable[[str, Any], None]


class Field:
    """A setting: how it is checked, and whether it must be there."""

    def __init__(self, check: Check, required: bool = False):
        self.check = check
        self.required = required


def text(most: int = 255, pattern: str = '', like: str = '') -> Check:
    def check(where: str, value: Any) -> None:
        if not isinstance(value, str) or not 0 < len(value.encode()) <= most:
            raise invalid(f'{where} must be a text of 1 to {most} bytes.')
        if pattern and not re.fullmatch(pattern, value):
            raise invalid(f'{where} is {value!r}; {like}.')
    return check


def one_of(*values: str) -> Check:
    def check(where: str, value: Any) -> None:
        if value not in values:
            raise invalid(f'{where} must be one of {", ".join(values)}; it is {value!r}.')
    return check


def number(least: int, most: int) -> Check:
    def check(where: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise invalid(f'{where} must be a number from {least} to {most}; it is {value!r}.')
    return check


def boolean(where: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise invalid(f'{where} must be true or false; it is {value!r}.')


def list_of(check_one: Check) -> Check:
    def check(where: str, value: Any) -> None:
        if not isinstance(value, list) or not value:
            raise invalid(f'{where} must be a list with at least one value.')
        for i, one in enumerate(value):
            if one is UNKNOWN:
                continue
            check_one(f'{where}[{i}]', one)
            if one in value[:i]:
                raise invalid(f'{where} has {one!r} twice.')
    return check


def members(fields: Dict[str, Field]) -> Check:
    """Returns the check of a map that has these fields and no others."""
    def check(where: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise invalid(f'{where} must be a map with {", ".join(fields)}.')
        for name, one in value.items():
            if name not in fields:
                raise invalid(f'{where} has no {name}; it may have {", ".join(fields)}.')
            if one is not UNKNOWN and one is not None:
                fields[name].check(f'{where}.{name}', one)
        for name, field in fields.items():
            if field.required and value.get(name) is None:
                raise invalid(f'{where}.{name} is required.')
    return check


def _zone(where: str, value: Any) -> None:
    if value not in pytz.all_timezones_set:
        raise invalid(f'{where} is {value!r}; a time zone is like Europe/Berlin or UTC.')


def _pattern(where: str, value: Any) -> None:
    text()(where, value)
    check_pattern(where, value)


def _map(where: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise invalid(f'{where} must be a map, as the service has it for the type.')


_query = members({
    'field': Field(text(), required=True),
    'op': Field(one_of('eq', 'ne', 'lt', 'le', 'gt', 'ge')),
    'value': Field(lambda where, value: None),
    'type': Field(one_of('string', 'integer', 'float')),
})

_event_rule = members({'event_type': Field(text()), 'query': Field(list_of(_query))})

_gnocchi = ('gnocchi_resources_threshold', 'gnocchi_aggregation_by_metrics_threshold',
            'gnocchi_aggregation_by_resources_threshold')

_alarm_members = members({
    'type': Field(one_of('event', 'composite', *_gnocchi), required=True),
    'rule': Field(_map, required=True),
})


def _alarm(where: str, value: Any) -> None:
    _alarm_members(where, value)
    if value['type'] == 'event' and value['rule'] is not UNKNOWN:
        _event_rule(where + '.rule', value['rule'])


_queue = text(64, r'[a-zA-Z0-9_.\-]+', 'a queue has letters of a-z, A-Z, 0-9, _, - and .')
_http = Field(one_of('http', 'trust+http'))
_patterns = text(pattern=r'[A-Za-z0-9_.:@/*-]+', like='it may have letters, digits, . _ - : @ / and *')

SOURCES: Dict[str, Dict[str, Field]] = {
    'clock': {'pattern': Field(_pattern, required=True), 'time_zone': Field(_zone)},
    'webhook': {
        'signature': Field(one_of('none', 'github', 'standard')),
        'signing_secret': Field(text()),
        'type': Field(text()),
    },
    'aodh': {
        'alarm': Field(_alarm),
        'alarm_id': Field(text(64)),
        'action': _http,
        'severity': Field(one_of('low', 'moderate', 'critical')),
        'repeat': Field(boolean),
        'on': Field(list_of(one_of('alarm', 'ok', 'insufficient data'))),
    },
    'zaqar': {
        'queue': Field(_queue, required=True),
        'mode': Field(one_of('push', 'pull')),
        'action': _http,
        'claim_ttl': Field(number(60, 12 * 60 * 60)),
        'batch': Field(number(1, 20)),
    },
    'swift': {
        'container': Field(text(256, r'[^/]+', 'a container has no slash'), required=True),
        'events': Field(list_of(one_of('created', 'deleted'))),
        'prefix': Field(text(1024)),
        'suffix': Field(text(1024)),
        'interval': Field(number(2, 3600)),
    },
    'notification': {'event_type': Field(_patterns, required=True), 'publisher': Field(_patterns)},
}

# Fields that the service has for the one or the other, and never both.
_TOGETHER: Dict[str, List[List[str]]] = {
    'aodh': [['alarm', 'alarm_id'], ['alarm_id', 'severity'], ['alarm_id', 'repeat'], ['alarm_id', 'on']],
}


def check(source: Any, settings: Any) -> None:
    """Raises if these can not be the settings of the source. Values may be UNKNOWN."""
    if source not in SOURCES or settings is UNKNOWN:
        return
    settings = settings or {}
    members(SOURCES[source])('settings', settings)
    for one, other in _TOGETHER.get(source, ()):
        if settings.get(one) is not None and settings.get(other) is not None:
            raise invalid(f'settings has {one} and also {other}; it can have one of them.')
    if source == 'aodh' and settings.get('alarm') is None and settings.get('alarm_id') is None:
        raise invalid('settings must have alarm, which the trigger keeps in Aodh, or alarm_id, of one that you made.')
    if source == 'webhook' and settings.get('signing_secret') and settings.get('signature') in (None, 'none'):
        raise invalid('settings.signing_secret is of use only with a signature: github or standard.')
    if source == 'zaqar':
        _check_mode(settings)


def _check_mode(settings: Dict[str, Any]) -> None:
    mode = settings.get('mode') or 'push'
    for name, of in (('action', 'push'), ('claim_ttl', 'pull'), ('batch', 'pull')):
        if settings.get(name) is not None and mode is not UNKNOWN and mode != of:
            raise invalid(f'settings.{name} is of the mode {of} only; the mode is {mode}.')
