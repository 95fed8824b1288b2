"""openstack function trigger: functions that run when something happens."""

import faasclient
from osc_lib import exceptions

from faas_openstackclient import base, console, sources
from faas_openstackclient.executions import each

COLUMNS = ('id', 'name', 'description', 'source', 'status', 'status_reason', 'function_id', 'function_version',
           'function_alias', 'url', 'settings', 'filter', 'input', 'retries', 'retry_delay', 'delivered', 'filtered',
           'duplicates', 'failed', 'last_event_at', 'last_event_id', 'last_error', 'last_error_at', 'project_id',
           'user_id', 'created_at', 'updated_at')
_shapes = {
    'status': console.Status, 'settings': console.Json, 'filter': console.Json, 'input': console.Json,
    'last_event_at': console.Time, 'last_error_at': console.Time, 'created_at': console.Time,
    'updated_at': console.Time,
}


def shown(trigger):
    return COLUMNS, [_shapes.get(name, lambda value: value)(trigger.get(name)) for name in COLUMNS]


def _options(parser):
    parser.add_argument('--name', metavar='<name>', help='A name, which can stand for the ID')
    parser.add_argument('--description', metavar='<text>', help='What it is for')
    parser.add_argument('--filter', action='append', metavar='<json>',
                        help='A condition that events must meet, as {"prefix": {"type": "org.openstack."}}, or '
                             '@FILE (repeat for several, all of which must hold)')
    parser.add_argument('--no-filter', action='store_true', help='Have every event wanted')
    parser.add_argument('-a', '--argument', action='append', type=base.pair, metavar='<name>=<value>',
                        help='What the function is given beside the event, as name=${data.name} (repeat for several)')
    parser.add_argument('--input', metavar='<json>', help='The same as a JSON object, or @FILE; {} for nothing')
    parser.add_argument('--retries', type=int, metavar='<number>',
                        help='How often an event is tried again whose execution failed, 2 by default')
    parser.add_argument('--retry-delay', type=base.positive, metavar='<seconds>',
                        help='Before the first of those, 30 by default; it doubles each time')
    sources.add_options(parser)


def _fields(parsed_args, source, before):
    fields = base.given(parsed_args, 'name', 'description', 'retries', 'retry_delay')
    if parsed_args.filter and parsed_args.no_filter:
        raise exceptions.CommandError('Give --filter, or --no-filter, not both.')
    if parsed_args.filter:
        conditions = [base.json_of('--filter', text) for text in parsed_args.filter]
        fields['filter'] = [one for some in conditions for one in (some if isinstance(some, list) else [some])]
    elif parsed_args.no_filter:
        fields['filter'] = []
    if parsed_args.input is not None:
        fields['input'] = base.json_of('--input', parsed_args.input)
    if parsed_args.argument:
        fields['input'] = dict(fields.get('input') or {}, **base.arguments(parsed_args.argument))
    settings = sources.settings(source, parsed_args, before)
    if settings:
        fields['settings'] = settings
    return fields


class Create(base.ShowOne):
    """Have a function run when something happens.

    Each source has options of its own, which are below.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('source', metavar='<source>', choices=sorted(sources.SOURCES),
                            help='Where events come from: ' + ', '.join(sorted(sources.SOURCES)))
        base.function_arguments(parser)
        _options(parser)
        parser.add_argument('--paused', action='store_true', help='Make it, and have it take no events yet')
        return parser

    def take_action(self, parsed_args):
        fields = _fields(parsed_args, parsed_args.source, {})
        fields.update(base.called(self, parsed_args), source=parsed_args.source)
        if parsed_args.paused:
            fields['status'] = 'paused'
        return shown(self.client.triggers.create(**fields))


class Set(base.ShowOne):
    """Change a trigger: what is not named stays"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _trigger(parser)
        parser.add_argument('--function', metavar='<function>', help='Another function (name or ID)')
        parser.add_argument('--function-version', type=int, metavar='<number>', help='A frozen version of it')
        parser.add_argument('--function-alias', metavar='<alias>', help='An alias, in the place of both')
        _options(parser)
        return parser

    def take_action(self, parsed_args):
        trigger = self.find('trigger', parsed_args.trigger)
        fields = _fields(parsed_args, trigger['source'], trigger['settings'])
        if parsed_args.function_version is not None and not parsed_args.function:
            if not trigger['function_id']:
                raise exceptions.CommandError('The trigger calls an alias: say --function, too.')
            parsed_args.function = trigger['function_id']
        fields.update(base.called(self, parsed_args, required=False))
        return shown(self.client.triggers.update(trigger['id'], **fields))


class List(base.Lister):
    """List triggers, with what came of their events"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--source', choices=sorted(sources.SOURCES), help='Of this source')
        parser.add_argument('--status', choices=['pending', 'active', 'paused', 'error', 'deleting'],
                            help='With this status')
        parser.add_argument('--function', metavar='<function>', help='Of this function (name or ID)')
        parser.add_argument('--all-projects', action='store_true', help='Of all projects, for administrators')
        return parser

    def take_action(self, parsed_args):
        filters = base.given(parsed_args, 'source', 'status')
        if parsed_args.function:
            filters['function_id'] = self.find('function', parsed_args.function)['id']
        if parsed_args.all_projects:
            filters['all_projects'] = True
        triggers = list(self.client.triggers.list(**filters))
        names = self._names({t['function_id'] for t in triggers if t['function_id']}, parsed_args.all_projects)
        columns = ('ID', 'Name', 'Source', 'Calls', 'Status', 'Delivered', 'Filtered', 'Failed', 'Last Event')
        return columns, (
            (t['id'], t['name'], t['source'], t['function_alias'] or names.get(t['function_id']) or t['function_id'],
             console.Status(t['status']),
             t['delivered'], t['filtered'], t['failed'], console.Time(t['last_event_at']))
            for t in triggers)

    def _names(self, ids, all_projects):
        """Returns the names of functions, a hundred in a request."""
        ids, names = sorted(ids), {}
        for start in range(0, len(ids), 100):
            asked = {'id': 'in:' + ','.join(ids[start:start + 100]), 'all_projects': all_projects or None}
            names.update((f['id'], f['name']) for f in self.client.functions.list(**asked))
        return names


class Show(base.ShowOne):
    """Show a trigger"""

    def get_parser(self, prog_name):
        return _trigger(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        return shown(self.find('trigger', parsed_args.trigger))


class Delete(base.Base):
    """Delete triggers, and what they have in other services"""

    def get_parser(self, prog_name):
        return _triggers(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        each(self, 'trigger', parsed_args.trigger, lambda name: self.client.triggers.delete(name))


class Pause(base.Base):
    """Have triggers take no events until they are resumed"""

    status = 'paused'

    def get_parser(self, prog_name):
        return _triggers(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        each(self, 'trigger', parsed_args.trigger, lambda name: self.client.triggers.update(name, status=self.status))


class Resume(Pause):
    """Have triggers that are paused go on"""

    status = 'active'


class Rotate(base.ShowOne):
    """Give a trigger another URL; the one before leads nowhere at once"""

    def get_parser(self, prog_name):
        return _trigger(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        trigger = self.client.triggers.rotate(self.find('trigger', parsed_args.trigger)['id'])
        return ('id', 'name', 'url'), (trigger['id'], trigger['name'], trigger['url'])


class ListDeadLetters(base.Lister):
    """List the events of a trigger of which all executions failed"""

    def get_parser(self, prog_name):
        parser = _trigger(super().get_parser(prog_name))
        parser.add_argument('--long', action='store_true', help='With the inputs of the executions, too')
        return parser

    def take_action(self, parsed_args):
        trigger = self.find('trigger', parsed_args.trigger)
        columns = ['ID', 'Created At', 'Event Type', 'Event ID', 'Attempts', 'Reason']
        letters = self.client.triggers.dead_letters(trigger['id'])
        if not parsed_args.long:
            return columns, (_letter(letter) for letter in letters)
        return [*columns, 'Event Source', 'Input'], (
            [*_letter(letter), letter['event_source'], console.Cut(letter['input'])] for letter in letters)


def _letter(letter):
    return [letter['id'], console.Time(letter['created_at']), letter['event_type'], letter['event_id'],
            letter['attempts'], console.Cut(letter['reason'])]


class DeleteDeadLetters(base.Base):
    """Forget dead letters of a trigger"""

    def get_parser(self, prog_name):
        parser = _trigger(super().get_parser(prog_name))
        parser.add_argument('dead_letter', nargs='+', metavar='<dead-letter>', help='The dead letter (ID)')
        return parser

    def take_action(self, parsed_args):
        trigger = self.find('trigger', parsed_args.trigger)
        each(self, 'dead letter', parsed_args.dead_letter,
             lambda letter: self.client.triggers.delete_dead_letter(trigger['id'], letter))


class Replay(base.Lister):
    """Have the events of dead letters executed again, by default the 100 oldest"""

    def get_parser(self, prog_name):
        parser = _trigger(super().get_parser(prog_name))
        parser.add_argument('dead_letter', nargs='*', metavar='<dead-letter>', help='Of these dead letters alone (ID)')
        parser.add_argument('--all', action='store_true', help='Of all that there are')
        return parser

    def take_action(self, parsed_args):
        trigger = self.find('trigger', parsed_args.trigger)
        executed = []
        with console.Progress(f'{trigger["name"]}: executing dead letters again') as progress:
            while True:
                answer = self._replay(trigger, parsed_args.dead_letter, executed)
                executed += answer['executions']
                progress.text = f'{trigger["name"]}: {len(executed)} dead letters are executed again'
                if not (parsed_args.all and answer['more'] and answer['executions']):
                    break
        if answer['more'] and not parsed_args.dead_letter:
            self.tell('There are more dead letters: --all has all of them executed again.')
        return ('Dead Letter', 'Execution'), ((x['dead_letter'], x['id']) for x in executed)

    def _replay(self, trigger, letters, executed):
        try:
            return self.client.triggers.replay(trigger['id'], letters)
        except faasclient.Error as error:
            if executed:
                self.tell(f'{len(executed)} dead letters are executed again, then:')
            raise error


def _trigger(parser):
    parser.add_argument('trigger', metavar='<trigger>', help='The trigger (name or ID)')
    return parser


def _triggers(parser):
    parser.add_argument('trigger', nargs='+', metavar='<trigger>', help='The trigger (name or ID)')
    return parser
