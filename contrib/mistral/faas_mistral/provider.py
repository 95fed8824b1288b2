"""Where Mistral finds the actions: entry point mistral.action.providers."""

from typing import Any, Dict

from mistral_lib import actions
from mistral_lib.actions.providers import base

from faas_mistral import run, verbs

PREFIX = 'function.'


class VerbDescriptor(base.ActionDescriptorBase):
    """Describes one of the client's verbs."""

    def __init__(self, name: str, collection: str, method: str, function):
        super().__init__(name, verbs.about(collection, method, function), verbs.parameters(function), namespace='')
        self._collection = collection
        self._method = method

    def instantiate(self, input_dict, wf_ctx):
        return verbs.Verb(self._collection, self._method, input_dict or {})


class Provider(actions.ActionProvider):
    """Gives function.run and the client's verbs, in every project and namespace."""

    def __init__(self, name='function_engine'):
        super().__init__(name)
        self._all: Dict[str, Any] = {
            PREFIX + 'run': actions.PythonActionDescriptor(PREFIX + 'run', run.Run, namespace=''),
        }
        for verb, collection, method, function in verbs.all_verbs():
            self._all[PREFIX + verb] = VerbDescriptor(PREFIX + verb, collection, method, function)

    def find(self, action_name, namespace=None):
        return self._all.get(action_name)

    def find_all(self, namespace=None, limit=None, sort_fields=None, sort_dirs=None, **filters):
        return list(self._all.values())
