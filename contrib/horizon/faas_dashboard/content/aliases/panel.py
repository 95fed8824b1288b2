from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Aliases(horizon.Panel):
    name = _('Aliases')
    slug = 'faas_aliases'
    urls = 'faas_dashboard.content.aliases.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'function_alias:get_all'),)
