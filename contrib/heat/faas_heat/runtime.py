"""OS::FunctionEngine::Runtime."""

import faasclient
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties

from faas_heat.base import FunctionEngineResource, attribute, in_error


class Runtime(FunctionEngineResource):
    """A language environment, which functions run in. Making one is for administrators.

    The resource is complete when a worker of the runtime is ready.
    """

    entity = 'runtimes'

    PROPERTIES = IMAGE, NAME, DESCRIPTION, IS_PUBLIC, TRUSTED = 'image', 'name', 'description', 'is_public', 'trusted'

    properties_schema = {
        IMAGE: properties.Schema(
            properties.Schema.STRING,
            'The container image of the runtime.',
            required=True,
            update_allowed=True,
            constraints=[constraints.Length(min=1, max=255)],
        ),
        NAME: properties.Schema(
            properties.Schema.STRING,
            'The name; Heat makes one by default.',
            update_allowed=True,
            constraints=[constraints.Length(max=255)],
        ),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING, 'For people.', update_allowed=True, constraints=[constraints.Length(max=255)]),
        IS_PUBLIC: properties.Schema(
            properties.Schema.BOOLEAN, 'Whether every project may use it.', default=True),
        TRUSTED: properties.Schema(
            properties.Schema.BOOLEAN, 'Whether its workers run without a sandbox.', default=True),
    }

    attributes_schema = {
        'name': attribute('The name.'),
        'image': attribute('The image.'),
        'status': attribute('How it is: creating, available, upgrading, deleting or error.', live=True),
        'status_reason': attribute('Why it is in error.', live=True),
        'interpreter': attribute('The interpreter of its image, when a worker has said it.', live=True),
        'modules': attribute('What functions find beside the language.', attributes.Schema.LIST, live=True),
    }

    def handle_create(self):
        props = self.properties
        made = self.client().runtimes.create(
            image=props[self.IMAGE], name=self.name_or_made(), description=props[self.DESCRIPTION],
            is_public=props[self.IS_PUBLIC], trusted=props[self.TRUSTED])
        self.resource_id_set(made['id'])

    def check_create_complete(self, _token):
        return self._available()

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        fields = {name: value for name, value in prop_diff.items() if name == self.IMAGE}
        if self.NAME in prop_diff:
            fields[self.NAME] = prop_diff[self.NAME] or self.physical_resource_name()
        if self.DESCRIPTION in prop_diff:
            fields[self.DESCRIPTION] = prop_diff[self.DESCRIPTION] or ''
        if fields:
            self.client().runtimes.update(self.resource_id, **fields)

    def check_update_complete(self, _token):
        return self._available()

    def handle_check(self):
        self._available()

    def _available(self) -> bool:
        """Reports whether functions can run in it. Raises when they never will."""
        record = self.record()
        if record['status'] == 'error':
            raise in_error('runtime', record)
        return record['status'] == 'available'

    def check_delete_complete(self, runtime_id):
        """Reports whether the runtime is gone: its workers end before it does."""
        if runtime_id is None:
            return True
        try:
            self.client().runtimes.get(runtime_id)
        except faasclient.NotFound:
            return True
        return False
