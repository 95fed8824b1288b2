"""The project at a glance: what is called, and what is left of its quotas."""
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import limits
from faas_dashboard import pages
from faas_dashboard import usage


class Index(pages.View):
    template_name = 'faas_dashboard/overview.html'
    page_title = _('Functions: overview')
    rule = 'limits:get'

    def get_context_data(self, **kwargs):
        found = api.client(self.request).limits()
        functions = sorted(api.functions(self.request), key=lambda function: -(function.count or 0))
        return super().get_context_data(
            bars=limits.bars(found), usage=usage.draw(self.request), functions=functions[:6], **kwargs)
