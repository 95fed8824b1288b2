"""What all pages share: who may see them, what they say when the service refuses, and how forms and buttons work.

They are Django's own views on Horizon's frame. Horizon's tables and modals are not used: they need JavaScript, hide
what the service says behind "Unable to …", and do not fit a telephone.
"""
import logging
import typing

from django import http
from django import shortcuts
from django import urls
from django.utils.translation import gettext as _
from django.views import generic
import faasclient
from horizon import exceptions
from horizon import messages
from horizon import views
from openstack_auth import utils as auth_utils

from faas_dashboard import api

LOG = logging.getLogger(__name__)


def say(level: typing.Callable, request, text) -> None:
    """Shows a message above the next page."""
    level(request, str(text))


class Page:
    """Checks a rule before anything else, and turns the service's refusals into pages that say what it said."""

    rule: typing.Optional[str] = None
    index: str = ''     # the list to go back to when the thing is gone

    def dispatch(self, request, *args, **kwargs):
        if not auth_utils.is_token_valid(request.user.token):
            raise exceptions.NotAuthenticated()
        if self.rule and not api.may(request, self.rule):
            say(messages.error, request, _('Your roles in this project do not allow this (%s).') % self.rule)
            return shortcuts.redirect(self.refuge())
        try:
            response = super().dispatch(request, *args, **kwargs)
            # Now, so that what the template asks of the service can still be refused.
            return response.render() if hasattr(response, 'render') else response
        except faasclient.Error as error:
            return self.refused(request, error)

    def refuge(self) -> str:
        """Where whoever may not be here is sent: the list, if they may see that, or else the dashboard's first page."""
        here = self.request.path
        there = urls.reverse(self.index) if self.index else here
        return there if there != here else urls.reverse('horizon:user_home')

    def refused(self, request, error: faasclient.Error):
        if error.status == 401:
            raise exceptions.NotAuthenticated()
        if error.status == 404 and self.index and urls.reverse(self.index) != request.path:
            say(messages.error, request, error.message)
            return shortcuts.redirect(self.index)
        LOG.info('%s %s: %s', request.method, request.path, error)
        return shortcuts.render(request, 'faas_dashboard/refused.html', {
            'error': error, 'page_title': _('This did not work')}, status=error.status or 502)

    def get_context_data(self, **kwargs):
        return super().get_context_data(may=api.May(self.request), **kwargs)


class View(Page, views.HorizonTemplateView):
    pass


class ListView(View):
    """A page of a list, the newest first, with a link to the next one."""

    collection = ''
    filters: tuple = ()      # names of parameters that go to the service as they are

    def get_context_data(self, **kwargs):
        chosen = {name: self.request.GET[name] for name in self.filters if self.request.GET.get(name)}
        collection = getattr(api.client(self.request), self.collection)
        items, following = api.page(collection, self.request.GET.get('marker'), **chosen)
        query = http.QueryDict(mutable=True)
        query.update({**chosen, 'marker': following or ''})
        return super().get_context_data(
            items=items, chosen=chosen, following=query.urlencode() if following else '',
            later=bool(self.request.GET.get('marker')), **kwargs)


class FormView(Page, views.HorizonFormView):
    """A form on a page of its own. save() does it and returns where to go."""

    template_name = 'faas_dashboard/form.html'
    submit = ''
    help_text = ''
    done = ''

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            submit=self.submit, help_text=self.help_text, cancel=self.cancel(), **kwargs)

    def cancel(self) -> str:
        return urls.reverse(self.index)

    def form_valid(self, form):
        try:
            there = self.save(api.client(self.request), form.cleaned_data)
        except faasclient.Error as error:
            if error.status in (401, 404):
                raise
            form.add_error(None, error.message)
            return self.form_invalid(form)
        if isinstance(there, http.HttpResponse):
            return there
        if self.done:
            say(messages.success, self.request, self.done)
        return shortcuts.redirect(there)

    def save(self, client: faasclient.Client, values: dict):
        raise NotImplementedError


class ActionView(Page, generic.View):
    """A button: what it does is done by POST, and the user is back where they were."""

    done = ''

    def post(self, request, *args, **kwargs):
        try:
            there = self.act(api.client(request), **kwargs) or urls.reverse(self.index)
        except faasclient.Error as error:
            if error.status == 401:
                raise
            say(messages.error, request, error.message)
            return shortcuts.redirect(self.back(**kwargs))
        if self.done:
            say(messages.success, request, self.done)
        return shortcuts.redirect(there)

    def get(self, request, *args, **kwargs):
        return shortcuts.redirect(self.back(**kwargs))

    def back(self, **kwargs) -> str:
        return urls.reverse(self.index)

    def act(self, client: faasclient.Client, **kwargs) -> typing.Optional[str]:
        raise NotImplementedError


class ConfirmView(ActionView):
    """A button whose deed cannot be undone: GET asks, POST does it."""

    question = ''
    verb = _('Delete')

    def get(self, request, *args, **kwargs):
        return shortcuts.render(request, 'faas_dashboard/confirm.html', {
            'page_title': self.question, 'thing': self.thing(api.client(request), **kwargs), 'verb': self.verb,
            'cancel': self.back(**kwargs), 'consequence': self.consequence})

    consequence = ''

    def thing(self, client: faasclient.Client, **kwargs) -> str:
        return next(iter(kwargs.values()))
