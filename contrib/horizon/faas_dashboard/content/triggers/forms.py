"""A form for each source of triggers. Each knows how its fields and the service's settings become one another."""
from django import forms
from django.utils.translation import gettext_lazy as _

from faas_dashboard.forms import JSONField
from faas_dashboard.forms import TargetForm


class TriggerForm(TargetForm):
    name = forms.CharField(label=_('Name'), max_length=255, required=False)
    filter = JSONField(label=_('Filter'), of=list, help_text=_(
        'JSON: a list of conditions that an event must all meet, as [{"prefix": {"type": "org.openstack."}}]. '
        'Nothing: every event.'))
    input = JSONField(label=_('Input beside the event'), help_text=_(
        'JSON: arguments for the function; "${data.name}" stands for that member of the event.'))
    retries = forms.IntegerField(label=_('Retries'), min_value=0, max_value=10, initial=2,
                                 help_text=_('How often an event is tried again whose execution failed.'))
    retry_delay = forms.IntegerField(label=_('Seconds before the first retry'), min_value=1, max_value=3600, initial=30)

    own: tuple = ()     # names of the source's fields, which are members of its settings

    @property
    def field_order_of_source(self) -> list:
        return ['name', 'target', 'function_version', *self.own, 'filter', 'input', 'retries', 'retry_delay']

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.order_fields(self.field_order_of_source)

    def settings(self, values: dict) -> dict:
        return {name: values[name] for name in self.own if values[name] not in (None, '', [])}

    @classmethod
    def initial_of_settings(cls, settings: dict) -> dict:
        return {name: settings[name] for name in cls.own if settings.get(name) is not None}


class ClockForm(TriggerForm):
    own = ('pattern', 'time_zone')
    pattern = forms.CharField(label=_('Pattern'), initial='*/5 * * * *', max_length=255, help_text=_(
        'As of cron: minute, hour, day of the month, month, day of the week; or @hourly, @daily …'))
    time_zone = forms.CharField(label=_('Time zone'), required=False, max_length=255,
                                help_text=_('As Europe/Berlin. UTC if there is none.'))


class WebhookForm(TriggerForm):
    own = ('signature', 'type')
    signature = forms.ChoiceField(label=_('Signature'), initial='none', choices=[
        ('none', _('None: whoever knows the URL')), ('github', 'GitHub'), ('standard', 'Standard Webhooks')])
    type = forms.CharField(label=_('Type of the events'), required=False, max_length=255,
                           help_text=_('Of requests that are no CloudEvents themselves.'))


class SwiftForm(TriggerForm):
    own = ('container', 'events', 'prefix', 'suffix', 'interval')
    container = forms.CharField(label=_('Container'), max_length=256)
    events = forms.MultipleChoiceField(
        label=_('What happens'), initial=['created'], widget=forms.CheckboxSelectMultiple,
        choices=[('created', _('put or changed')), ('deleted', _('deleted'))])
    prefix = forms.CharField(label=_('Names begin with'), required=False, max_length=1024)
    suffix = forms.CharField(label=_('Names end in'), required=False, max_length=1024)
    interval = forms.IntegerField(label=_('Seconds between looks'), min_value=2, max_value=3600, initial=10)


class ZaqarForm(TriggerForm):
    own = ('queue', 'mode')
    queue = forms.CharField(label=_('Queue'), max_length=64)
    mode = forms.ChoiceField(label=_('How messages come'), initial='pull', choices=[
        ('pull', _('Fetched: none is lost')), ('push', _('Sent by Zaqar: at once'))])


class NotificationForm(TriggerForm):
    own = ('event_type', 'publisher')
    event_type = forms.CharField(label=_('Type'), initial='compute.instance.*', max_length=255,
                                 help_text=_('* stands for any letters.'))
    publisher = forms.CharField(label=_('Publisher'), required=False, max_length=255)


class AodhForm(TriggerForm):
    own = ('alarm_type', 'rule', 'severity')
    alarm_type = forms.ChoiceField(label=_('Type of the alarm'), initial='event', choices=[
        (kind, kind) for kind in (
            'event', 'gnocchi_resources_threshold', 'gnocchi_aggregation_by_metrics_threshold',
            'gnocchi_aggregation_by_resources_threshold', 'composite')])
    rule = JSONField(label=_('Rule'), required=True, initial='{"event_type": "compute.instance.delete.end"}',
                     of=(dict,), help_text=_('JSON, as Aodh has it for this type.'))
    severity = forms.ChoiceField(label=_('Severity'), initial='low', choices=[
        (name, name) for name in ('low', 'moderate', 'critical')])

    def settings(self, values):
        return {'alarm': {'type': values['alarm_type'], 'rule': values['rule']}, 'severity': values['severity']}

    @classmethod
    def initial_of_settings(cls, settings):
        alarm = settings.get('alarm') or {}
        return {'alarm_type': alarm.get('type'), 'rule': alarm.get('rule'), 'severity': settings.get('severity')}


# source: its form, its name, what makes it send events
SOURCES = {
    'clock': (ClockForm, _('Clock'), _('At times of a pattern: each night, every five minutes.')),
    'webhook': (WebhookForm, _('Webhook'), _('When anybody sends a request to a secret URL.')),
    'swift': (SwiftForm, _('Swift'), _('When an object is put into a container, changed or deleted.')),
    'zaqar': (ZaqarForm, _('Zaqar'), _('When a message is posted to a queue.')),
    'aodh': (AodhForm, _('Aodh'), _('When an alarm fires: something was deleted, or is too busy.')),
    'notification': (NotificationForm, _('Notification'),
                     _('When Nova, Neutron, Keystone and others say what they did in this project.')),
}
