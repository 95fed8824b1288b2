'use strict';
// The event that caused a call.

const EVENT_INPUT = '__event'; // the key of an input that holds the event, as CloudEvents' JSON
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

// InputError says why the function cannot be called with this input.
class InputError extends Error {}

// withEvent returns an input as functions get it: its event, if it has one, is called event, and has
// its data under data, whatever it is: a value of JSON, text, or a Buffer.
function withEvent(input) {
  if (typeof input !== 'object' || input === null || !Object.hasOwn(input, EVENT_INPUT)) return input;
  const { [EVENT_INPUT]: event, ...rest } = input;
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new InputError(`The input's '__event' must be a CloudEvent, a JSON object; it is of type ${kind(event)}.`);
  }
  if (Object.hasOwn(rest, 'event')) {
    throw new InputError(
      "The input has a key 'event' beside '__event', but the event itself is what functions get under that name. "
      + 'Give the key another name.',
    );
  }
  return { event: withData(event), ...rest };
}

function withData({ data_base64: encoded, ...event }) {
  if (encoded === undefined || encoded === null) return event;
  if (typeof encoded !== 'string' || !BASE64.test(encoded)) {
    throw new InputError("The input's '__event' has a data_base64 that is not base64.");
  }
  return { ...event, data: Buffer.from(encoded, 'base64') };
}

// kind returns what JSON calls the value's type.
function kind(value) {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

module.exports = { withEvent, InputError };
