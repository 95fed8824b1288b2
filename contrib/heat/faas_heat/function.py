"""OS::FunctionEngine::Function."""

import hashlib
import json
from typing import Any, Dict, Optional

from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import translation

from faas_heat import code
from faas_heat.base import (
    CALLED, EVERY, FUNCTION, UNKNOWN, FunctionEngineResource, attribute, called_fields, called_schema, check_called,
    function_rule, invalid, masked,
)

QUEUE, URL = 'queue', 'url'
DAYS, COUNT = 'days', 'count'

# Letters that file names and identifiers share, as the API has it.
ENTRY_FORM = r'^[^\W\d][\w$-]*(\.[^\W\d][\w$-]*)+$'


def _destination(description: str) -> properties.Schema:
    return properties.Schema(
        properties.Schema.MAP,
        description,
        update_allowed=True,
        schema={
            **called_schema(False),
            QUEUE: properties.Schema(properties.Schema.STRING, 'A queue of Zaqar in the project.'),
            URL: properties.Schema(
                properties.Schema.STRING, 'A URL that gets a POST.',
                constraints=[constraints.AllowedPattern('https?://.+')]),
        },
    )


class Function(FunctionEngineResource):
    """Code with an entry and limits, which is run when somebody or something calls it."""

    entity = 'functions'
    secrets = (('code', code.REGISTRY_PASSWORD), ('secrets', EVERY))

    PROPERTIES = (
        NAME, DESCRIPTION, CODE, RUNTIME, ENTRY, CPU, MEMORY_SIZE, TIMEOUT, ROLES, ON_SUCCESS, ON_FAILURE,
        ENVIRONMENT, SECRETS, RETENTION,
    ) = (
        'name', 'description', 'code', 'runtime', 'entry', 'cpu', 'memory_size', 'timeout', 'roles', 'on_success',
        'on_failure', 'environment', 'secrets', 'retention',
    )
    LIMITS = (CPU, MEMORY_SIZE, TIMEOUT)
    DESTINATIONS = (ON_SUCCESS, ON_FAILURE)

    properties_schema = {
        NAME: properties.Schema(
            properties.Schema.STRING,
            'The name; Heat makes one by default.',
            update_allowed=True,
            constraints=[constraints.Length(max=255)],
        ),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING, 'For people.', update_allowed=True, constraints=[constraints.Length(max=255)]),
        CODE: properties.Schema(
            properties.Schema.MAP,
            'Where the code comes from: exactly one of text, files, package, swift and image.',
            required=True,
            update_allowed=True,
            schema=code.SCHEMA,
        ),
        RUNTIME: properties.Schema(
            properties.Schema.STRING,
            'The runtime, by name or id. Required but for container images.',
            constraints=[constraints.CustomConstraint('function_engine.runtime')],
        ),
        ENTRY: properties.Schema(
            properties.Schema.STRING,
            'What is called: module.function.',
            default=code.DEFAULT_ENTRY,
            update_allowed=True,
            constraints=[constraints.Length(max=255), constraints.AllowedPattern(ENTRY_FORM)],
        ),
        CPU: properties.Schema(
            properties.Schema.INTEGER, 'Thousandths of a processor.', update_allowed=True,
            constraints=[constraints.Range(min=1)]),
        MEMORY_SIZE: properties.Schema(
            properties.Schema.INTEGER, 'Bytes of memory.', update_allowed=True, constraints=[constraints.Range(min=1)]),
        TIMEOUT: properties.Schema(
            properties.Schema.INTEGER, 'Seconds that a call may take.', update_allowed=True,
            constraints=[constraints.Range(min=1)]),
        ROLES: properties.Schema(
            properties.Schema.LIST,
            'The roles of yours that the function has in the project, [] for none. By default all that it may have.',
            update_allowed=True,
            schema=properties.Schema(properties.Schema.STRING),
        ),
        ON_SUCCESS: _destination('Where outcomes go of executions that nobody waits for and that succeed.'),
        ON_FAILURE: _destination('Where outcomes go of executions that nobody waits for and that fail.'),
        ENVIRONMENT: properties.Schema(
            properties.Schema.MAP, 'What the code finds in its environment: names and values.', update_allowed=True),
        SECRETS: properties.Schema(
            properties.Schema.MAP,
            'The same that nobody is shown. Give the values by hidden parameters.',
            update_allowed=True),
        RETENTION: properties.Schema(
            properties.Schema.MAP,
            'How long records of its executions are kept, and how many. By default as its project keeps them.',
            update_allowed=True,
            schema={
                DAYS: properties.Schema(
                    properties.Schema.INTEGER, 'Days.', constraints=[constraints.Range(min=1, max=36500)]),
                COUNT: properties.Schema(
                    properties.Schema.INTEGER, 'The newest records.',
                    constraints=[constraints.Range(min=1, max=1000000)]),
            }),
    }

    attributes_schema = {
        'name': attribute('The name.'),
        'runtime_id': attribute('The id of the runtime.'),
        'md5sum': attribute('The MD5 sum of the package.', live=True),
        'image_digest': attribute('The image that runs, where the code is one.', live=True),
        'revision': attribute(
            'A code that changes with what a version freezes: give it to a version to have one of each change.',
            live=True),
        'latest_version': attribute('The newest version, 0 without any.', attributes.Schema.INTEGER, live=True),
        'roles': attribute('What the function may do in the project.', attributes.Schema.LIST, live=True),
        'count': attribute('How many executions there were.', attributes.Schema.INTEGER, live=True),
        'invoke_url': attribute('Where to POST {"function_id": …, "input": …} with a token, to have it executed.'),
    }

    def translation_rules(self, props):
        plugin = self.client_plugin()
        return [
            translation.TranslationRule(
                props, translation.TranslationRule.RESOLVE, [self.RUNTIME], client_plugin=plugin, finder='runtime_id'),
            function_rule(props, plugin, self.ON_SUCCESS),
            function_rule(props, plugin, self.ON_FAILURE),
        ]

    def validate(self):
        super().validate()
        code.check(self.known(self.CODE), self.known(self.ENTRY) or code.DEFAULT_ENTRY, self.known(self.RUNTIME))
        for name in self.DESTINATIONS:
            _check_destination(self.known(name), name)

    def handle_create(self):
        props = self.properties
        fields = {name: props[name] for name in (self.DESCRIPTION, *self.LIMITS) if props[name] is not None}
        fields.update(self._code(props))
        if code.source_of(props[self.CODE]) != code.IMAGE:
            fields.update(runtime_id=props[self.RUNTIME], entry=props[self.ENTRY])
        if self._has_roles(self.properties):
            fields['roles'] = props[self.ROLES]
        for name in self.DESTINATIONS:
            if props[name]:
                fields[name] = destination(props[name])
        for name in (self.ENVIRONMENT, self.SECRETS):
            if props[name]:
                fields[name] = texts(props[name])
        if props[self.RETENTION]:
            fields[self.RETENTION] = retention(props[self.RETENTION])
        self.resource_id_set(self.client().functions.create(name=self.name_or_made(), **fields)['id'])

    def needs_replace_with_prop_diff(self, changed_properties_set, after_props, before_props):
        """A function's code can change, but not from an upload to Swift or to an image."""
        before, after = code.source_of(before_props[self.CODE]), code.source_of(after_props[self.CODE])
        return code.API_SOURCE.get(before) != code.API_SOURCE.get(after)

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        props = json_snippet.properties(self.properties_schema, self.context)
        fields = {name: prop_diff[name] for name in self.LIMITS if prop_diff.get(name) is not None}
        if self.NAME in prop_diff:
            fields[self.NAME] = prop_diff[self.NAME] or self.physical_resource_name()
        if self.DESCRIPTION in prop_diff:
            fields[self.DESCRIPTION] = prop_diff[self.DESCRIPTION] or ''
        source = code.source_of(prop_diff.get(self.CODE) or props[self.CODE])
        if self.ENTRY in prop_diff and source != code.IMAGE:
            fields[self.ENTRY] = prop_diff[self.ENTRY]
        # The file that a text becomes has the name of the entry's module.
        if self.CODE in prop_diff or self.ENTRY in prop_diff and source == code.TEXT:
            fields.update(self._code(props))
        if self.ROLES in prop_diff and self._has_roles(props):
            fields[self.ROLES] = prop_diff[self.ROLES]
        for name in self.DESTINATIONS:
            if name in prop_diff:
                fields[name] = destination(prop_diff[name]) if prop_diff[name] else ''
        if self.ENVIRONMENT in prop_diff:
            fields[self.ENVIRONMENT] = texts(prop_diff[self.ENVIRONMENT])
        if self.SECRETS in prop_diff:
            gone = dict.fromkeys(self.record()['secrets'])
            fields[self.SECRETS] = {**gone, **texts(prop_diff[self.SECRETS])}
        if self.RETENTION in prop_diff:
            fields[self.RETENTION] = retention(prop_diff[self.RETENTION])
        if fields:
            self.client().functions.update(self.resource_id, **fields)

    def _has_roles(self, props) -> bool:
        """Reports whether the template says something of roles: no roles and nothing are not the same."""
        return props.get_user_value(self.ROLES) is not None

    def _code(self, props) -> Dict[str, Any]:
        ending = '.py'
        if code.source_of(props[self.CODE]) == code.TEXT:
            ending = ending_of(self.client().runtimes.get(props[self.RUNTIME]))
        return code.fields(props[self.CODE], props[self.ENTRY], ending)

    def _resolve_attribute(self, name):
        if self.resource_id is None:
            return None
        if name == 'invoke_url':
            return self.client_plugin().endpoint() + '/v1/executions'
        record = self.record()
        if name == 'md5sum':
            return record['code'].get('md5sum')
        if name == 'revision':
            return revision(record, texts(self.properties[self.SECRETS]))
        return record.get(name)


def _check_destination(known: Any, name: str) -> None:
    if known is None or known is UNKNOWN:
        return
    given = [key for key in (FUNCTION, CALLED[2], QUEUE, URL) if known.get(key)]
    if len(given) != 1:
        raise invalid(
            f'{name} must have exactly one of function, function_alias, queue and url; '
            f'it has {" and ".join(given) or "none"}.')
    if given[0] in CALLED:
        check_called(known, name)


def destination(value: Dict[str, Any]) -> Dict[str, Any]:
    """Returns a destination as the API has it."""
    for name in (QUEUE, URL):
        if value.get(name):
            return {name: value[name]}
    return called_fields(value)


def retention(value: Optional[Dict[str, Any]]) -> Optional[Dict[str, int]]:
    """Returns a retention as the API has it; None leaves it to the project."""
    return {name: value[name] for name in (DAYS, COUNT) if value.get(name)} if value else None


def ending_of(runtime: Dict[str, Any]) -> str:
    """Returns how the names of a runtime's modules end. Before a worker has said what it is, its names tell."""
    said = runtime.get('interpreter') or '%s %s' % (runtime.get('image'), runtime.get('name'))
    return '.js' if 'node' in said.lower() else '.py'


def texts(values: Optional[Dict[str, Any]]) -> Dict[str, str]:
    """Returns variables as the API has them: YAML makes numbers of 8080 and no texts."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in (values or {}).items()}


def revision(record: Dict[str, Any], secrets: Dict[str, str]) -> Optional[str]:
    """Returns a code of what a version freezes, and would be refused for if it had not changed.

    The service does not show secrets: they are what the template says.
    """
    frozen = [record['code'].get('md5sum'), record.get('image_digest'), record['entry'], record['cpu'],
              record['memory_size'], record['timeout']]
    if record.get('environment') or secrets:  # the code of a function without any stays as it ever was
        frozen += [record.get('environment'), {name: masked(value) for name, value in secrets.items()}]
    return hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()[:16]
