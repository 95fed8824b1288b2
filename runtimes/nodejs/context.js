'use strict';
// What a function gets besides its input.

// Cloud is OpenStack, as the project's functions may use it. It is the process's: functions keep
// context.os from one call to the next, and find the token of the day in it.
class Cloud {
  #given; // what the agent said last of OpenStack

  // context takes the context that came with a call and returns the function's. The token is a
  // property that is not enumerable: what prints or returns the context does not give it away.
  context(given = {}) {
    this.update(given);
    if (!given.os) return given;
    const current = () => this.#given;
    const os = { ...given.os };
    delete os.token;
    delete os.expires_at;
    Object.defineProperty(os, 'token', { get: () => current()?.token });
    Object.defineProperty(os, 'expires_at', { get: () => current()?.expires_at });
    return { ...given, os };
  }

  // update takes what the agent sends while a call runs for longer than its token lives.
  update(given) {
    this.#given = given.os;
  }
}

module.exports = { Cloud };
