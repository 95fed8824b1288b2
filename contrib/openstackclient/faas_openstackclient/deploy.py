"""openstack function deploy: from a directory to a function that can be called."""

import os
import tempfile

import faasclient
from faasclient.multipart import md5
from osc_lib import exceptions

from faas_openstackclient import base, console, packaging, variables

# Which runtime a package is for, where nobody says it: by the file that the entry is in by default.
RUNTIMES = (('main.py', 'python3'), ('main.js', 'nodejs'), ('main.mjs', 'nodejs'), ('main.cjs', 'nodejs'))
SETTINGS = ('entry', 'description', 'cpu', 'memory_size', 'timeout')


class Deploy(base.ShowOne):
    """Make a function of a directory, or bring the one of that name up to date.

    The directory is zipped, without what .faasignore names, and uploaded if it differs from what
    the function has; what else is given is changed. Then it is waited for the runtime.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('directory', metavar='<directory>', help='Where the code is')
        parser.add_argument('--name', metavar='<name>',
                            help='The function (name or ID); by default the name of the directory')
        parser.add_argument('--runtime', metavar='<runtime>',
                            help='The runtime of a new function (name or ID); by default python3 if there is a '
                                 'main.py, nodejs if there is a main.js')
        parser.add_argument('--entry', metavar='<module.function>', help='What is called, main.main by default')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        parser.add_argument('--cpu', type=base.positive, metavar='<millicores>',
                            help='Processor, 100 for a tenth of a core')
        parser.add_argument('--memory-size', type=base.number_of_bytes, metavar='<bytes>',
                            help='Memory, as 67108864 or 64M')
        parser.add_argument('--timeout', type=base.positive, metavar='<seconds>', help='How long a call may take')
        parser.add_argument('--role', action='append', dest='roles', metavar='<role>',
                            help='A role of yours that the function acts with (repeat for several)')
        variables.add_options(parser)
        parser.add_argument('--exclude', action='append', default=[], metavar='<pattern>',
                            help='Leave files out, as a line of .faasignore would (repeat for several)')
        parser.add_argument('--publish', action='store_true', help='Freeze what it is now as a version')
        parser.add_argument('--function-alias', metavar='<alias>',
                            help='Have this alias stand for the new version (with --publish), or make it')
        parser.add_argument('--dry-run', action='store_true', help='List what would be in the package, and do nothing')
        return parser

    def take_action(self, parsed_args):
        if parsed_args.function_alias and not parsed_args.publish:
            raise exceptions.CommandError('An alias needs a version to stand for: give --publish, too.')
        found = self._files(parsed_args)
        with tempfile.TemporaryFile() as package:
            packaging.pack(found, package)
            length = package.tell()
            package.seek(0)
            if parsed_args.dry_run:
                return zip(*self._dry(found, length, md5(package)).items())
            name = parsed_args.name or os.path.basename(os.path.abspath(parsed_args.directory))
            try:
                done, function = self._bring(name, parsed_args, package)
            except faasclient.Invalid as error:
                if error.status == 413:
                    raise exceptions.CommandError(f'{error.message} {_largest(found)}') from error
                raise
        self._await(function['runtime_id'])
        shown = {'done': done, 'package_files': len(found), 'package_bytes': console.Bytes(length)}
        if parsed_args.publish:
            shown['version'] = self._publish(function)
        if parsed_args.function_alias:
            self._point(parsed_args.function_alias, function, shown['version'])
            shown['alias'] = parsed_args.function_alias
        columns = ('id', 'name', 'runtime_id', 'entry', 'cpu', 'memory_size', 'timeout')
        return zip(*dict({name: function[name] for name in columns}, **shown).items())

    def _files(self, parsed_args):
        if not os.path.isdir(parsed_args.directory):
            raise exceptions.CommandError(f'{parsed_args.directory} is no directory.')
        try:
            given = packaging.rules(parsed_args.directory, parsed_args.exclude)
            found = packaging.files(parsed_args.directory, given)
        except ValueError as error:
            raise exceptions.CommandError(str(error)) from error
        if not found:
            raise exceptions.CommandError(f'{parsed_args.directory} has no file that could be in a package.')
        return found

    def _dry(self, found, length, md5sum):
        return {'files': '\n'.join(name for name, _ in found), 'package_bytes': console.Bytes(length), 'md5sum': md5sum}

    def _bring(self, name, parsed_args, package):
        """Makes or changes the function and returns what was done, and its record."""
        fields = base.given(parsed_args, *SETTINGS, 'roles')
        try:
            function = self.client.functions.get(name)
        except faasclient.NotFound:
            if base.is_id(name):
                raise
            fields.update(variables.given(parsed_args))
            return 'created', self._create(name, parsed_args, package, fields)
        self._same_runtime(function, parsed_args.runtime)
        if function['code'].get('source') != 'package':
            raise exceptions.CommandError(
                f'The code of {name} is of the source {function["code"]["source"]}, not an uploaded package. Deploy '
                'under another name, or delete it.')
        fields.update(variables.given(parsed_args, lambda: function.get('environment') or {}))
        fields = {field: value for field, value in fields.items() if _differs(function.get(field), value)}
        if function['code'].get('md5sum') != md5(package):
            return 'updated', self._upload(self.client.functions.update, package, function['id'], **fields)
        if fields:
            return 'updated', self.client.functions.update(function['id'], **fields)
        return 'unchanged', function

    def _create(self, name, parsed_args, package, fields):
        runtime = parsed_args.runtime or _runtime_of(parsed_args.directory)
        runtime_id = self.find('runtime', runtime)['id']
        self._await(runtime_id)  # the service makes no function of one that is being made
        return self._upload(self.client.functions.create, package, name=name, runtime_id=runtime_id, **fields)

    def _upload(self, method, package, *args, **fields):
        with console.Progress('uploading') as progress:
            return method(*args, package=console.Counted(package, progress), **fields)

    def _same_runtime(self, function, runtime):
        if runtime and self.find('runtime', runtime)['id'] != function['runtime_id']:
            raise exceptions.CommandError(
                f'{function["name"]} has another runtime than {runtime}, {function["runtime_id"]}, and keeps it. '
                'Deploy under another name, or delete it.')

    def _await(self, runtime_id):
        """Waits until the runtime has workers: then calls are answered."""
        with console.Progress('waiting for the runtime'):
            while True:
                runtime = self.client.runtimes.get(runtime_id)
                if runtime['status'] in ('available', 'upgrading'):
                    return
                if runtime['status'] != 'creating':
                    raise exceptions.CommandError(
                        f'The runtime {runtime["name"]} is {runtime["status"]}: '
                        f'{runtime["status_reason"]}')
                base.pause(1)

    def _publish(self, function):
        """Freezes the function and returns the number, that of the newest version if nothing has changed since."""
        try:
            return self.client.versions.create(function['id'])['version_number']
        except faasclient.Forbidden as error:
            if 'has not changed since' not in error.message:  # quota, or rights
                raise
            return self.client.functions.get(function['id'])['latest_version']

    def _point(self, alias, function, number):
        try:
            self.client.aliases.update(alias, function_id=function['id'], function_version=number)
        except faasclient.NotFound:
            self.client.aliases.create(name=alias, function_id=function['id'], function_version=number)


def _differs(is_now, wanted):
    """Reports whether a field is to be changed; roles are the same in any order."""
    if isinstance(wanted, list):
        return sorted(is_now or []) != sorted(wanted)
    return is_now != wanted


def _runtime_of(directory):
    for file, runtime in RUNTIMES:
        if os.path.exists(os.path.join(directory, file)):
            return runtime
    raise exceptions.CommandError(
        f'{directory} has neither main.py nor main.js: say --runtime <runtime>, and --entry <module.function>. '
        '"openstack runtime list" shows which there are.')


def _largest(found):
    sizes = sorted(((os.path.getsize(path), name) for name, path in found), reverse=True)
    named = ', '.join(f'{name} {console.size(length)}' for length, name in sizes[:5])
    return f'The largest files are {named}; {packaging.IGNORE_FILE} can leave some out.'
