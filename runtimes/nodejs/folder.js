'use strict';
// The working folder: the package's files, and beside them what the function writes. It is the
// worker's, in its home, so that it can be written and ends with the worker. The package's files are
// links into the folder of the code, which cannot be written: nobody copies them, and what a call
// does to a link is undone before the next.

const fs = require('node:fs');
const path = require('node:path');

const NAME = '.package'; // in the worker's home

// A folder's time of change is the kernel's clock at its last tick, so one that is this old, in
// nanoseconds, was not changed since without a later time to show for it.
const TICKS = 50_000_000n;

class Folder {
  #code;
  #names;
  #path;
  #whole; // the time of change at which every link was in its place

  // A new Folder is the process's working folder.
  constructor(code) {
    this.#code = code;
    this.#names = fs.readdirSync(code);
    this.#path = path.join(process.env.HOME, NAME);
    try {
      fs.mkdirSync(this.#path, { recursive: true, mode: 0o700 });
      this.restore();
      process.chdir(this.#path);
    } catch { // no room: better a folder that cannot be written than none
      this.#path = code;
      process.chdir(code);
    }
  }

  // restore puts every link back into its place. Slots share the folder, and may do this at the same time.
  restore() {
    if (this.#path === this.#code) return;
    const found = fs.statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (!found) {
      fs.mkdirSync(this.#path, { recursive: true, mode: 0o700 });
      process.chdir(this.#path);
    } else if (found.ctimeNs === this.#whole) {
      return;
    }
    for (const name of this.#names) put(path.join(this.#code, name), path.join(this.#path, name));
    const changed = fs.statSync(this.#path, { bigint: true }).ctimeNs;
    this.#whole = BigInt(Date.now()) * 1_000_000n - changed > TICKS ? changed : undefined;
  }
}

function put(target, link) {
  try {
    if (fs.readlinkSync(link) === target) return;
  } catch { /* there is something else, or nothing */ }
  fs.rmSync(link, { recursive: true, force: true });
  try {
    fs.symlinkSync(target, link);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error; // else another slot was faster
  }
}

module.exports = { Folder };
