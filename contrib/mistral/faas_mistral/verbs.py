"""The client's verbs as actions: function.create_execution, function.list_triggers and so on.

They come from the client's own methods, so that a verb which the client learns is an action, too.
"""

import base64
import binascii
import inspect
import io
import types
from typing import Any, Dict, Iterator, Tuple

import faasclient
from faasclient import resources
from mistral_lib import actions

from faas_mistral import connection

# How one thing of each collection is called.
SINGULAR = {
    'runtimes': 'runtime', 'functions': 'function', 'versions': 'version', 'aliases': 'alias',
    'executions': 'execution', 'webhooks': 'webhook', 'jobs': 'job', 'triggers': 'trigger',
    'workers': 'worker', 'quotas': 'quota',
}
CLASSES = {
    'runtimes': resources.Runtimes, 'functions': resources.Functions, 'versions': resources.Versions,
    'aliases': resources.Aliases, 'executions': resources.Executions, 'webhooks': resources.Webhooks,
    'jobs': resources.Jobs, 'triggers': resources.Triggers, 'workers': resources.Workers,
    'quotas': resources.Quotas,
}
# What reads as English.
NAMES = {
    ('runtimes', 'pool'): 'get_runtime_pool',
    ('executions', 'log'): 'get_execution_log',
    ('triggers', 'dead_letters'): 'list_dead_letters',
    ('triggers', 'delete_dead_letter'): 'delete_dead_letter',
    ('triggers', 'replay'): 'replay_dead_letters',
    ('executions', 'purge'): 'purge_executions',
}
# Packages are bytes, and to wait would hold a thread of the executor: function.run does not. A
# version and an execution never change.
LEFT_OUT = {
    ('functions', 'download'), ('versions', 'download'), ('executions', 'wait'),
    ('versions', 'update'), ('executions', 'update'),
}


class Verb(actions.Action):
    """Calls one method of the client: collection is '' for those of the client itself."""

    def __init__(self, collection: str, method: str, arguments: Dict[str, Any]):
        self.collection = collection
        self.method = method
        self.arguments = arguments

    def run(self, context):
        try:
            client = connection.connect(context.security)
            of = getattr(client, self.collection) if self.collection else client
            answer = getattr(of, self.method)(**checked(self.arguments))
            return list(answer) if isinstance(answer, types.GeneratorType) else answer
        except faasclient.Error as error:
            return failure(error)


def failure(error: faasclient.Error) -> actions.Result:
    """Returns what a task has that failed: on-error can look at it."""
    return actions.Result(error={'message': error.message, 'status': error.status, 'request_id': error.request_id})


def checked(arguments: Dict[str, Any]) -> Dict[str, Any]:
    """Returns arguments for the client. A package is base64: a path would name a file of the executor's machine."""
    if arguments.get('package') is None:
        return arguments
    try:
        package = base64.b64decode(arguments['package'], validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise faasclient.Invalid('package must be a zip in base64.') from None
    return dict(arguments, package=io.BytesIO(package))


def all_verbs() -> Iterator[Tuple[str, str, str, Any]]:
    """Yields name, collection, method and the method itself of every verb."""
    for collection, cls in CLASSES.items():
        for method, function in inspect.getmembers(cls, inspect.isfunction):
            if method.startswith('_') or (collection, method) in LEFT_OUT:
                continue
            thing = collection if method == 'list' else SINGULAR[collection]
            yield NAMES.get((collection, method), f'{method}_{thing}'), collection, method, function
    for method in ('limits', 'statistics'):
        yield 'get_' + method, '', method, getattr(faasclient.Client, method)


def about(collection: str, method: str, function) -> str:
    """Returns what a verb does."""
    thing = SINGULAR.get(collection, '')
    plain = {
        'list': f'Lists {collection}; filters are fields as the API compares them.',
        'get': f'Returns one of the {collection}.',
        'update': f'Changes one of the {collection}.', 'delete': f'Deletes one of the {collection}.',
    }
    if (collection, method) in (('functions', 'create'), ('functions', 'update')):
        return f'{method.capitalize()}s a function, of package, a zip in base64, or as code says.'
    return plain.get(method) or inspect.getdoc(function) or f'{method.replace("_", " ").capitalize()}s a {thing}.'


def parameters(function) -> str:
    """Returns a method's parameters as Mistral writes them."""
    words = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind == parameter.VAR_KEYWORD:
            words.append('**' + parameter.name)
        elif parameter.default is parameter.empty:
            words.append(parameter.name)
        else:
            words.append(f'{parameter.name}={"null" if parameter.default is None else parameter.default}')
    return ', '.join(words)
