"""openstack function quota and limits: what a project may have, and what it has."""

import argparse

from keystoneauth1 import exceptions
from openstackclient.identity import common
from osc_lib import exceptions as osc_exceptions

from faas_openstackclient import base, console

RESOURCES = {
    'functions': 'Functions', 'function_versions': 'Versions of all functions', 'aliases': 'Aliases',
    'webhooks': 'Webhooks', 'jobs': 'Jobs', 'triggers': 'Triggers', 'package_bytes': 'Packages, in bytes or as 2G',
    'worker_memory': 'Memory of workers, in bytes or as 2G', 'concurrent_executions': 'Executions at a time',
    'calls_per_minute': 'Calls a minute', 'queued_executions': 'Executions that wait',
    'execution_bytes': 'Records of executions, in bytes or as 2G',
    'execution_days': 'Days for which records are kept',
    'executions_per_function': 'Records that are kept of one function',
}
BYTES = ('package_bytes', 'worker_memory', 'execution_bytes')


def limit(text):
    """Is the type of limits: a number, a size, unlimited, or default for the configuration's."""
    if text in ('unlimited', '-1'):
        return -1
    if text == 'default':
        return text
    try:
        return base.number_of_bytes(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f'{text!r} should be a number, as 20 or 2G, unlimited, or default') from None


class _OfProject(base.Base):
    """A command about a project, by default the caller's own."""

    def project(self, name):
        """Returns the id of a project; who may not ask Keystone for it must give the id."""
        if name is None:
            own = self.app.client_manager.session.get_project_id()
            return own or 'default'  # the one that there is without Keystone
        if self.app.client_manager.session.get_project_id() is None:
            return name
        try:
            return common.find_project(self.app.client_manager.identity, name).id
        except (exceptions.Forbidden, osc_exceptions.Forbidden):
            return name


class Limits(base.Lister, _OfProject):
    """List what a project may have and what it has"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--project', metavar='<project>',
                            help='Of this project (name or ID), for administrators; by default of your own')
        return parser

    def take_action(self, parsed_args):
        project = self.project(parsed_args.project) if parsed_args.project else None
        rows = []
        for name, of in self.client.limits(project).items():
            shape = console.Bytes if of.get('unit') == 'bytes' else Count
            rows.append((name, shape(of['used']), shape(of['limit'])))
        return ('Resource', 'Used', 'Limit'), rows


class Count(console.columns.FormattableColumn):
    def human_readable(self):
        return 'unlimited' if self._value == -1 else str(self._value)


class Show(base.ShowOne, _OfProject):
    """Show what a project may have"""

    def get_parser(self, prog_name):
        return _project(super().get_parser(prog_name), nargs='?')

    def take_action(self, parsed_args):
        return shown(self.client.quotas.get(self.project(parsed_args.project)))


class Set(base.ShowOne, _OfProject):
    """Set what a project may have, for administrators: what is not named stays"""

    def get_parser(self, prog_name):
        parser = _project(super().get_parser(prog_name))
        for name, text in RESOURCES.items():
            parser.add_argument('--' + name.replace('_', '-'), type=limit, metavar='<limit>',
                                help=f'{text}; unlimited; default for what the configuration says')
        return parser

    def take_action(self, parsed_args):
        limits = {name: None if value == 'default' else value
                  for name, value in base.given(parsed_args, *RESOURCES).items()}
        if not limits:
            raise osc_exceptions.CommandError('Say what to set: --functions 20, for one.')
        return shown(self.client.quotas.update(self.project(parsed_args.project), **limits))


class Unset(_OfProject):
    """Take away a project's own limits, for administrators: the configuration's hold again"""

    def get_parser(self, prog_name):
        return _project(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        self.client.quotas.delete(self.project(parsed_args.project))


def shown(quota):
    return list(quota), [(console.Bytes if name in BYTES else Count)(value) for name, value in quota.items()]


def _project(parser, **options):
    parser.add_argument('project', metavar='<project>', help='The project (name or ID)', **options)
    return parser
