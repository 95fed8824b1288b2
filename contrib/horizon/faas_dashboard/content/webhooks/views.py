"""Pages of webhooks: URLs that have functions run."""
from django import forms
from django import urls
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import pages
from faas_dashboard.forms import Form
from faas_dashboard.forms import target
from faas_dashboard.forms import TargetForm

INDEX = 'horizon:project:faas_webhooks:index'


def detail(id: str) -> str:
    return urls.reverse('horizon:project:faas_webhooks:detail', args=[id])


class WebhookForm(TargetForm):
    description = forms.CharField(label=_('Description'), max_length=255, required=False)
    signature = forms.ChoiceField(label=_('Signature'), initial='none', choices=[
        ('none', _('None: whoever knows the URL')), ('github', 'GitHub'), ('standard', 'Standard Webhooks')])
    body = forms.ChoiceField(label=_('What the function is given'), initial='json', choices=[
        ('json', _('The members of the JSON that is sent')), ('raw', _('The whole request'))])
    sync = forms.BooleanField(label=_('Callers may ask for the result'), required=False)
    rate_limit = forms.IntegerField(label=_('Calls a minute at most'), min_value=0, required=False,
                                    help_text=_('0 or nothing: the operator\'s limit.'))
    field_order = ['target', 'function_version', 'description', 'signature', 'body', 'sync', 'rate_limit']


class Index(pages.ListView):
    template_name = 'faas_dashboard/webhooks.html'
    page_title = _('Webhooks')
    rule = 'webhook:get_all'
    collection = 'webhooks'
    index = INDEX

    def get_context_data(self, **kwargs):
        return super().get_context_data(names=api.names(self.request), **kwargs)


def tell_secret(request, webhook: dict) -> None:
    if webhook.get('signing_secret'):
        pages.say(pages.messages.warning, request, _(
            'The senders sign with this secret, which is shown this once: %s') % webhook['signing_secret'])


class Create(pages.FormView):
    rule = 'webhook:create'
    index = INDEX
    page_title = _('Create a webhook')
    form_class = WebhookForm
    submit = _('Create')
    done = _('The webhook was made.')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request}

    def fields(self, values: dict) -> dict:
        return {**target(values), **{key: values[key] for key in ('description', 'signature', 'body', 'sync')},
                'rate_limit': values['rate_limit'] or 0}

    def save(self, client, values):
        made = client.webhooks.create(**self.fields(values))
        tell_secret(self.request, made)
        return detail(made['id'])


class Edit(Create):
    rule = 'webhook:update'
    page_title = _('Change a webhook')
    submit = _('Save')
    done = _('The webhook was changed.')

    def get_form_kwargs(self):
        webhook = api.Thing(api.client(self.request).webhooks.get(self.kwargs['id']))
        return {**super().get_form_kwargs(), 'initial': {**webhook, **TargetForm.initial_of(webhook)}}

    def save(self, client, values):
        tell_secret(self.request, client.webhooks.update(self.kwargs['id'], **self.fields(values)))
        return detail(self.kwargs['id'])

    def cancel(self):
        return detail(self.kwargs['id'])


class Detail(pages.View):
    template_name = 'faas_dashboard/webhook.html'
    rule = 'webhook:get'
    index = INDEX

    def get_context_data(self, id, **kwargs):
        client = api.client(self.request)
        webhook = api.Thing(client.webhooks.get(id))
        recent, _more = api.page(client.executions, None, 8, description=f'has:{id}')
        return super().get_context_data(
            page_title=webhook.description or _('Webhook'), webhook=webhook, names=api.names(self.request),
            executions=recent, **kwargs)


class RotateForm(Form):
    overlap = forms.IntegerField(label=_('For how many seconds the URL before holds on'), min_value=0, initial=0,
                                 max_value=86400 * 7)


class Rotate(pages.FormView):
    rule = 'webhook:rotate'
    index = INDEX
    page_title = _('Give a webhook another URL')
    form_class = RotateForm
    submit = _('Make another URL')
    done = _('The webhook has another URL.')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request}

    def save(self, client, values):
        tell_secret(self.request, client.webhooks.rotate(self.kwargs['id'], **values))
        return detail(self.kwargs['id'])

    def cancel(self):
        return detail(self.kwargs['id'])


class Delete(pages.ConfirmView):
    rule = 'webhook:delete'
    index = INDEX
    question = _('Delete this webhook?')
    consequence = _('Its URL leads nowhere then.')
    done = _('The webhook was deleted.')

    def back(self, id):
        return detail(id)

    def act(self, client, id):
        client.webhooks.delete(id)
