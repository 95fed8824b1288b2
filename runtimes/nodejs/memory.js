'use strict';
// How V8's heap follows the function's memory.

const v8 = require('node:v8');

const SMALL_MEMORY = 128 << 20; // below this, memory is dearer than speed

// By how many percent an open heap may grow beyond what lives in it before it is collected. A heap that knows its
// greatest size collects when garbage would make it larger. An open one does not, so it must collect before the garbage
// fills the rest of the function's memory, beyond which the kernel ends the process: with three quarters of the memory
// alive there is room for a third more. A small memory has less room, for new objects take their part of it. Measured
// against a heap of the right size: as fast, and as large.
const GROWTH = 33;
const SMALL_GROWTH = 15;

// follow makes the heap suit a function of so many bytes of memory; open says that the process was started before
// that was known. V8 reads these flags at each collection.
function follow(memory, open) {
  if (!memory) return;
  const small = memory <= SMALL_MEMORY;
  if (memory < SMALL_MEMORY) v8.setFlagsFromString('--optimize-for-size');
  if (open) v8.setFlagsFromString(`--heap-growing-percent=${small ? SMALL_GROWTH : GROWTH}`);
}

module.exports = { follow };
