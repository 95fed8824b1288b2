"""What commands have in common."""

import argparse
import datetime
import difflib
import json
import re
import sys
import time
import uuid
from typing import Any, Dict, List

import faasclient
from osc_lib import exceptions
from osc_lib.command import command


class Base(command.Command):
    """A command, with the client and with errors that help."""

    @property
    def client(self) -> faasclient.Client:
        return self.app.client_manager.faas

    def tell(self, text: str) -> None:
        """Says something that is no part of the output."""
        print(text, file=sys.stderr, flush=True)

    def find(self, kind: str, name: str) -> Dict[str, Any]:
        """Returns the record of the id or name; where there is none, the error says which names are like it."""
        collection = getattr(self.client, plural(kind))
        try:
            return collection.get(name)
        except faasclient.NotFound as error:
            if is_id(name):
                raise
            raise exceptions.CommandError(error.message + self._near(kind, name)) from error
        except faasclient.Conflict as error:
            ids = ', '.join(candidate['id'] for candidate in error.candidates)
            raise exceptions.CommandError(f'{error.message} Say which by its id: {ids}.' if ids else error.message) \
                from error

    def id_of(self, kind: str, name: str) -> str:
        """Returns the id; one that is given is taken as it is, since what it was may be gone and its records there."""
        return name if is_id(name) else self.find(kind, name)['id']

    def _near(self, kind: str, name: str) -> str:
        records = getattr(self.client, plural(kind)).list()
        names = {record['name'] for _, record in zip(range(5000), records) if record.get('name')}
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            return ' Is it ' + ' or '.join(near) + '?'
        if names:
            return f' There are {", ".join(sorted(names)[:5])}{" and others" if len(names) > 5 else ""}.'
        return f' The project has no {kind}.'


class Lister(Base, command.Lister):
    pass


class ShowOne(Base, command.ShowOne):
    pass


class Plain(Base):
    """A command that prints text as it is, and what -f asks for if something does.

    It has plain(), which prints, and take_action(). Both may set status, the exit status.
    """

    status = 0

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for action in parser._actions:
            if action.dest == 'formatter':
                action.choices = ['plain', *action.choices]
                action.default = 'plain'
                action.help = 'the output format, by default plain text'
        return parser

    def plain(self, parsed_args) -> None:
        raise NotImplementedError

    def run(self, parsed_args):
        if parsed_args.formatter == 'plain' and parsed_args.columns:
            parsed_args.formatter = 'table'
        if parsed_args.formatter == 'plain':
            self.plain(parsed_args)
        else:
            super().run(parsed_args)
        return self.status


def plural(kind: str) -> str:
    return kind + ('es' if kind.endswith('s') else 's')


def is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def function_arguments(parser, required: bool = True) -> None:
    """Adds <function>, --function-version and --function-alias, of which called() makes fields of a request."""
    parser.add_argument('function', nargs='?', metavar='<function>', help='The function (name or ID)')
    parser.add_argument(
        '--function-version', type=int, metavar='<number>', help='A frozen version of it; by default its live code')
    parser.add_argument(
        '--function-alias', metavar='<alias>', help='An alias, in the place of a function and its version')


def called(command_: Base, parsed_args, required: bool = True) -> Dict[str, Any]:
    """Returns the fields of a request that say what is called."""
    if parsed_args.function_alias:
        if parsed_args.function or parsed_args.function_version is not None:
            raise exceptions.CommandError('An alias says which function and version: give it, or a function, not both.')
        return {'function_alias': command_.find('alias', parsed_args.function_alias)['name']}
    if parsed_args.function:
        fields = {'function_id': command_.find('function', parsed_args.function)['id']}
        if parsed_args.function_version is not None:
            fields['function_version'] = parsed_args.function_version
        return fields
    if required or parsed_args.function_version is not None:
        raise exceptions.CommandError('Say which function: <function>, or --function-alias <alias>.')
    return {}


def given(parsed_args, *names: str) -> Dict[str, Any]:
    """Returns the options of these names that were given."""
    return {name: getattr(parsed_args, name) for name in names if getattr(parsed_args, name) is not None}


def text_or_file(value: str) -> str:
    """Returns what an option says: a text, @FILE for what a file has, - for standard input."""
    if value == '-':
        return decoded(sys.stdin.buffer.read(), 'Standard input')
    if value.startswith('@'):
        try:
            with open(value[1:], 'rb') as file:
                return decoded(file.read(), value[1:])
        except OSError as error:
            raise exceptions.CommandError(f'{value[1:]} can not be read: {error.strerror}.') from error
    return value


def decoded(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise exceptions.CommandError(
            f'{where} is not text in UTF-8: byte {error.start} is 0x{data[error.start]:02x}. What is none can be sent '
            'as base64 in JSON.') from error


def json_of(option: str, value: str) -> Any:
    """Returns what the JSON of an option says, which may be @FILE or -."""
    text = text_or_file(value)
    try:
        return json.loads(text)
    except ValueError as error:
        raise exceptions.CommandError(f'{option} must be JSON: {error}: {text[:60]!r}.') from error


def pair(text: str) -> List[str]:
    """Is the type of options NAME=VALUE."""
    name, sign, value = text.partition('=')
    if not sign or not name:
        raise argparse.ArgumentTypeError(f'{text!r} should be NAME=VALUE')
    return [name, value]


def arguments(pairs) -> Dict[str, Any]:
    """Returns an object of options NAME=VALUE: what is JSON is what it says, all else is text."""
    members = {}
    for name, text in pairs or []:
        try:
            members[name] = json.loads(text)
        except ValueError:
            members[name] = text
    return members


def moment(text: str) -> datetime.datetime:
    """Is the type of options that are times: 2026-01-31T12:00:00, in UTC by default, or 90s, 15m, 2h, 3d ago."""
    ago = re.fullmatch(r'(\d+)([smhd])', text)
    now = datetime.datetime.now(datetime.timezone.utc)
    if ago:
        unit = {'s': 'seconds', 'm': 'minutes', 'h': 'hours', 'd': 'days'}[ago[2]]
        return now - datetime.timedelta(**{unit: int(ago[1])})
    try:
        at = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} should be a time, 2026-01-31T12:00:00, or how long ago, 90s, 15m, 2h, 3d') from None
    return at.astimezone(datetime.timezone.utc) if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)


def number_of_bytes(text: str) -> int:
    """Is the type of options that are sizes: 67108864, 64M, 1.5G."""
    parts = re.fullmatch(r'(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?', text, re.IGNORECASE)
    if not parts:
        raise argparse.ArgumentTypeError(f'{text!r} should be bytes, as 67108864, 64M or 1.5G')
    return int(float(parts[1]) * 1024 ** ' KMGT'.index(parts[2].upper() or ' '))


def positive(text: str) -> int:
    """Is the type of options that count."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} should be a whole number, 1 or more')
    return int(text)


def pause(seconds: float) -> None:
    time.sleep(seconds)
