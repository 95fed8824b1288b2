"""What the resources have in common."""

import collections.abc
import hashlib
import hmac
from typing import Any, Dict, List, Optional, Sequence, Tuple

from heat.common import exception
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import function
from heat.engine import properties
from heat.engine import resource
from heat.engine import support
from heat.engine import translation
from oslo_config import cfg

from faas_heat import clients


class Unknown:
    """The value of what refers to a resource that is not made yet, while a template is validated."""

    def __repr__(self):
        return 'UNKNOWN'


UNKNOWN = Unknown()

# What is written in the place of a secret that must be compared and not be shown.
MASK = 'secret:'


def invalid(message: str) -> exception.StackValidationFailed:
    return exception.StackValidationFailed(message=message)


def in_error(what: str, record: Dict[str, Any]) -> exception.Error:
    """Returns what is raised for a record in error. Heat would make another in the place of a ResourceInError."""
    return exception.Error('The %s is in error: %s' % (what, record['status_reason']))


def attribute(description: str, kind: str = attributes.Schema.STRING, live: bool = False) -> attributes.Schema:
    """Returns the schema of an attribute. A live one is asked for each time and kept nowhere."""
    mode = attributes.Schema.CACHE_NONE if live else attributes.Schema.CACHE_LOCAL
    return attributes.Schema(description, type=kind, cache_mode=mode)


class FunctionEngineResource(resource.Resource):
    """A resource of the service. Subclasses have entity: the collection of the client."""

    default_client_name = clients.CLIENT_NAME
    support_status = support.SupportStatus(version='19.0.0')

    # Fields of records that Heat must not show to everybody who may see the stack.
    hidden: Sequence[str] = ('webhook_url', 'url', 'signing_secret')

    # Properties that are secrets, as paths. Heat keeps properties with its events, where readers
    # see them: there is a code of the secret in its place. EVERY stands for all members of a map.
    secrets: Sequence[Sequence[str]] = ()

    # Whether the update that goes on is of a resource that failed before.
    _mended = False

    def collection(self):
        return getattr(self.client(), self.entity)

    def name_or_made(self) -> str:
        """Returns the name that the template has, or one that Heat makes."""
        return self.properties['name'] or self.physical_resource_name()

    def record(self) -> Dict[str, Any]:
        return self.collection().get(self.resource_id)

    def _show_resource(self):
        return {name: value for name, value in self.record().items() if name not in self.hidden}

    def _resolve_attribute(self, name):
        """Returns the field of the record that has the attribute's name."""
        if self.resource_id is None:
            return None
        return self.record().get(name)

    def handle_check(self):
        """Raises if the resource is not there any more: Heat makes another one at the next update."""
        self.record()

    def needs_replace_failed(self):
        """Has a resource that failed and that is there be mended, under the id that others may know."""
        if self.resource_id is None:
            return True
        with self.client_plugin().ignore_not_found:
            self.record()
            return False
        return True

    def _needs_update(self, after, before, after_props, before_props, prev_resource, check_init_complete=True):
        """Has a resource that failed be updated, also to what it was before: it may be either by now."""
        self._mended = self.status == self.FAILED
        needed = super()._needs_update(after, before, after_props, before_props, prev_resource, check_init_complete)
        return needed or self._mended

    def parse_live_resource_data(self, resource_properties, resource_data):
        """Leaves properties as Heat remembers them: the service's records are of another form."""
        return {}

    def known(self, key: str) -> Any:
        """Returns the property as the template has it, with UNKNOWN where its value comes later."""
        return self._known(self.properties.data.get(key))

    def _known(self, snippet: Any) -> Any:
        if isinstance(snippet, function.Function):
            if any(r.action == r.INIT for r in function.dependencies(snippet)):
                return UNKNOWN
            return function.resolve(snippet)
        if isinstance(snippet, collections.abc.Mapping):
            return {key: self._known(value) for key, value in snippet.items()}
        if isinstance(snippet, collections.abc.Iterable) and not isinstance(snippet, str):
            return [self._known(value) for value in snippet]
        return snippet

    def _update_stored_properties(self):
        """Has Heat keep the properties that this resource was made with, without its secrets."""
        super()._update_stored_properties()
        for path in self.secrets:
            for holder, name in _places(self._stored_properties_data, path):
                if holder.get(name):
                    holder[name] = masked(holder[name])

    def update_template_diff_properties(self, after_props, before_props):
        """Compares properties. A secret is the same as its code; what failed is another in all."""
        for path in self.secrets:
            after = _at(function.resolve(after_props.data), path[:-1]) or {}
            for before, name in _places(before_props.data, path):
                if name in after and before.get(name) == masked(after[name]):
                    before[name] = after[name]
        changed = super().update_template_diff_properties(after_props, before_props)
        if self._mended:
            changed.update({name: after_props.get(name) for name in self.calc_update_allowed(after_props)})
        return changed


EVERY = '*'


def _places(data: Any, path: Sequence[str]) -> List[Tuple[Dict[str, Any], str]]:
    """Returns the maps that may have what the path leads to, each with the name that it has there."""
    holder = _at(data, path[:-1]) or {}
    return [(holder, name) for name in (list(holder) if path[-1] == EVERY else [path[-1]])]


def _at(data: Any, path: Sequence[str]) -> Optional[Dict[str, Any]]:
    """Returns the map at the path; None where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else None


def masked(secret: Any) -> str:
    """Returns a code by which a secret can be known again, by who has Heat's key and the secret."""
    if str(secret).startswith(MASK):
        return secret
    key = (cfg.CONF.auth_encryption_key or '').encode()
    return MASK + hmac.new(key, str(secret).encode(), hashlib.sha256).hexdigest()


# What versions, aliases, webhooks, triggers, jobs and destinations say of what they call.
FUNCTION, FUNCTION_VERSION, FUNCTION_ALIAS = 'function', 'function_version', 'function_alias'
CALLED = (FUNCTION, FUNCTION_VERSION, FUNCTION_ALIAS)


def function_schema(update_allowed: bool, required: bool = False) -> properties.Schema:
    return properties.Schema(
        properties.Schema.STRING,
        'The function, by name or id.',
        required=required,
        update_allowed=update_allowed,
        constraints=[constraints.CustomConstraint('function_engine.function')],
    )


def called_schema(update_allowed: bool) -> Dict[str, properties.Schema]:
    """Returns the properties that say what is called: a function, a version of it, or an alias."""
    return {
        FUNCTION: function_schema(update_allowed),
        FUNCTION_VERSION: properties.Schema(
            properties.Schema.INTEGER,
            'The version of the function; 0 is its live code.',
            update_allowed=update_allowed,
            constraints=[constraints.Range(min=0)],
        ),
        FUNCTION_ALIAS: properties.Schema(
            properties.Schema.STRING,
            'The alias that is called, in the place of a function.',
            update_allowed=update_allowed,
            constraints=[constraints.CustomConstraint('function_engine.alias')],
        ),
    }


def function_rule(props, client_plugin, *path: str) -> translation.TranslationRule:
    """Returns the rule that has a function's name become its id."""
    return translation.TranslationRule(
        props, translation.TranslationRule.RESOLVE, [*path, FUNCTION], client_plugin=client_plugin,
        finder='function_id')


def check_called(known: Dict[str, Any], what: str) -> None:
    """Raises unless what is called is either a function or an alias."""
    if bool(known.get(FUNCTION)) == bool(known.get(FUNCTION_ALIAS)):
        raise invalid(f'{what} must have either function or function_alias, which say what is called.')
    if known.get(FUNCTION_ALIAS) and known.get(FUNCTION_VERSION):
        raise invalid(f'{what} has function_version beside function_alias: an alias says itself which version it is.')


def called_fields(props) -> Dict[str, Any]:
    """Returns what is called as the API has it."""
    if props[FUNCTION_ALIAS]:
        return {'function_alias': props[FUNCTION_ALIAS]}
    return {'function_id': props[FUNCTION], 'function_version': props[FUNCTION_VERSION] or 0}
