from django.utils.translation import gettext_lazy as _
import horizon

from faas_dashboard import api


class Overview(horizon.Panel):
    name = _('Overview')
    slug = 'faas_overview'
    urls = 'faas_dashboard.content.overview.urls'
    permissions = ('openstack.services.' + api.SERVICE,)
    policy_rules = ((api.SERVICE, 'limits:get'),)
