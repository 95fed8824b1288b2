"""The options of the sources of triggers, and the settings that they make.

A source's settings are a row of SOURCES: an option for each member, so that nobody writes JSON for
what is usual; --settings takes JSON for the rest.
"""

from typing import Any, Callable, Dict, NamedTuple, Tuple

from osc_lib import exceptions

from faas_openstackclient import base


class Option(NamedTuple):
    name: str  # --name, and the member of settings with _ for -
    help: str
    member: str = ''  # where it is another
    options: Dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.member or self.name.replace('-', '_')

    @property
    def dest(self) -> str:
        return self.name.replace('-', '_')


def _choice(*values):
    return {'choices': values}


_number = {'type': int, 'metavar': '<number>'}
_several = {'action': 'append'}

SOURCES: Dict[str, Tuple[Option, ...]] = {
    'clock': (
        Option('pattern', 'When, as cron has it: minute, hour, day, month, weekday; or @hourly, @daily …'),
        Option('time-zone', 'By which clock, as Europe/Berlin; UTC by default'),
    ),
    'webhook': (
        Option('signature', 'What senders sign with', options=_choice('none', 'github', 'standard')),
        Option('signing-secret', 'The secret of signatures, where the sender has chosen it'),
        Option('type', 'The type of the event that a plain request becomes'),
    ),
    'aodh': (
        Option('event-type', 'The notification at which the alarm fires, as compute.instance.delete.*'),
        Option('query', 'A condition on the notification, as traits.state=deleted (repeat for several)',
               options=dict(_several, type=base.pair, metavar='<field>=<value>')),
        Option('alarm', 'The alarm as Aodh has it, JSON of type and rule, or @FILE; in the place of the two above'),
        Option('alarm-id', 'An alarm that you have made, and which sends to the URL of the trigger'),
        Option('on', 'A state that is an event: alarm by default (repeat for several)',
               options=dict(_several, choices=('ok', 'alarm', 'insufficient data'))),
        Option('severity', 'How bad it is', options=_choice('low', 'moderate', 'critical')),
        Option('repeat', 'Whether it is an event again while the state lasts', options=_choice('true', 'false')),
        Option('action', 'How the alarm or the message comes; with trust+http with a token of yours',
               options=_choice('http', 'trust+http')),
    ),
    'zaqar': (
        Option('queue', 'The queue of Zaqar'),
        Option('mode', 'Whether Zaqar sends messages (quick) or they are fetched (none is lost)',
               options=_choice('push', 'pull')),
        Option('batch', 'Messages in an event at most, with the mode pull', options=_number),
        Option('claim-ttl', 'Seconds after which a message comes again whose engine died', options=_number),
    ),
    'swift': (
        Option('container', 'The container of Swift'),
        Option('events', 'What is an event: created by default (repeat for several)',
               options=dict(_several, choices=('created', 'deleted'))),
        Option('object-prefix', 'Only objects whose names begin so', member='prefix'),
        Option('object-suffix', 'Only objects whose names end so', member='suffix'),
        Option('interval', 'Seconds between two looks, 10 by default', options=_number),
    ),
    'notification': (
        Option('publisher', 'Only what these services say, as compute.*'),
    ),
}
# Options that more than one source has, beside the one where they stand above.
SHARED = {'notification': ('event-type',), 'zaqar': ('action',)}


def add_options(parser) -> None:
    for source, options in SOURCES.items():
        group = parser.add_argument_group(f'source {source}')
        for option in options:
            more = [other for other, names in SHARED.items() if option.name in names]
            text = option.help + (f'. Also of {", ".join(more)}' if more else '')
            group.add_argument('--' + option.name, help=text, **dict(_metavar(option), **option.options))
    parser.add_argument(
        '--settings', metavar='<json>',
        help='Settings of the source as the API has them, JSON or @FILE; options of the source change them')


def _metavar(option: Option) -> Dict[str, Any]:
    return {} if 'choices' in option.options or 'metavar' in option.options else {'metavar': f'<{option.name}>'}


def settings(source: str, parsed_args, before: Dict[str, Any]) -> Dict[str, Any]:
    """Returns what the settings are by the options, {} where none is given, and before where one is not."""
    own = [option for options in SOURCES.values() for option in options if option.name in _names(source)]
    strange = [
        '--' + option.name for options in SOURCES.values() for option in options
        if option not in own and getattr(parsed_args, option.dest) is not None
    ]
    if strange:
        raise exceptions.CommandError(
            f'{", ".join(strange)}: not of the source {source}, whose options are '
            f'{", ".join("--" + name for name in _names(source))}.')
    chosen = {option.key: getattr(parsed_args, option.dest) for option in own
              if getattr(parsed_args, option.dest) is not None}
    base_settings = before
    if parsed_args.settings is not None:
        base_settings = base.json_of('--settings', parsed_args.settings)
        if not isinstance(base_settings, dict):
            raise exceptions.CommandError('--settings must be a JSON object.')
    elif not chosen:
        return {}
    return dict(base_settings, **_shapes.get(source, lambda of, _: of)(chosen, base_settings))


def _names(source: str) -> Tuple[str, ...]:
    return tuple(option.name for option in SOURCES[source]) + SHARED.get(source, ())


def _aodh(chosen: Dict[str, Any], before: Dict[str, Any]) -> Dict[str, Any]:
    """Makes the alarm of --event-type and --query, or of --alarm."""
    event_type, query = chosen.pop('event_type', None), chosen.pop('query', None)
    if 'repeat' in chosen:
        chosen['repeat'] = chosen['repeat'] == 'true'
    if 'alarm' in chosen:
        if event_type or query:
            raise exceptions.CommandError('--alarm says the whole rule: give it, or --event-type and --query.')
        chosen['alarm'] = base.json_of('--alarm', chosen['alarm'])
    elif event_type or query:
        rule = dict((before.get('alarm') or {}).get('rule') or {})
        if event_type:
            rule['event_type'] = event_type
        if query:
            rule['query'] = [{'field': field, 'op': 'eq', 'value': value} for field, value in query]
        chosen['alarm'] = {'type': 'event', 'rule': rule}
    return chosen


_shapes: Dict[str, Callable[[Dict[str, Any], Dict[str, Any]], Dict[str, Any]]] = {'aodh': _aodh}
