"""Stacks in Heat's engine, in this process and a database in memory, with a real service beside it.

FAAS_ENDPOINT is the service's URL. It has no Keystone, so that what acts by trusts is left to the
tests on a whole cloud.
"""

import os

import faasclient
from heat.common import template_format
from heat.engine import environment
from heat.engine import resources
from heat.engine import stack as heat_stack
from heat.engine import template
from heat.tests import common
from heat.tests import utils
from keystoneauth1 import noauth
from keystoneauth1 import session
from oslo_config import cfg

from faas_heat import clients

# As the operator configures it; it must be so before Heat looks for plugins.
cfg.CONF.import_opt('plugin_dirs', 'heat.common.config')
cfg.CONF.set_override('plugin_dirs', [os.path.dirname(clients.__file__)])
resources.initialise()

ENDPOINT = os.environ.get('FAAS_ENDPOINT', '')


def connect():
    return faasclient.Client(
        session.Session(auth=noauth.NoAuth()), endpoint_override=ENDPOINT, microversion=clients.MICROVERSION)


class Case(common.HeatTestCase):
    def setUp(self):
        super().setUp()
        self.stub_auth()
        self.patchobject(clients.FunctionEngineClientPlugin, '_create').return_value = connect()
        self.patchobject(clients.FunctionEngineClientPlugin, 'url_for').return_value = ENDPOINT + '/'
        self.service = connect()

    def stack(self, text, **more):
        """Returns a stack of the template that is not made yet."""
        return utils.parse_stack(template_format.parse(text), **more)

    def made(self, text, **more):
        """Returns a stack that has been made, and that is deleted at the end."""
        stack = self.stack(text, **more)
        stack.validate()
        stack.create()
        self.addCleanup(self.gone, stack.id)
        self.assertEqual((stack.CREATE, stack.COMPLETE), stack.state, stack.status_reason)
        return stack

    def loaded(self, stack_id):
        """Returns a stack as the database has it: one that was updated refers to parts of the other."""
        self.context = utils.dummy_context()  # of which stacks keep no reference
        return heat_stack.Stack.load(self.context, stack_id)

    def gone(self, stack_id):
        stack = self.loaded(stack_id)
        stack.delete()
        self.assertEqual((stack.DELETE, stack.COMPLETE), stack.state, stack.status_reason)

    def changed(self, stack, text, status=heat_stack.Stack.COMPLETE):
        """Updates a stack, which is to end in the status, and returns it as it is then."""
        wanted = heat_stack.Stack(
            stack.context, stack.name, template.Template(template_format.parse(text), env=environment.Environment()))
        stack.update(wanted)
        self.assertEqual((stack.UPDATE, status), stack.state, stack.status_reason)
        return self.loaded(stack.id)

    def output(self, stack, name):
        # As the engine does before it shows a stack.
        stack._update_all_resource_data(for_resources=False, for_outputs=True)
        return stack.outputs[name].get_value()
