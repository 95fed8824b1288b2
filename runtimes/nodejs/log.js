'use strict';
// Whose log a line belongs to. What a call has set going may outlive its answer: a timer, a promise.
// What that prints or throws then belongs to that call, whose log has been read already, and never to
// the call that runs meanwhile. It goes to the agent by a pipe of its own, with the execution's id.

const { AsyncLocalStorage } = require('node:async_hooks');
const fs = require('node:fs');
const { writeAll } = require('./process.js');

const MOST = 2048; // characters of one message to the agent; a longer text is divided

class Log {
  #calls = new AsyncLocalStorage(); // what runs now belongs to this call: {id}
  #late; // the descriptor of the pipe, undefined when the agent does not ask
  #current; // the call that runs, undefined between calls
  #called = false; // a call has begun at some time

  constructor(late) {
    if (late) this.#late = fs.openSync(late, 'w');
  }

  // run calls what is a call's own, and all that comes of it.
  run(id, what) {
    this.#current = { id };
    this.#called = true;
    return this.#calls.run(this.#current, what);
  }

  // end is called before the call is answered: what comes from now on is late.
  end() {
    this.#current = undefined;
  }

  // isLate reports whether what runs now belongs to a call that has been answered. What belongs to no
  // single call, as what the module has set going, is late only between calls.
  isLate() {
    if (this.#late === undefined) return false;
    const own = this.#calls.getStore();
    return own ? own !== this.#current : this.#called && !this.#current;
  }

  // divert takes what is late, and returns true when it has.
  divert(chunk) {
    if (!this.isLate()) return false;
    this.writeLate(chunk.toString());
    return true;
  }

  writeLate(text) {
    const id = this.#calls.getStore()?.id ?? '';
    const during = this.#current?.id ?? '';
    for (let at = 0; at < text.length; at += MOST) {
      writeAll(this.#late, Buffer.from(`${JSON.stringify({ id, during, text: text.slice(at, at + MOST) })}\n`));
    }
  }
}

module.exports = { Log };
