"""The event that caused a call."""
import base64
import binascii

EVENT_INPUT = "__event"  # the key of an input that holds the event, as CloudEvents' JSON


class InputError(Exception):
    """The function cannot be called with this input. The message says why."""


def take(given):
    """Returns the input's event, as functions get it, and what else is in the input.

    An event has its data under "data", whatever it is: a value of JSON, text, or bytes.
    """
    rest = dict(given)
    event = rest.pop(EVENT_INPUT)
    if not isinstance(event, dict):
        raise InputError("The input's '__event' must be a CloudEvent, a JSON object; it is of type %s." % kind(event))
    encoded = event.pop("data_base64", None)
    if encoded is not None:
        try:
            event["data"] = base64.b64decode(encoded, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise InputError("The input's '__event' has a data_base64 that is not base64.") from None
    return event, rest


def kind(value):
    """Returns what JSON calls the value's type."""
    if value is None:
        return "null"
    return {bool: "boolean", str: "string", list: "array"}.get(type(value), "number")
