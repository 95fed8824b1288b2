"""List, show, create, update and delete: what python-qinlingclient has, for where it is not installed."""

import json
import os
import tempfile

from osc_lib import exceptions

from faas_openstackclient import base, console, packaging
from faas_openstackclient.executions import each

_shapes = {
    'status': console.Status, 'created_at': console.Time, 'updated_at': console.Time,
    'first_execution_time': console.Time, 'next_execution_time': console.Time,
}


def shaped(name, value):
    if isinstance(value, (dict, list)):
        return console.Json(value)
    return _shapes.get(name, lambda same: same)(value)


def shown(record):
    """Returns the columns of one thing, all of what the API has of it."""
    return zip(*((name, shaped(name, value)) for name, value in record.items()))


class _List(base.Lister):
    kind = ''
    columns = ()

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--filter', action='append', type=base.pair, default=[], metavar='<field>=<value>',
                            help='Only those with this value, or with a comparison before it, as name=has:hello; eq, '
                                 'neq, in, nin, gt, gte, lt, lte, has (repeat for several)')
        return parser

    def take_action(self, parsed_args):
        heads = [name.replace('_', ' ').title().replace('Id', 'ID') for name in self.columns]
        records = getattr(self.client, base.plural(self.kind)).list(**dict(parsed_args.filter))
        return heads, ([shaped(name, record.get(name)) for name in self.columns] for record in records)


class _One(base.ShowOne):
    kind = ''

    def get_parser(self, prog_name):
        return _named(super().get_parser(prog_name), self.kind)

    def take_action(self, parsed_args):
        return shown(self.find(self.kind, getattr(parsed_args, self.kind)))


class _Delete(base.Base):
    kind = ''

    def get_parser(self, prog_name):
        return _named(super().get_parser(prog_name), self.kind, nargs='+')

    def take_action(self, parsed_args):
        each(self, self.kind, getattr(parsed_args, self.kind), getattr(self.client, base.plural(self.kind)).delete)


def _named(parser, kind, **options):
    by = {'execution': 'ID', 'webhook': 'ID', 'alias': 'name'}.get(kind, 'name or ID')
    parser.add_argument(kind, metavar=f'<{kind}>', help=f'The {kind} ({by})', **options)
    return parser


class ListFunctions(_List):
    """List functions"""

    kind, columns = 'function', ('id', 'name', 'runtime_id', 'entry', 'count', 'latest_version', 'created_at')


class ShowFunction(_One):
    """Show a function"""

    kind = 'function'


class DeleteFunctions(_Delete):
    """Delete functions"""

    kind = 'function'


class _Code(base.ShowOne):
    """What creating and updating a function have in common: where its code is, and what it may take."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        code = parser.add_mutually_exclusive_group()
        code.add_argument('--file', metavar='<file>', help='Code that is one file')
        code.add_argument('--package', metavar='<zip>', help='Code that is a zip')
        code.add_argument('--container', metavar='<container>',
                          help='Code that is an object of this container of Swift')
        parser.add_argument('--object', metavar='<object>', help='The object, with --container')
        parser.add_argument('--entry', metavar='<module.function>', help='What is called, main.main by default')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        parser.add_argument('--cpu', type=base.positive, metavar='<millicores>',
                            help='Processor, 100 for a tenth of a core')
        parser.add_argument('--memory-size', type=base.number_of_bytes, metavar='<bytes>',
                            help='Memory, as 67108864 or 64M')
        parser.add_argument('--timeout', type=base.positive, metavar='<seconds>', help='How long a call may take')
        return parser

    def fields(self, parsed_args):
        fields = base.given(parsed_args, 'entry', 'description', 'cpu', 'memory_size', 'timeout')
        if bool(parsed_args.container) != bool(parsed_args.object):
            raise exceptions.CommandError('Give --container and --object together.')
        if parsed_args.container:
            of = {'container': parsed_args.container, 'object': parsed_args.object}
            fields['code'] = {'source': 'swift', 'swift': of}
        return fields

    def send(self, method, parsed_args, *args, **fields):
        """Sends the request, with the package if there is one."""
        try:
            if parsed_args.package:
                with open(parsed_args.package, 'rb') as package:
                    return method(*args, package=package, **fields)
            if parsed_args.file:
                with tempfile.TemporaryFile() as package:
                    packaging.pack([(os.path.basename(parsed_args.file), parsed_args.file)], package)
                    package.seek(0)
                    return method(*args, package=package, **fields)
        except OSError as error:
            raise exceptions.CommandError(f'{error.filename} can not be read: {error.strerror}.') from error
        return method(*args, **fields)


class CreateFunction(_Code):
    """Make a function of a file, a zip, an object of Swift or a container image"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', metavar='<name>', help='A name, which can stand for the ID')
        parser.add_argument('--runtime', metavar='<runtime>', help='The runtime (name or ID); not for container images')
        parser.add_argument('--image', metavar='<image>', help='Code that is a container image')
        return parser

    def take_action(self, parsed_args):
        fields = dict(self.fields(parsed_args), **base.given(parsed_args, 'name'))
        if parsed_args.image:
            fields['code'] = {'source': 'image', 'image': parsed_args.image}
        elif not (parsed_args.file or parsed_args.package or parsed_args.container):
            raise exceptions.CommandError('Say where the code is: --file, --package, --container and --object, or '
                                          '--image; or deploy a directory: "openstack function deploy".')
        elif not parsed_args.runtime:
            raise exceptions.CommandError('Say which runtime: --runtime python3, for one.')
        else:
            fields['runtime_id'] = self.find('runtime', parsed_args.runtime)['id']
        return shown(self.send(self.client.functions.create, parsed_args, **fields))


class UpdateFunction(_Code):
    """Change a function: what is not named stays"""

    def get_parser(self, prog_name):
        parser = _named(super().get_parser(prog_name), 'function')
        parser.add_argument('--name', metavar='<name>', help='Another name')
        return parser

    def take_action(self, parsed_args):
        fields = dict(self.fields(parsed_args), **base.given(parsed_args, 'name'))
        function = self.find('function', parsed_args.function)
        return shown(self.send(self.client.functions.update, parsed_args, function['id'], **fields))


class DownloadFunction(base.Base):
    """Write the package of a function to a file"""

    def get_parser(self, prog_name):
        parser = _named(super().get_parser(prog_name), 'function')
        parser.add_argument('-o', '--output', metavar='<file>', help='The file; by default <function>.zip')
        return parser

    def take_action(self, parsed_args):
        path = parsed_args.output or parsed_args.function + '.zip'
        size = self.client.functions.download(self.find('function', parsed_args.function)['id'], path)
        self.tell(f'{path}: {console.size(size)}')


class _Workers(base.Base):
    """What the commands about a function's workers have in common."""

    def get_parser(self, prog_name):
        parser = _named(super().get_parser(prog_name), 'function')
        parser.add_argument('--function-version', type=base.positive, metavar='<number>', default=0,
                            help='Of this version; by default of the live code')
        return parser

    def of(self, parsed_args):
        return {'id': self.find('function', parsed_args.function)['id'], 'version': parsed_args.function_version}


class _Counted(_Workers):
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--count', type=base.positive, metavar='<number>', default=1, help='How many, 1 by default')
        return parser


class ScaleUp(_Counted):
    """Give a function more workers, for administrators"""

    def take_action(self, parsed_args):
        self.client.functions.scale_up(count=parsed_args.count, **self.of(parsed_args))


class ScaleDown(_Counted):
    """Take workers away from a function, for administrators"""

    def take_action(self, parsed_args):
        self.client.functions.scale_down(count=parsed_args.count, **self.of(parsed_args))


class Detach(_Workers):
    """End all workers of a function, each with its calls, for administrators"""

    def take_action(self, parsed_args):
        self.client.functions.detach(**self.of(parsed_args))


class ListWorkers(base.Lister):
    """List the workers of a function, for administrators"""

    def get_parser(self, prog_name):
        return _named(super().get_parser(prog_name), 'function')

    def take_action(self, parsed_args):
        function = self.find('function', parsed_args.function)
        return ('Function ID', 'Function Version', 'Worker Name'), (
            (w['function_id'], w['function_version'], w['worker_name'])
            for w in self.client.workers.list(function['id']))


def _numbered(parser):
    _named(parser, 'function')
    parser.add_argument('version_number', type=base.positive, metavar='<number>', help='The version (number)')
    return parser


class ListVersions(base.Lister):
    """List the versions of a function"""

    def get_parser(self, prog_name):
        return _named(super().get_parser(prog_name), 'function')

    def take_action(self, parsed_args):
        function = self.find('function', parsed_args.function)
        return ('Version Number', 'Description', 'Count', 'Created At'), (
            (v['version_number'], v['description'], v['count'], console.Time(v['created_at']))
            for v in self.client.versions.list(function['id']))


class CreateVersion(base.ShowOne):
    """Freeze what a function is now"""

    def get_parser(self, prog_name):
        parser = _named(super().get_parser(prog_name), 'function')
        parser.add_argument('--description', metavar='<text>', help='What it is')
        return parser

    def take_action(self, parsed_args):
        function = self.find('function', parsed_args.function)
        return shown(self.client.versions.create(function['id'], **base.given(parsed_args, 'description')))


class ShowVersion(base.ShowOne):
    """Show a version of a function"""

    def get_parser(self, prog_name):
        return _numbered(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        function = self.find('function', parsed_args.function)
        return shown(self.client.versions.get(function['id'], parsed_args.version_number))


class DeleteVersion(base.Base):
    """Delete a version of a function"""

    def get_parser(self, prog_name):
        return _numbered(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        function = self.find('function', parsed_args.function)
        self.client.versions.delete(function['id'], parsed_args.version_number)


class ListAliases(_List):
    """List aliases"""

    kind = 'alias'
    columns = ('name', 'function_id', 'function_version', 'canary_version', 'canary_percent', 'description')


class ShowAlias(_One):
    """Show an alias"""

    kind = 'alias'


class DeleteAliases(_Delete):
    """Delete aliases"""

    kind = 'alias'


class CreateAlias(base.ShowOne):
    """Give a version of a function a name"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>', help='The name, unique in the project')
        parser.add_argument('--function', required=True, metavar='<function>', help='The function (name or ID)')
        parser.add_argument('--function-version', type=int, metavar='<number>',
                            help='A version of it; by default 0, the live code')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'name', 'function_version', 'description')
        fields['function_id'] = self.find('function', parsed_args.function)['id']
        return shown(self.client.aliases.create(**fields))


class ListExecutions(_List):
    """List executions; "function history" has the newest first"""

    kind, columns = 'execution', ('id', 'function_id', 'function_version', 'status', 'sync', 'created_at')


class ShowExecution(_One):
    """Show an execution"""

    kind = 'execution'


class DeleteExecutions(_Delete):
    """Delete records of executions"""

    kind = 'execution'


class ListRuntimes(_List):
    """List runtimes"""

    kind, columns = 'runtime', ('id', 'name', 'image', 'status', 'is_public', 'interpreter')


class ShowRuntime(_One):
    """Show a runtime; "runtime module list" has its modules"""

    kind = 'runtime'

    def take_action(self, parsed_args):
        runtime = self.find('runtime', parsed_args.runtime)
        runtime.pop('modules', None)  # they are as many as the screen has lines
        return shown(runtime)


class DeleteRuntimes(_Delete):
    """Delete runtimes, for administrators"""

    kind = 'runtime'


class CreateRuntime(base.ShowOne):
    """Make a runtime of a container image, for administrators"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('image', metavar='<image>', help='The image')
        parser.add_argument('--name', metavar='<name>', help='A name, which can stand for the ID')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        parser.add_argument('--private', dest='is_public', action='store_false', help='For this project alone')
        parser.add_argument('--untrusted', dest='trusted', action='store_false', help='Run its workers in a sandbox')
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'image', 'name', 'description', 'is_public', 'trusted')
        return shown(self.client.runtimes.create(**fields))


class ShowPool(base.ShowOne):
    """Show how full the pool of a runtime is, for administrators"""

    def get_parser(self, prog_name):
        return _named(super().get_parser(prog_name), 'runtime')

    def take_action(self, parsed_args):
        return shown(self.client.runtimes.pool(self.find('runtime', parsed_args.runtime)['id']))


class ListWebhooks(_List):
    """List webhooks"""

    kind, columns = 'webhook', ('id', 'function_id', 'function_alias', 'description', 'webhook_url')


class ShowWebhook(_One):
    """Show a webhook"""

    kind = 'webhook'


class DeleteWebhooks(_Delete):
    """Delete webhooks"""

    kind = 'webhook'


class CreateWebhook(base.ShowOne):
    """Make a URL that has a function run; "webhook set" adds signatures and limits"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _called(parser)
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        return parser

    def take_action(self, parsed_args):
        fields = dict(base.called(self, parsed_args), **base.given(parsed_args, 'description'))
        return shown(self.client.webhooks.create(**fields))


class ListJobs(_List):
    """List jobs"""

    kind = 'job'
    columns = ('id', 'name', 'status', 'function_id', 'pattern', 'time_zone', 'count', 'next_execution_time')


class ShowJob(_One):
    """Show a job"""

    kind = 'job'


class DeleteJobs(_Delete):
    """Delete jobs"""

    kind = 'job'


class CreateJob(base.ShowOne):
    """Have a function executed at a time, or again and again"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _called(parser)
        parser.add_argument('--name', metavar='<name>', help='A name, which can stand for the ID')
        parser.add_argument('--pattern', metavar='<pattern>',
                            help='When, as cron has it: minute, hour, day, month, weekday')
        parser.add_argument('--time-zone', metavar='<zone>', help='By which clock, as Europe/Berlin; UTC by default')
        parser.add_argument('--first-execution-time', metavar='<time>', help='When first, as 2030-01-31T12:00:00')
        parser.add_argument('--count', type=base.positive, metavar='<number>', help='How often; by default without end')
        parser.add_argument('-a', '--argument', action='append', type=base.pair, metavar='<name>=<value>',
                            help='A named argument of the function (repeat for several)')
        return parser

    def take_action(self, parsed_args):
        fields = dict(base.called(self, parsed_args), **base.given(
            parsed_args, 'name', 'pattern', 'time_zone', 'first_execution_time', 'count'))
        if parsed_args.argument:
            fields['function_input'] = json.dumps(base.arguments(parsed_args.argument))
        return shown(self.client.jobs.create(**fields))


def _called(parser):
    parser.add_argument('--function', metavar='<function>', help='The function (name or ID)')
    parser.add_argument('--function-version', type=int, metavar='<number>', help='A version of it')
    parser.add_argument('--function-alias', metavar='<alias>', help='An alias, in the place of both')
