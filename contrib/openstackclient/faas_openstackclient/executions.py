"""openstack function history, logs, and what can be done with executions."""

import itertools
import sys
import time

import faasclient
from osc_lib import exceptions

from faas_openstackclient import base, console

NEWEST = {'sort_keys': 'created_at', 'sort_dirs': 'desc'}


def _which(parser):
    """Adds the options by which executions are chosen."""
    parser.add_argument('function', nargs='?', metavar='<function>',
                        help='Of this function (name or ID); by default of all')
    parser.add_argument('--since', type=base.moment, metavar='<time>',
                        help='Since this time, 2026-01-31T12:00:00, or so long ago, 90s, 15m, 2h, 3d')
    parser.add_argument('--status', choices=['running', 'success', 'failed', 'error', 'cancelled'],
                        help='With this status')
    parser.add_argument('--trigger', metavar='<trigger>', help='Of events of this trigger (name or ID)')


def _filters(command, parsed_args):
    filters = base.given(parsed_args, 'status')
    if parsed_args.function:
        filters['function_id'] = command.id_of('function', parsed_args.function)
    if parsed_args.trigger:
        filters['trigger_id'] = command.id_of('trigger', parsed_args.trigger)
    if parsed_args.since:
        filters['created_at'] = f'gte:{parsed_args.since:%Y-%m-%dT%H:%M:%S}'
    return filters


def _newest(command, filters, number):
    return list(itertools.islice(command.client.executions.list(limit=min(number, 100), **NEWEST, **filters), number))


class History(base.Lister):
    """List executions, the newest first, with how they ended and how long they took"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _which(parser)
        parser.add_argument('--limit', type=base.positive, default=20, metavar='<number>',
                            help='Executions at most, 20 by default')
        parser.add_argument('--long', action='store_true', help='With functions, versions, triggers and inputs, too')
        return parser

    def take_action(self, parsed_args):
        records = _newest(self, _filters(self, parsed_args), parsed_args.limit)
        columns = ['Created At', 'ID', 'Status', 'Seconds', 'Output']
        if parsed_args.long:
            columns += ['Function', 'Version', 'Alias', 'Trigger', 'Waited For', 'Input', 'Description']
        return columns, (_row(record, parsed_args.long) for record in records)


def _row(record, long):
    result = faasclient.result(record)
    output = f'{result["size"]} bytes' if result.get('truncated') else result.get('output')
    row = [console.Time(record['created_at']), record['id'], console.Status(record['status']), result.get('duration'),
           console.Cut(output)]
    if long:
        row += [record['function_id'], record['function_version'], record['function_alias'], record.get('trigger_id'),
                record['sync'], console.Cut(record['input']), record['description']]
    return row


class Logs(base.Plain, base.Lister):
    """Print what executions printed, the newest last.

    With --follow those that end from now on, as they end, until it is interrupted.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _which(parser)
        parser.add_argument('--execution', metavar='<id>', help='Of this execution alone')
        parser.add_argument('--follow', action='store_true', help='Go on with those that end from now on')
        parser.add_argument('--limit', type=base.positive, metavar='<number>',
                            help='Of so many executions, 10 by default; with --follow, the end after so many')
        parser.add_argument('--interval', type=base.positive, default=1, metavar='<seconds>',
                            help='Between two looks of --follow, 1 by default')
        return parser

    def plain(self, parsed_args):
        if parsed_args.execution:
            self.app.stdout.write(self.client.executions.log(parsed_args.execution))
            return
        for record in self._chosen(parsed_args):
            result = faasclient.result(record)
            head = f'── {record["created_at"].partition(".")[0]} {record["id"]} {record["status"]} ' \
                f'{result.get("duration")} s'
            self.app.stdout.write(console.paint(head, 'dim', sys.stdout) + '\n' + _ended_line(self._log(record)))
            if record['status'] not in ('success', 'running'):
                outcome = f'{record["status"]}: {result.get("output")}'
                self.app.stdout.write(console.paint(outcome, 'red', sys.stdout) + '\n')
            self.app.stdout.flush()

    def take_action(self, parsed_args):
        if parsed_args.execution:
            records = [self.client.executions.get(parsed_args.execution)]
        else:
            records = self._chosen(parsed_args)
        return ('ID', 'Created At', 'Status', 'Log'), [
            (record['id'], console.Time(record['created_at']), console.Status(record['status']), self._log(record))
            for record in records]

    def _log(self, record):
        try:
            return self.client.executions.log(record['id'])
        except faasclient.NotFound:  # deleted since
            return ''

    def _chosen(self, parsed_args):
        filters = _filters(self, parsed_args)
        if not parsed_args.follow:
            return reversed(_newest(self, filters, parsed_args.limit or 10))
        if parsed_args.status == 'running':
            raise exceptions.CommandError('An execution that is running has no log yet: --follow prints it at the end.')
        if parsed_args.formatter != 'plain' and not parsed_args.limit:
            raise exceptions.CommandError('With --follow and -f say after how many executions to end: --limit NUMBER.')
        return itertools.islice(Followed(self.client, filters, parsed_args.interval), parsed_args.limit)


class Followed:
    """Gives executions as they end, each once.

    What is new is found by its time of creation, which has an index. Processes of the service may
    record a little out of order, and executions end later than they begin: each look so begins
    before the oldest execution that still runs, and MARGIN seconds before the newest one.
    """

    MARGIN = 10

    def __init__(self, client, filters, interval):
        self._client, self._interval = client, interval
        self._status = filters.pop('status', None)
        self._since = filters.pop('created_at', None)
        self._filters = filters

    def __iter__(self):
        told, since = set(), self._since
        if since is None:
            newest = next(self._client.executions.list(limit=1, **NEWEST, **self._filters), None)
            since = self._before(newest['created_at']) if newest else None
            told = {record['id'] for record in self._look(since) if record['status'] != 'running'}
        while True:
            records = list(self._look(since))
            for record in records:
                if record['status'] != 'running' and record['id'] not in told:
                    told.add(record['id'])
                    if self._status in (None, record['status']):
                        yield record
            if records:
                running = [record['created_at'] for record in records if record['status'] == 'running']
                since = self._before(min([records[-1]['created_at'], *running]))
                told &= {record['id'] for record in records}
            time.sleep(self._interval)

    def _look(self, since):
        filters = dict(self._filters, created_at=since) if since else self._filters
        return self._client.executions.list(limit=100, **filters)

    def _before(self, created_at):
        at = base.moment(created_at)
        return f'gte:{at - base.datetime.timedelta(seconds=self.MARGIN):%Y-%m-%dT%H:%M:%S}'


def _ended_line(log):
    return log if not log or log.endswith('\n') else log + '\n'


class Events(base.Lister):
    """List what happened to an execution, and when: what it waited for, where it was sent, how it ended"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('execution', metavar='<execution>', help='The execution (ID)')
        return parser

    def take_action(self, parsed_args):
        events = self.client.executions.events(parsed_args.execution)
        columns = ['At', 'Event', 'Seconds', 'Times', 'Worker', 'Detail']
        with_processes = any(event.get('process') for event in events)
        if with_processes:  # administrators alone see them
            columns.append('Process')
        return columns, (self._row(event, with_processes) for event in events)

    def _row(self, event, with_processes):
        row = [event['at'], event['event'], console.Measured(event.get('seconds')), event['times'],
               event.get('worker_id', ''), event.get('detail', '')]
        return [*row, event.get('process', '')] if with_processes else row


class Cancel(base.Base):
    """Cancel executions that wait or run"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('execution', nargs='+', metavar='<execution>', help='The execution (ID)')
        return parser

    def take_action(self, parsed_args):
        each(self, 'execution', parsed_args.execution, self.client.executions.cancel)


class Purge(base.Base):
    """Delete the records and logs of all executions of a function that have ended"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='<function>',
                            help='The function (name or ID; the ID of one that is gone, too)')
        return parser

    def take_action(self, parsed_args):
        with console.Progress('deleting'):
            deleted = self.client.executions.purge(parsed_args.function)
        self.tell(f'{deleted} records were deleted.')


def each(command, kind, names, action):
    """Does it with each, goes on after an error, and says at the end how many there were."""
    failed = 0
    for name in names:
        try:
            action(name)
        except faasclient.Error as error:
            failed += 1
            command.log.error('%s: %s', name, error)
    if failed:
        raise exceptions.CommandError(f'{failed} of {len(names)} {base.plural(kind)} failed.')
