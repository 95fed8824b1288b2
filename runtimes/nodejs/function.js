'use strict';
// The function: how its entry is found and how it is called.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { withEvent } = require('./event.js');
const { Folder } = require('./folder.js');

const PLAIN_INPUT = '__function_input'; // the only key of an input that was no JSON object
const SUFFIXES = ['.js', '.cjs', '.mjs', '/index.js', '/index.cjs', '/index.mjs'];

// EntryError says that the package has no such entry, and what it has.
class EntryError extends Error {}

// load finds the function of the entry "folder.module.function" and resolves to how it is called.
async function load(code, entry, environment = {}) {
  const folder = new Folder(code); // in the worker's home, whatever the function's HOME is
  Object.assign(process.env, environment); // the module may read it while it is imported
  const dot = entry.lastIndexOf('.');
  if (dot < 1) throw new EntryError(`The entry '${entry}' is not of the form module.function.`);
  const moduleName = entry.slice(0, dot);
  const name = entry.slice(dot + 1);
  const file = findFile(code, moduleName);
  const namespace = isModule(code, file) ? await import(pathToFileURL(file)) : createRequire(file)(file);
  const found = namespace?.[name] ?? namespace?.default?.[name];
  if (typeof found !== 'function') throw missing(moduleName, name, found, namespace);
  const holder = namespace?.[name] === undefined ? namespace.default : namespace;
  return (input, context) => {
    folder.restore();
    return found.call(holder, plain(input), context ?? {});
  };
}

function plain(input) {
  if (input === undefined || input === null) return undefined;
  const keys = Object.keys(input);
  return keys.length === 1 && keys[0] === PLAIN_INPUT ? input[PLAIN_INPUT] : withEvent(input);
}

function findFile(code, moduleName) {
  const base = path.join(code, ...moduleName.split('.'));
  for (const suffix of SUFFIXES) {
    if (fs.statSync(base + suffix, { throwIfNoEntry: false })?.isFile()) return base + suffix;
  }
  throw new EntryError(`The package has no module '${moduleName}'. ${has(modules(code, ''))}`);
}

// isModule distinguishes an ES module from CommonJS as Node.js does.
function isModule(code, file) {
  if (file.endsWith('.mjs')) return true;
  if (file.endsWith('.cjs')) return false;
  for (let dir = path.dirname(file); dir.startsWith(code); dir = path.dirname(dir)) {
    const description = path.join(dir, 'package.json');
    const text = fs.existsSync(description) && fs.readFileSync(description, 'utf8');
    if (text) return JSON.parse(text).type === 'module';
  }
  return false;
}

function missing(moduleName, name, found, namespace) {
  if (found !== undefined) {
    return new EntryError(`'${name}' of the module '${moduleName}' is no function but of type ${typeof found}.`);
  }
  const all = { ...(namespace?.default ?? {}), ...(namespace ?? {}) };
  const names = Object.keys(all).filter((key) => typeof all[key] === 'function' && key !== 'default');
  return new EntryError(`The module '${moduleName}' has no function '${name}'. ${has(names)}`);
}

// modules returns the names of the package's modules, as an entry would name them.
function modules(code, prefix) {
  const found = [];
  for (const item of fs.readdirSync(path.join(code, ...prefix.split('.')), { withFileTypes: true })) {
    if (item.isFile() && /\.[cm]?js$/.test(item.name)) found.push(prefix + item.name.replace(/\.[cm]?js$/, ''));
    else if (item.isDirectory() && item.name !== 'node_modules') found.push(...modules(code, `${prefix}${item.name}.`));
    if (found.length > 50) break;
  }
  return found;
}

function has(names) {
  return names.length ? `It has: ${names.sort().slice(0, 50).join(', ')}.` : 'It has none.';
}

module.exports = { load, EntryError };
