"""openstack function invoke: run a function with an input, have its result."""

import json
import sys

import faasclient

from faas_openstackclient import base, console

# Exit statuses beside 0 and the client's own 1 and 2, so that scripts can tell them apart.
STATUSES = {'success': 0, 'running': 0, 'failed': 3, 'error': 4, 'cancelled': 5}


class Invoke(base.Plain, base.ShowOne):
    """Run a function and print what it returns.

    The exit status is 0 if the function has succeeded, 3 if it failed, 4 if the service could not
    run it, 5 if it was cancelled; 1 if the request was refused.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.function_arguments(parser)
        source = parser.add_mutually_exclusive_group()
        source.add_argument(
            '-d', '--data', metavar='<text>',
            help='The input as it is: a text, @FILE for what a file has, - for standard input. A JSON object is the '
                 'function\'s named arguments, all else its one argument')
        source.add_argument(
            '-a', '--argument', action='append', type=base.pair, metavar='<name>=<value>',
            help='A named argument; what is JSON is passed as what it says, all else as text (repeat for several)')
        parser.add_argument(
            '--logs', action='store_true', help='Print what the function printed, too, on standard error')
        parser.add_argument(
            '--async', dest='sync', action='store_false', help='Do not wait: print the id of the execution')
        parser.add_argument('--description', metavar='<text>', help='Is kept with the record of the execution')
        return parser

    def plain(self, parsed_args):
        record = self._execute(parsed_args)
        if not parsed_args.sync:
            self.app.stdout.write(record['id'] + '\n')
            return
        output = faasclient.result(record).get('output')
        if record['status'] == 'success':
            self.app.stdout.write(_readable(output) + '\n')
            return
        self.tell(console.paint(f'{record["status"]}: ', 'red', sys.stderr) + _readable(output))
        if not parsed_args.logs:
            self.tell(f'What it printed: openstack function logs --execution {record["id"]}')

    def take_action(self, parsed_args):
        record = self._execute(parsed_args)
        shown = {name: record[name] for name in ('id', 'function_id', 'function_version', 'function_alias')}
        shown['status'] = console.Status(record['status'])
        shown['duration'] = faasclient.result(record).get('duration')
        shown['output'] = console.Json(faasclient.result(record).get('output'))
        if parsed_args.logs and parsed_args.sync:
            shown['log'] = self.client.executions.log(record['id'])
        return zip(*shown.items())

    def _execute(self, parsed_args):
        fields = dict(base.called(self, parsed_args), sync=parsed_args.sync, **base.given(parsed_args, 'description'))
        if parsed_args.data is not None:
            fields['input'] = base.text_or_file(parsed_args.data)
        elif parsed_args.argument:
            fields['input'] = json.dumps(base.arguments(parsed_args.argument))
        with console.Progress(f'{parsed_args.function or parsed_args.function_alias} is running'):
            record = self.client.executions.create(**fields)
        self.status = STATUSES.get(record['status'], 4)
        if parsed_args.logs and parsed_args.sync and parsed_args.formatter == 'plain':
            sys.stderr.write(self.client.executions.log(record['id']))
            sys.stderr.flush()
        return record


def _readable(output) -> str:
    """Returns a text as it is, and all else as JSON, on several lines for people."""
    if isinstance(output, str):
        return output
    return json.dumps(output, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
