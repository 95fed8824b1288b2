"""How Heat speaks to the service, and how it looks up what templates name."""

import uuid

import faasclient
from heat.common import exception
from heat.engine import constraints
from heat.engine.clients import client_plugin

CLIENT_NAME = 'function_engine'

# What the resources need. A newer service answers as this one did.
MICROVERSION = '1.15'


class FunctionEngineClientPlugin(client_plugin.ClientPlugin):
    """Makes faasclients with the token of whoever works on the stack."""

    service_types = [FUNCTION_ENGINE] = ['function-engine']

    def _create(self, version=None):
        return faasclient.Client(
            self.context.keystone_session,
            region_name=self._get_region_name(),
            interface=self._get_client_option(CLIENT_NAME, 'endpoint_type'),
            microversion=MICROVERSION,
        )

    def endpoint(self) -> str:
        """Returns the URL that the catalogue has for the service, without a slash at its end."""
        return self.url_for(
            service_type=self.FUNCTION_ENGINE,
            endpoint_type=self._get_client_option(CLIENT_NAME, 'endpoint_type'),
        ).rstrip('/')

    def is_not_found(self, ex):
        return isinstance(ex, faasclient.NotFound)

    def is_conflict(self, ex):
        """A 409, such as "is used by": Heat tries to delete again, a few times, later and later."""
        return isinstance(ex, faasclient.Conflict)

    def is_over_limit(self, ex):
        return getattr(ex, 'status', None) in (413, 429)

    def find_runtime(self, value: str) -> str:
        return self._find(self.client().runtimes, 'Runtime', value)

    def find_function(self, value: str) -> str:
        return self._find(self.client().functions, 'Function', value)

    def runtime_id(self, value: str) -> str:
        """find_runtime, but an id is taken as it is: of what is being replaced, it may be gone."""
        return value if is_id(value) else self.find_runtime(value)

    def function_id(self, value: str) -> str:
        """find_function, but an id is taken as it is: of what is being replaced, it may be gone."""
        return value if is_id(value) else self.find_function(value)

    def find_alias(self, value: str) -> str:
        return self._find(self.client().aliases, 'Function alias', value)

    @staticmethod
    def _find(collection, entity: str, value: str) -> str:
        try:
            return collection.get(value)['id']
        except faasclient.NotFound:
            raise exception.EntityNotFound(entity=entity, name=value)
        except faasclient.Conflict:
            raise exception.PhysicalResourceNameAmbiguity(name=value)


def is_id(value) -> bool:
    """Reports whether the value has the form of ids."""
    try:
        return str(uuid.UUID(value)) == value
    except (TypeError, ValueError, AttributeError):
        return False


class _Exists(constraints.BaseCustomConstraint):
    """Something that must be there in the project, by id or by a name that nothing else has."""

    resource_client_name = CLIENT_NAME
    expected_exceptions = (exception.EntityNotFound, exception.PhysicalResourceNameAmbiguity)


class RuntimeConstraint(_Exists):
    resource_getter_name = 'find_runtime'


class FunctionConstraint(_Exists):
    resource_getter_name = 'find_function'


class AliasConstraint(_Exists):
    resource_getter_name = 'find_alias'
