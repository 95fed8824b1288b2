"""Charts of what was called, of a function or of the whole project."""
import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from faas_dashboard import api
from faas_dashboard.pictures import charts
from faas_dashboard.templatetags.faas import parse

# name: hours, step in seconds, label
SPANS = {
    '6h': (6, 300, _('6 hours')),
    '24h': (24, 300, _('24 hours')),
    '7d': (168, 3600, _('7 days')),
    '30d': (720, 3600, _('30 days')),
}
DEFAULT = '24h'


def pictures() -> list:
    return [
        charts.Chart(_('Calls'), '', [
            charts.Series('succeeded', _('succeeded'), 'faas-good'), charts.Series('failed', _('failed'), 'faas-poor'),
            charts.Series('errors', _('errors'), 'faas-bad')]),
        charts.Chart(_('Duration'), 'ms', [
            charts.Series('p50_ms', _('half are within (p50)'), 'faas-one'),
            charts.Series('p95_ms', _('95 of 100 are within (p95)'), 'faas-two')], 'lines'),
        charts.Chart(_('Cold starts'), '', [charts.Series('cold_starts', _('cold starts'), 'faas-one')]),
        charts.Chart(_('Memory'), 'GB·s', [charts.Series('gb_seconds', _('GB-seconds'), 'faas-two')]),
    ]


def draw(request, **filters) -> dict:
    """What a page shows of the time that was chosen: the charts, the sums and the table beneath."""
    name = request.GET.get('span')
    name = name if name in SPANS else DEFAULT
    hours, step, _label = SPANS[name]
    # Whole steps: the last one holds what happens now.
    now = int(timezone.now().timestamp()) // step * step + step
    end = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    span = charts.Span(end - datetime.timedelta(hours=hours), end, step)
    answer = api.statistics(request, span.begin, span.end, step, **filters)
    spans = [{'name': key, 'label': value[2], 'chosen': key == name} for key, value in SPANS.items()]
    if answer is None:
        return {'spans': spans, 'missing': True}
    slots = charts.merged(answer.get('points') or [], span, parse)
    drawn = [{'chart': chart, 'svg': charts.draw(chart, slots, span)} for chart in pictures()]
    rows = [{'at': span.start(slot), **bar} for slot, bar in sorted(slots.items(), reverse=True)]
    return {'spans': spans, 'charts': drawn, 'total': api.Thing(answer.get('total') or {}), 'rows': rows,
            'merged': span.merge > 1}
