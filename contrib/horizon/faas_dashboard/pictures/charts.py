"""Charts over time, drawn by the server: they need no script, and print."""
import dataclasses
import datetime
import math
import typing

from django.utils import timezone

from faas_dashboard.pictures.svg import tag

WIDTH, HEIGHT = 440, 190
LEFT, RIGHT, TOP, BOTTOM = 48, 432, 12, 160
# More bars than this would be thinner than what can be seen: neighbours become one.
BARS = 96


@dataclasses.dataclass
class Series:
    key: str        # member of a point
    label: str
    look: str       # class of the stylesheet


@dataclasses.dataclass
class Chart:
    """kind is bars, which stand upon each other, or lines."""

    title: str
    unit: str
    series: typing.List[Series]
    kind: str = 'bars'


@dataclasses.dataclass
class Span:
    begin: datetime.datetime
    end: datetime.datetime
    step: int   # seconds

    @property
    def merge(self) -> int:
        """How many steps become one bar."""
        return max(1, math.ceil((self.end - self.begin).total_seconds() / self.step / BARS))

    def slot(self, at: datetime.datetime) -> int:
        return int((at - self.begin).total_seconds() // (self.step * self.merge))

    @property
    def slots(self) -> int:
        return max(1, math.ceil((self.end - self.begin).total_seconds() / (self.step * self.merge)))

    def start(self, slot: int) -> datetime.datetime:
        return self.begin + datetime.timedelta(seconds=slot * self.step * self.merge)


def merged(points: typing.List[dict], span: Span, parse: typing.Callable) -> typing.Dict[int, dict]:
    """Points by their bar. Counts add up; of percentiles the highest is kept, since they cannot be added."""
    slots: typing.Dict[int, dict] = {}
    for point in points:
        at = parse(point.get('at', ''))
        if at is None or not span.begin <= at < span.end:
            continue
        bar = slots.setdefault(span.slot(at), {})
        for key, value in point.items():
            if key == 'at' or value is None:
                continue
            bar[key] = max(bar.get(key, 0), value) if key.endswith('_ms') else bar.get(key, 0) + value
    return slots


def ceiling(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10, 20 … that is no less: halves of them are numbers that people like, too."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 4, 6, 8, 10) if power * factor >= value * 0.9999)


def amount(value: float, unit: str) -> str:
    if unit == 'ms' and value >= 1000:
        return f'{value / 1000:g} s'
    for size, letter in ((1e6, 'M'), (1e3, 'k')):
        if value >= size:
            return f'{value / size:g} {letter}'
    return f'{value:.3g}' + (' ms' if unit == 'ms' else '')


def draw(chart: Chart, slots: typing.Dict[int, dict], span: Span) -> str:
    keys = [series.key for series in chart.series]
    join = sum if chart.kind == 'bars' else max
    top = ceiling(max((join(bar.get(key, 0) for key in keys) for bar in slots.values()), default=0))
    if chart.unit == '' and top < 2:
        top = 2.0   # of what is counted there is no half
    parts = [tag('title', describe(chart, slots)), *grid(top, chart.unit), *clock(span)]
    parts += (bars if chart.kind == 'bars' else lines)(chart, slots, span, top)
    return tag('svg', *parts, viewBox=f'0 0 {WIDTH} {HEIGHT}', role='img', class_='faas-chart',
               preserveAspectRatio='xMidYMid meet')


def describe(chart: Chart, slots: typing.Dict[int, dict]) -> str:
    """The picture in a sentence, for those who hear the page."""
    said = []
    for series in chart.series:
        values = [bar.get(series.key, 0) for bar in slots.values()]
        total = sum(values) if chart.kind == 'bars' else max(values, default=0)
        said.append(f'{series.label} {amount(total, chart.unit)}')
    return f'{chart.title}: ' + (', '.join(said) if slots else 'nothing')


def height(value: float, top: float) -> float:
    return (BOTTOM - TOP) * value / top


def place(span: Span, slot: float) -> float:
    return LEFT + (RIGHT - LEFT) * slot / span.slots


def grid(top: float, unit: str) -> typing.Iterator[str]:
    for part in (0, 0.5, 1):
        y = BOTTOM - height(top * part, top)
        yield tag('line', x1=LEFT, x2=RIGHT, y1=y, y2=y, class_='faas-grid')
        yield tag('text', amount(top * part, unit), x=LEFT - 6, y=y + 4, text_anchor='end')


def clock(span: Span) -> typing.Iterator[str]:
    """Marks of time, in the time zone that the user has chosen in Horizon."""
    days = (span.end - span.begin).days
    for part, anchor in ((0, 'start'), (1 / 3, 'middle'), (2 / 3, 'middle'), (1, 'end')):
        at = timezone.localtime(span.begin + (span.end - span.begin) * part)
        text = at.strftime('%b %d' if days > 1 else '%H:%M')
        yield tag('text', text, x=LEFT + (RIGHT - LEFT) * part, y=BOTTOM + 20, text_anchor=anchor)


def moment(span: Span, slot: int) -> str:
    return timezone.localtime(span.start(slot)).strftime('%b %d %H:%M')


def bars(chart: Chart, slots: typing.Dict[int, dict], span: Span, top: float) -> typing.Iterator[str]:
    wide = (RIGHT - LEFT) / span.slots
    for slot, bar in sorted(slots.items()):
        y = float(BOTTOM)
        shapes = []
        for series in chart.series:
            tall = height(bar.get(series.key, 0), top)
            if tall > 0:
                tall = max(tall, 1.5)   # one of thousands can still be seen
                y -= tall
                shapes.append(tag('rect', x=place(span, slot) + wide * 0.1, y=y, width=wide * 0.8, height=tall,
                                  class_=series.look))
        if shapes:
            yield tag('g', tag('title', label(chart, bar, span, slot)), *shapes)


def label(chart: Chart, bar: dict, span: Span, slot: int) -> str:
    said = ', '.join(f'{series.label} {amount(bar.get(series.key, 0), chart.unit)}' for series in chart.series)
    return f'{moment(span, slot)}: {said}'


def lines(chart: Chart, slots: typing.Dict[int, dict], span: Span, top: float) -> typing.Iterator[str]:
    """A dot for each bar of time in which there was something; lines join neighbours, and nothing across a gap."""
    for series in chart.series:
        before = None
        for slot, bar in sorted(slots.items()):
            if bar.get(series.key) is None:
                continue
            x, y = place(span, slot + 0.5), BOTTOM - height(bar[series.key], top)
            if before is not None and before[0] == slot - 1:
                yield tag('line', x1=before[1], y1=before[2], x2=x, y2=y, class_=series.look)
            yield tag('circle', tag('title', f'{moment(span, slot)}: {series.label} '
                                             f'{amount(bar[series.key], chart.unit)}'),
                      cx=x, cy=y, r=2.5, class_=series.look)
            before = slot, x, y
