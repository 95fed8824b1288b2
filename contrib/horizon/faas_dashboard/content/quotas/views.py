"""What projects may have, for administrators."""
from django import forms
from django import urls
from django.utils.translation import gettext_lazy as _
from openstack_dashboard.api import keystone

from faas_dashboard import api
from faas_dashboard import limits
from faas_dashboard import pages
from faas_dashboard import usage
from faas_dashboard.forms import Form

INDEX = 'horizon:admin:faas_quotas:index'


def detail(project: str) -> str:
    return urls.reverse('horizon:admin:faas_quotas:detail', args=[project])


def projects(request) -> list:
    """The projects of the cloud, by name."""
    found, _more = keystone.tenant_list(request)
    return sorted(found, key=lambda project: project.name)


class Index(pages.View):
    template_name = 'faas_dashboard/quotas.html'
    page_title = _('Quotas of projects')
    rule = 'quota:update'

    def get_context_data(self, **kwargs):
        wanted = self.request.GET.get('name', '').lower()
        found = [project for project in projects(self.request) if wanted in project.name.lower()]
        return super().get_context_data(
            projects=found[:api.CHOICES], more=len(found) > api.CHOICES, wanted=wanted, **kwargs)


class OfProject:
    rule = 'quota:update'
    index = INDEX

    @property
    def project(self) -> str:
        return self.kwargs['project']

    def project_name(self) -> str:
        return next((p.name for p in projects(self.request) if p.id == self.project), self.project)


class Detail(OfProject, pages.View):
    template_name = 'faas_dashboard/quota.html'

    def get_context_data(self, **kwargs):
        found = api.client(self.request).limits(self.project)
        return super().get_context_data(
            page_title=_('Quotas of %s') % self.project_name(), bars=limits.bars(found),
            usage=usage.draw(self.request, project_id=self.project), **kwargs)


class QuotaForm(Form):
    """A field for each limit that the service has, whichever those are."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in self.initial:
            note = _('Bytes; -1 is without bounds.') if name in limits.BYTES else _('-1 is without bounds.')
            self.fields[name] = forms.IntegerField(label=limits.NAMES.get(name, name), min_value=-1, help_text=note)


class Edit(OfProject, pages.FormView):
    form_class = QuotaForm
    submit = _('Save')
    done = _('The quotas were changed.')
    help_text = _('What is less than what is in use takes nothing away: there can be no more.')

    def get_form_kwargs(self):
        self.quota = api.client(self.request).quotas.get(self.project)
        return {**super().get_form_kwargs(), 'initial': self.quota, 'request': self.request}

    def get_context_data(self, **kwargs):
        return super().get_context_data(page_title=_('Change the quotas of %s') % self.project_name(), **kwargs)

    def save(self, client, values):
        changed = {name: value for name, value in values.items() if value != self.quota.get(name)}
        if changed:
            client.quotas.update(self.project, **changed)
        return detail(self.project)

    def cancel(self):
        return detail(self.project)


class Reset(OfProject, pages.ConfirmView):
    rule = 'quota:delete'
    question = _('Take away this project\'s own quotas?')
    consequence = _('Those of the configuration hold then.')
    verb = _('Take away')
    done = _('The configuration\'s quotas hold again.')

    def thing(self, client, project):
        return self.project_name()

    def back(self, project):
        return detail(project)

    def act(self, client, project):
        client.quotas.delete(project)
        return detail(project)
