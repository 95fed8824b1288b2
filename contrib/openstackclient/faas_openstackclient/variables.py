"""Options of functions' environment and secrets."""

import getpass
import sys

from osc_lib import exceptions

from faas_openstackclient import base


def add_options(parser):
    parser.add_argument('--env', action='append', type=base.pair, metavar='<name>=<value>',
                        help='A variable of its environment (repeat for several); others stay')
    parser.add_argument('--env-file', metavar='<file>',
                        help='A file with a variable NAME=VALUE on each line; --env goes over it')
    parser.add_argument('--unset-env', action='append', metavar='<name>',
                        help='A variable to remove (repeat for several)')
    parser.add_argument('--no-env', action='store_true', help='Remove all variables that are not given here')
    parser.add_argument('--secret', action='append', metavar='<name>[=<value>]',
                        help='A secret of its environment, which is never shown (repeat for several). Its value is '
                             'asked for, or is the next line of standard input; given here, others on this machine '
                             'can see it')
    parser.add_argument('--secret-file', action='append', type=base.pair, metavar='<name>=<path>',
                        help='A secret whose value is what the file has (repeat for several)')
    parser.add_argument('--unset-secret', action='append', metavar='<name>',
                        help='A secret to remove (repeat for several)')


def given(parsed_args, before=None):
    """Returns the fields of the environment and of secrets that the options change.

    before returns the environment that the function has; None is one without any.
    """
    fields = {}
    if parsed_args.env or parsed_args.env_file or parsed_args.unset_env or parsed_args.no_env:
        environment = {} if before is None or parsed_args.no_env else dict(before())
        for name in parsed_args.unset_env or ():
            environment.pop(name, None)
        if parsed_args.env_file:
            environment.update(lines(base.text_or_file('@' + parsed_args.env_file), parsed_args.env_file))
        environment.update(parsed_args.env or ())
        fields['environment'] = environment
    secrets = {name: None for name in parsed_args.unset_secret or ()}
    for name, path in parsed_args.secret_file or ():
        secrets[name] = base.text_or_file('@' + path)
    for text in parsed_args.secret or ():
        name, sign, value = text.partition('=')
        secrets[name] = value if sign else asked(name)
    if secrets:
        fields['secrets'] = secrets
    return fields


def lines(text, file):
    """Returns the variables of a file, NAME=VALUE on each line; empty lines and those with # are none."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        name, sign, value = line.partition('=')
        if not sign:
            raise exceptions.CommandError(f'{file}, line {number}, should be NAME=VALUE.')
        found[name.strip()] = value
    return found


def asked(name):
    """Returns the value of a secret that its user types, or sends on a line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f'Value of the secret {name}: ')
    line = sys.stdin.readline()
    if not line:
        raise exceptions.CommandError(f'Standard input has no line for the secret {name}.')
    return line.rstrip('\r\n')
