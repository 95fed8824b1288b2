"""Making functions, and their code."""
import io
import zipfile

from django import http
from django.utils.translation import gettext_lazy as _
from django.views import generic

from faas_dashboard import api
from faas_dashboard import pages
from faas_dashboard.content.functions import forms
from faas_dashboard.content.functions import packages
from faas_dashboard.content.functions.views import at
from faas_dashboard.content.functions.views import INDEX
from faas_dashboard.content.functions.views import OfFunction


class Create(pages.FormView):
    rule = 'function:create'
    index = INDEX
    page_title = _('Create a function')
    form_class = forms.CreateForm
    submit = _('Create')
    done = _('The function was made. Run it to see whether it works.')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request}

    def save(self, client, values):
        fields = {key: values[key] or None for key in (
            'name', 'description', 'memory_size', 'cpu', 'timeout', 'environment', 'secrets')}
        package = None
        if values['source'] == 'image':
            fields['code'] = {'source': 'image', 'image': values['image'], 'protocol': values['protocol'] or 'run'}
        else:
            fields.update(runtime_id=values['runtime_id'], entry=values['entry'] or 'main.main')
        if values['source'] == 'swift':
            place = {'container': values['container'], 'object': values['object']}
            fields['code'] = {'source': 'swift', 'swift': place}
        if values['source'] == 'package':
            package = values['package'].file
        if values['source'] == 'inline':
            name = packages.main_file(values['entry'], self.get_form().language_of(values['runtime_id']))
            package = packages.pack({name: values['code'].replace('\r\n', '\n')})
        made = client.functions.create(package=package, **fields)
        return at('run' if api.may(self.request, 'execution:create') else 'detail', made['id'])


class Code(OfFunction, pages.FormView):
    """The files of the package; those who may change the function can write in one."""

    template_name = 'faas_dashboard/code.html'
    tab = 'code'
    form_class = forms.CodeForm
    submit = _('Save')
    done = _('The code was saved.')

    def dispatch(self, request, *args, **kwargs):
        if request.method == 'POST':
            self.rule = 'function:update'
        return super().dispatch(request, *args, **kwargs)

    def files(self) -> dict:
        if not hasattr(self, '_files'):
            self.package = api.client(self.request).functions.download(self.function.id)
            try:
                self._files = packages.texts(self.package)
            except zipfile.BadZipFile:
                self._files = {}
        return self._files

    def file(self) -> str:
        """The file that was asked for, or else the one with the entry, or the first."""
        names = list(self.files())
        module = (self.function.entry or 'main.main').rpartition('.')[0].replace('.', '/')
        wanted = [self.request.GET.get('file')] + [module + ending for ending in ('.py', '.js', '.mjs', '.cjs')]
        return next((name for name in wanted if name in names), names[0] if names else 'main.py')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request,
                'initial': {'code': self.files().get(self.file()) or ''}}

    def get_context_data(self, **kwargs):
        name = self.file()
        return super().get_context_data(
            files=list(self.files()), file=name, editable=self.files().get(name) is not None, **kwargs)

    def save(self, client, values):
        package = values['package'].file if values['package'] else None
        if package is None:
            if self.files().get(self.file()) is None:
                return at('code', self.function.id)
            package = packages.replace(self.package, self.file(), values['code'].replace('\r\n', '\n'))
        client.functions.update(self.function.id, package=package)
        return self.request.get_full_path()

    def cancel(self):
        return at('detail', self.function.id)


class Download(pages.Page, generic.View):
    rule = 'function:get'
    index = INDEX

    def get(self, request, id):
        package = io.BytesIO(api.client(request).functions.download(id))
        return http.FileResponse(package, as_attachment=True, filename=f'{id}.zip', content_type='application/zip')
