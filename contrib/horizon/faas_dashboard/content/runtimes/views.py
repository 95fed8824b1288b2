"""Pages of runtimes, for administrators."""
from django import forms
from django import urls
from django.utils.translation import gettext_lazy as _
import faasclient

from faas_dashboard import api
from faas_dashboard import pages
from faas_dashboard.forms import Form

INDEX = 'horizon:admin:faas_runtimes:index'


def detail(id: str) -> str:
    return urls.reverse('horizon:admin:faas_runtimes:detail', args=[id])


class EditForm(Form):
    name = forms.CharField(label=_('Name'), max_length=255, required=False)
    image = forms.CharField(label=_('Image'), max_length=255, help_text=_('The container image that its workers are.'))
    description = forms.CharField(label=_('Description'), max_length=255, required=False)


class CreateForm(EditForm):
    is_public = forms.BooleanField(label=_('All projects may use it'), required=False, initial=True)
    trusted = forms.BooleanField(label=_('Its workers run without a sandbox'), required=False, initial=True)


class Index(pages.ListView):
    template_name = 'faas_dashboard/runtimes.html'
    page_title = _('Runtimes')
    rule = 'runtime:create'
    collection = 'runtimes'
    index = INDEX

    def pool(self, runtime: api.Thing) -> dict:
        """How full its pool is; nothing where that cannot be known now."""
        try:
            return api.client(self.request).runtimes.pool(runtime.id).get('capacity') or {}
        except faasclient.Error:
            return {}

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        for runtime in context['items']:
            runtime['pool'] = self.pool(runtime)
        return context


class Detail(pages.View):
    template_name = 'faas_dashboard/runtime.html'
    rule = 'runtime:create'
    index = INDEX

    def get_context_data(self, id, **kwargs):
        client = api.client(self.request)
        runtime = api.Thing(client.runtimes.get(id))
        functions = api.things(client.functions.list(runtime_id=id, all_projects=True, limit=api.CHOICES))
        return super().get_context_data(page_title=runtime.title, runtime=runtime, functions=functions, **kwargs)


class Create(pages.FormView):
    rule = 'runtime:create'
    index = INDEX
    page_title = _('Create a runtime')
    form_class = CreateForm
    submit = _('Create')
    done = _('The runtime is being made.')
    help_text = _('A runtime is a language and a pool of workers that wait for functions.')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request}

    def save(self, client, values):
        return detail(client.runtimes.create(**values)['id'])


class Edit(pages.FormView):
    rule = 'runtime:update'
    index = INDEX
    page_title = _('Change a runtime')
    form_class = EditForm
    submit = _('Save')
    done = _('The runtime was changed.')
    help_text = _('A new image is for new workers. Workers that functions have stay as they are.')

    def get_form_kwargs(self):
        self.runtime = api.client(self.request).runtimes.get(self.kwargs['id'])
        return {**super().get_form_kwargs(), 'initial': self.runtime, 'request': self.request}

    def save(self, client, values):
        changed = {key: value for key, value in values.items() if value != (self.runtime.get(key) or '')}
        if changed:
            client.runtimes.update(self.kwargs['id'], **changed)
        return detail(self.kwargs['id'])

    def cancel(self):
        return detail(self.kwargs['id'])


class Delete(pages.ConfirmView):
    rule = 'runtime:delete'
    index = INDEX
    question = _('Delete this runtime?')
    consequence = _('A runtime that functions use stays.')
    done = _('The runtime is being deleted.')

    def thing(self, client, id):
        return api.Thing(client.runtimes.get(id)).title

    def back(self, id):
        return detail(id)

    def act(self, client, id):
        client.runtimes.delete(id)
