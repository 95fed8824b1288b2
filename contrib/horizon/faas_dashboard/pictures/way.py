"""Draws the way of an event: from what sends it, by the trigger, to the function and what follows."""
import dataclasses
import typing

from faas_dashboard.pictures.svg import tag

WIDE, TALL, GAP, ROW = 164, 54, 40, 14


@dataclasses.dataclass
class Node:
    """A box. row is where it stands from the top, perhaps between two rows; without one it is in the middle."""

    key: str
    title: str
    note: str = ''
    href: typing.Optional[str] = None
    look: str = ''
    row: typing.Optional[float] = None


@dataclasses.dataclass
class Edge:
    begin: str
    end: str


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1] + '…'


def draw(title: str, columns: typing.List[typing.List[Node]], edges: typing.List[Edge]) -> str:
    """Columns from left to right; those that are empty are left out."""
    columns = [column for column in columns if column]
    tall = max(len(column) for column in columns) * (TALL + ROW) - ROW + 4
    wide = len(columns) * (WIDE + GAP) - GAP + 4
    places, boxes = {}, []
    for place, column in enumerate(columns):
        middle = (tall - len(column) * (TALL + ROW) + ROW) / 2
        for number, node in enumerate(column):
            y = middle + number * (TALL + ROW) if node.row is None else 2 + node.row * (TALL + ROW)
            places[node.key] = (place * (WIDE + GAP) + 2.0, y)
            boxes.append(box(node, *places[node.key]))
    arrows = [arrow(places[edge.begin], places[edge.end]) for edge in edges
              if edge.begin in places and edge.end in places]
    head = tag('defs', tag('marker', tag('path', d='M0 0 L8 4 L0 8 z'), id='faas-head', viewBox='0 0 8 8', refX=8,
                           refY=4, markerWidth=8, markerHeight=8, orient='auto'))
    return tag('svg', tag('title', title), head, *arrows, *boxes, viewBox=f'0 0 {wide} {tall:.0f}', width=wide,
               class_=f'faas-way faas-way-{len(columns)}', role='group')


def box(node: Node, x: float, y: float) -> str:
    """A box with a name and a note; a link where it leads somewhere."""
    middle = x + WIDE / 2
    parts = [tag('title', f'{node.title}: {node.note}' if node.note else node.title),
             tag('rect', x=x, y=y, width=WIDE, height=TALL, rx=6),
             tag('text', cut(node.title, 18), x=middle, y=y + (23 if node.note else 32), text_anchor='middle',
                 class_='faas-node')]
    if node.note:
        parts.append(tag('text', cut(node.note, 25), x=middle, y=y + 41, text_anchor='middle', class_='faas-note'))
    look = f'faas-box {node.look}'.strip()
    return tag('a', *parts, href=node.href, class_=look) if node.href else tag('g', *parts, class_=look)


def arrow(begin: typing.Tuple[float, float], end: typing.Tuple[float, float]) -> str:
    """It stays in its row until the last gap, so that it does not go through boxes of columns between."""
    x1, y1, x2, y2 = begin[0] + WIDE, begin[1] + TALL / 2, end[0], end[1] + TALL / 2
    last, half = x2 - GAP, x2 - GAP / 2
    return tag('path', class_='faas-arrow', marker_end='url(#faas-head)',
               d=f'M{x1:.0f} {y1:.0f} H{last:.0f} C{half:.0f} {y1:.0f} {half:.0f} {y2:.0f} {x2:.0f} {y2:.0f}')
