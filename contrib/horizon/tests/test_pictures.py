import datetime
import unittest
import xml.etree.ElementTree as tree

from faas_dashboard import limits
from faas_dashboard.pictures import charts
from faas_dashboard.pictures import way
from faas_dashboard.templatetags import faas

BEGIN = datetime.datetime(2026, 1, 31, tzinfo=datetime.timezone.utc)


def span(hours: int, step: int) -> charts.Span:
    return charts.Span(BEGIN, BEGIN + datetime.timedelta(hours=hours), step)


def point(minutes: int, **members) -> dict:
    return {'at': (BEGIN + datetime.timedelta(minutes=minutes)).strftime('%Y-%m-%d %H:%M:%S.%f'), **members}


class ChartsTest(unittest.TestCase):

    def test_neighbours_are_merged_where_there_are_more_than_can_be_seen(self):
        points = [point(0, calls=1, p95_ms=5), point(5, calls=2, p95_ms=9), point(10, calls=4, p95_ms=None),
                  point(15, calls=8, p95_ms=1), point(-5, calls=100), point(24 * 60, calls=100)]
        self.assertEqual({0: {'calls': 7, 'p95_ms': 9}, 1: {'calls': 8, 'p95_ms': 1}},
                         charts.merged(points, span(24, 300), faas.parse))
        self.assertEqual(4, len(charts.merged(points, span(6, 300), faas.parse)))

    def test_no_chart_has_more_bars_than_it_may(self):
        for hours, step in ((6, 300), (24, 300), (168, 3600), (720, 3600)):
            self.assertLessEqual(span(hours, step).slots, charts.BARS)
            last = BEGIN + datetime.timedelta(hours=hours, seconds=-1)
            self.assertLess(span(hours, step).slot(last), span(hours, step).slots)

    def test_the_axis_ends_at_a_number_that_people_like(self):
        for value, top in ((0, 1), (1, 1), (1.1, 2), (3, 4), (5, 6), (9, 10), (10, 10), (1200, 2000), (0.03, 0.04)):
            self.assertAlmostEqual(top, charts.ceiling(value))

    def test_bars_are_as_high_as_what_they_stand_for(self):
        chart = charts.Chart('Calls', '', [charts.Series('a', 'a', 'one'), charts.Series('b', 'b', 'two')])
        drawn = tree.fromstring(charts.draw(chart, {0: {'a': 5, 'b': 5}, 3: {'a': 0, 'b': 2}}, span(6, 300)))
        bars = [(float(r.get('y')), float(r.get('height')), r.get('class')) for r in drawn.iter('rect')]
        full = charts.BOTTOM - charts.TOP
        self.assertEqual([(86.0, full / 2, 'one'), (12.0, full / 2, 'two'), (130.4, 29.6, 'two')], bars)
        self.assertEqual('Calls: a 5, b 7', drawn.find('title').text)

    def test_lines_do_not_cross_what_nobody_knows(self):
        chart = charts.Chart('Duration', 'ms', [charts.Series('p95_ms', 'p95', 'one')], 'lines')
        slots = {0: {'p95_ms': 1}, 1: {'p95_ms': 2}, 5: {'p95_ms': 3}}
        drawn = tree.fromstring(charts.draw(chart, slots, span(6, 300)))
        self.assertEqual(3, len(list(drawn.iter('circle'))))
        self.assertEqual(1, len([line for line in drawn.iter('line') if line.get('class') == 'one']))

    def test_nothing_is_drawn_of_nothing(self):
        chart = charts.Chart('Calls', '', [charts.Series('a', 'a', 'one')])
        drawn = tree.fromstring(charts.draw(chart, {}, span(6, 300)))
        self.assertEqual('Calls: nothing', drawn.find('title').text)
        self.assertEqual([], list(drawn.iter('rect')))


class WayTest(unittest.TestCase):

    def test_boxes_arrows_and_links(self):
        drawn = tree.fromstring(way.draw('t', [[way.Node('a', 'A', 'note')], [], [way.Node('b', 'B', '', '/there')]],
                                         [way.Edge('a', 'b'), way.Edge('a', 'gone')]))
        self.assertEqual(['/there'], [a.get('href') for a in drawn.iter('a')])
        self.assertEqual(2, len(list(drawn.iter('rect'))))
        self.assertEqual(1, len([path for path in drawn.iter('path') if path.get('class') == 'faas-arrow']))

    def test_names_are_no_markup(self):
        drawn = way.draw('t', [[way.Node('a', '<script>"&', "'><b>", '/x"onclick="y')]], [])
        self.assertEqual('/x"onclick="y', next(tree.fromstring(drawn).iter('a')).get('href'))
        self.assertNotIn('<script', drawn)
        self.assertNotIn('<b>', drawn)


class LimitsTest(unittest.TestCase):

    def test_bars(self):
        found = {bar['name']: bar for bar in limits.bars({
            'functions': {'limit': 100, 'used': 1}, 'jobs': {'limit': -1, 'used': 5},
            'aliases': {'limit': 0, 'used': 0},
            'package_bytes': {'limit': 1 << 30, 'used': 3 << 20}, 'news': {'limit': 4, 'used': 3}})}
        self.assertEqual(('1', '100', 1, ''), row(found['Functions']))
        self.assertEqual(('5', '∞', 0, ''), row(found['Jobs']))
        self.assertEqual(('0', '0', 100, 'faas-bad'), row(found['Aliases']))
        self.assertEqual(('3 MiB', '1 GiB', 1, ''), row(found['Packages']))
        self.assertEqual(('3', '4', 75, 'faas-poor'), row(found['news']))


def row(bar: dict) -> tuple:
    return bar['used'], bar['limit'], bar['share'], bar['look']


class FiltersTest(unittest.TestCase):

    def test_times_and_json(self):
        self.assertEqual(BEGIN, faas.parse('2026-01-31 00:00:00.000000'))
        self.assertEqual(BEGIN, faas.parse('2026-01-31T00:00:00Z'))
        self.assertIsNone(faas.parse(None))
        self.assertIsNone(faas.parse('soon'))
        self.assertEqual('{\n  "a": "ü"\n}', faas.pretty('{"a": "\\u00fc"}'))
        self.assertEqual('a\nb', faas.pretty('"a\\nb"'))
        self.assertEqual('{"a', faas.pretty('{"a'))

    def test_exact_keeps_braces_and_escapes_markup(self):
        self.assertEqual('{$ x $} &lt;/textarea&gt;', faas.exact('{$ x $} </textarea>'))


if __name__ == '__main__':
    unittest.main()
