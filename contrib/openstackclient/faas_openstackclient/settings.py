"""What later microversions have added to functions, aliases, webhooks, jobs and runtimes."""

import getpass
import json

from osc_lib import exceptions

from faas_openstackclient import base, console, variables


class SetFunction(base.ShowOne):
    """Change what a function is, what it may do, and where its outcomes go.

    Its code is changed by "function deploy" or "function update".
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='<function>', help='The function (name or ID)')
        parser.add_argument('--name', metavar='<name>', help='Another name')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        parser.add_argument('--entry', metavar='<module.function>', help='What is called')
        parser.add_argument('--cpu', type=base.positive, metavar='<millicores>',
                            help='Processor, 100 for a tenth of a core')
        parser.add_argument('--memory-size', type=base.number_of_bytes, metavar='<bytes>',
                            help='Memory, as 67108864 or 64M')
        parser.add_argument('--timeout', type=base.positive, metavar='<seconds>', help='How long a call may take')
        roles = parser.add_mutually_exclusive_group()
        roles.add_argument('--role', action='append', dest='roles', metavar='<role>',
                           help='A role of yours that it acts with from now on (repeat for several)')
        roles.add_argument('--no-role', action='store_true', help='Have it act for nobody')
        for event, dest in (('success', 'on_success'), ('failure', 'on_failure')):
            parser.add_argument(
                '--on-' + event, dest=dest, type=destination, metavar='<destination>',
                help=f'Where the outcomes of a {event} go that nobody waits for: function:NAME, alias:NAME, '
                     'queue:NAME, a URL, or none')
        parser.add_argument('--registry-username', metavar='<name>',
                            help='As whom the container image is pulled; the password is asked for')
        for name, text in (('days', 'For how many days'), ('count', 'How many')):
            parser.add_argument(f'--keep-{name}', type=int, metavar='<number>',
                                help=f'{text} records of its executions are kept; 0: as the project\'s')
        variables.add_options(parser)
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'name', 'description', 'entry', 'cpu', 'memory_size', 'timeout', 'roles',
                            'on_success', 'on_failure')
        if parsed_args.no_role:
            fields['roles'] = []
        function = self.find('function', parsed_args.function)
        if parsed_args.registry_username is not None:
            fields['code'] = self._registry(function, parsed_args.registry_username)
        fields.update(variables.given(parsed_args, lambda: function.get('environment') or {}))
        fields.update(retention(parsed_args, function.get('retention')))
        if not fields:
            raise exceptions.CommandError('Say what to change: --timeout 60, for one.')
        function = self.client.functions.update(function['id'], **fields)
        return zip(*((name, console.Json(value) if isinstance(value, (dict, list)) else value)
                     for name, value in function.items()))

    def _registry(self, function, username):
        if function['code'].get('source') != 'image':
            raise exceptions.CommandError(
                'A registry is asked for container images alone; the code of this function is of the source '
                f'{function["code"].get("source")}.')
        password = getpass.getpass(f'Password of {username} at the registry: ') if username else ''
        return dict(function['code'], registry_username=username, registry_password=password)


def retention(parsed_args, before):
    """Returns the field of the retention, if the options change it; what they do not name stays."""
    given = {name: value for name in ('days', 'count')
             if (value := getattr(parsed_args, 'keep_' + name)) is not None}
    if not given:
        return {}
    members = {**(before or {}), **given}
    return {'retention': {name: value or None for name, value in members.items()}}


def destination(text):
    """Is the type of options that say where outcomes go."""
    if text in ('', 'none'):
        return ''
    kind, sign, name = text.partition(':')
    members = {'function': 'function_id', 'alias': 'function_alias', 'queue': 'queue'}
    if sign and kind in members:
        return {members[kind]: name}
    if sign and kind in ('http', 'https'):
        return {'url': text}
    raise base.argparse.ArgumentTypeError(
        f'{text!r} should be function:NAME, alias:NAME, queue:NAME, http://… or https://…, or none')


class SetAlias(base.ShowOne):
    """Change an alias: its version, and which part of the calls another version gets"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('alias', metavar='<alias>', help='The alias (name)')
        parser.add_argument('--function-version', type=int, metavar='<number>',
                            help='What calls get; 0 is the live code')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        parser.add_argument('--canary-version', type=int, metavar='<number>',
                            help='A version that gets a part of the calls')
        parser.add_argument('--canary-percent', type=int, metavar='<percent>',
                            help='How many of a hundred; 0 ends it')
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'function_version', 'description', 'canary_version', 'canary_percent')
        alias = self.find('alias', parsed_args.alias)
        return zip(*self.client.aliases.update(alias['name'], **fields).items())


class SetWebhook(base.ShowOne):
    """Change a webhook: signatures, expiry, limits, what the function is given"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('webhook', metavar='<webhook>', help='The webhook (ID)')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        parser.add_argument('--signature', choices=['none', 'github', 'standard'],
                            help='What senders must sign with; another one brings another secret, which is shown once')
        parser.add_argument('--signing-secret', metavar='<secret>', help='The secret, where the sender has chosen it')
        parser.add_argument('--expires-at', metavar='<time>',
                            help='When the URL ends, as 2030-01-31T12:00:00Z; "" for never')
        parser.add_argument('--rate-limit', type=int, metavar='<calls>',
                            help='Calls a minute; 0 for as many as may be')
        parser.add_argument('--body', choices=['json', 'raw'],
                            help='Whether the members of the body are the input, or the request as it came')
        parser.add_argument('--sync', choices=['true', 'false'], help='Whether callers may ask for the result')
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'description', 'signature', 'signing_secret', 'expires_at', 'rate_limit',
                            'body', 'sync')
        return zip(*self.client.webhooks.update(parsed_args.webhook, **fields).items())


class RotateWebhook(base.ShowOne):
    """Give a webhook another URL and, if it demands signatures, another secret"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('webhook', metavar='<webhook>', help='The webhook (ID)')
        parser.add_argument('--overlap', type=int, metavar='<seconds>', default=0,
                            help='How long the URL before still holds; by default it ends at once')
        parser.add_argument('--signing-secret', metavar='<secret>', help='The secret, where the sender has chosen it')
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'overlap', 'signing_secret')
        return zip(*self.client.webhooks.rotate(parsed_args.webhook, **fields).items())


class SetJob(base.ShowOne):
    """Change a job: when, by which clock, and with what input"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('job', metavar='<job>', help='The job (name or ID)')
        parser.add_argument('--name', metavar='<name>', help='Another name')
        parser.add_argument('--pattern', metavar='<pattern>', help='When, as cron has it')
        parser.add_argument('--time-zone', metavar='<zone>', help='By which clock, as Europe/Berlin')
        parser.add_argument('--status', choices=['running', 'paused', 'cancelled'], help='Have it go on, pause or end')
        parser.add_argument('-a', '--argument', action='append', type=base.pair, metavar='<name>=<value>',
                            help='A named argument of the function (repeat for several)')
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'name', 'pattern', 'time_zone', 'status')
        if parsed_args.argument:
            fields['function_input'] = json.dumps(base.arguments(parsed_args.argument))
        job = self.find('job', parsed_args.job)
        return zip(*self.client.jobs.update(job['id'], **fields).items())


class SetRuntime(base.ShowOne):
    """Change a runtime, for administrators: a new image is taken up by its pool"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('runtime', metavar='<runtime>', help='The runtime (name or ID)')
        parser.add_argument('--image', metavar='<image>', help='Another image')
        parser.add_argument('--name', metavar='<name>', help='Another name')
        parser.add_argument('--description', metavar='<text>', help='What it is for')
        return parser

    def take_action(self, parsed_args):
        fields = base.given(parsed_args, 'image', 'name', 'description')
        runtime = self.client.runtimes.update(self.find('runtime', parsed_args.runtime)['id'], **fields)
        runtime.pop('modules', None)  # a list as long as the screen, which has a command of its own
        return zip(*runtime.items())


class ListModules(base.Lister):
    """List the modules that functions find in a runtime"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('runtime', metavar='<runtime>', help='The runtime (name or ID)')
        return parser

    def take_action(self, parsed_args):
        runtime = self.find('runtime', parsed_args.runtime)
        return ('Name', 'Version'), ((m['name'], m['version']) for m in runtime.get('modules') or [])
