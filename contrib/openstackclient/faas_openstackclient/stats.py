"""openstack function stats: calls, failures and times, over time."""

from faas_openstackclient import base, console

COLUMNS = ('calls', 'succeeded', 'failed', 'errors', 'cold_starts', 'p50_ms', 'p95_ms', 'gb_seconds')
MEASURED = ('p50_ms', 'p95_ms', 'gb_seconds')


class Stats(base.Lister):
    """List calls, failures, times and memory, over time.

    By default of the last 24 hours, hour by hour. Times without calls are left out.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', nargs='?', metavar='<function>',
                            help='Of this function (name or ID); by default of the whole project')
        parser.add_argument('--since', type=base.moment, metavar='<time>',
                            help='From this time on, 2026-01-31T12:00:00, or so long ago, 15m, 2h, 3d; 24h by default')
        parser.add_argument('--until', type=base.moment, metavar='<time>', help='To this time; by default now')
        parser.add_argument('--step', choices=['5m', '1h'], default='1h', help='How long a row is, 1h by default')
        parser.add_argument('--total', action='store_true', help='One row for all of the time')
        parser.add_argument('--all-projects', action='store_true', help='Of all projects, for administrators')
        return parser

    def take_action(self, parsed_args):
        filters = {'step': {'5m': 300, '1h': 3600}[parsed_args.step]}
        for name, option in (('start', parsed_args.since), ('end', parsed_args.until)):
            if option:
                filters[name] = f'{option:%Y-%m-%dT%H:%M:%SZ}'
        if parsed_args.function:
            filters['function_id'] = self.id_of('function', parsed_args.function)
        if parsed_args.all_projects:
            filters['all_projects'] = True
        answer = self.client.statistics(**filters)
        heads = tuple(name.replace('_', ' ').title().replace('Ms', 'ms').replace('Gb', 'GB') for name in COLUMNS)
        if parsed_args.total:
            return heads, [_row(answer['total'])]
        return ('At', *heads), [[console.Time(point['at']), *_row(point)] for point in answer['points']]


def _row(point):
    return [console.Measured(point[name]) if name in MEASURED else point[name] for name in COLUMNS]
