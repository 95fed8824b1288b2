"""Writes SVG as text, with everything escaped that is not markup of our own."""
from django.utils import html
from django.utils import safestring


def tag(name: str, *inner, **attributes) -> str:
    """An element. In names of attributes _ stands for -, and one at the end for nothing (class_)."""
    text = ''.join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(number(value))}"'
        for key, value in attributes.items() if value is not None)
    body = ''.join(part if isinstance(part, safestring.SafeString) else html.escape(part) for part in inner)
    return safestring.mark_safe(f'<{name}{text}>{body}</{name}>')


def number(value) -> str:
    return f'{value:.1f}'.rstrip('0').rstrip('.') if isinstance(value, float) else str(value)
