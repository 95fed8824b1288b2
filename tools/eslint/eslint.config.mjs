// What ESLint holds the JavaScript of this repository to: its own recommendation, and a little
// more. It is installed outside of the tree, so what it needs is found from where tools/lint says
// that it is.
import { createRequire } from 'node:module';

const js = createRequire(`${process.env.ESLINT_HOME}/package.json`)('@eslint/js');
const globals = [
  '__dirname', '__filename', 'AbortController', 'Buffer', 'clearImmediate', 'clearInterval', 'clearTimeout', 'console',
  'exports', 'fetch', 'global', 'module', 'process', 'queueMicrotask', 'require', 'setImmediate', 'setInterval',
  'setTimeout', 'structuredClone', 'TextDecoder', 'TextEncoder', 'URL',
];

export default [
  js.configs.recommended,
  {
    languageOptions: {
      ecmaVersion: 2022, // of Node.js 18
      sourceType: 'commonjs',
      globals: Object.fromEntries(globals.map((name) => [name, 'readonly'])),
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'eqeqeq': 'error',
      'max-depth': ['error', 4],
      'max-lines-per-function': ['error', 60],
      'no-implicit-globals': 'off', // each file is a module
      'no-shadow': 'error',
      'no-throw-literal': 'error',
      'no-use-before-define': ['error', { functions: false }],
      'no-var': 'error',
      'prefer-const': 'error',
      'strict': ['error', 'global'],
    },
  },
  {
    files: ['examples/**'], // written as a user would
    rules: { strict: 'off' },
  },
  {
    files: ['contrib/horizon/**'], // for browsers
    languageOptions: {
      sourceType: 'script',
      globals: Object.fromEntries(
        ['document', 'window', 'DOMParser', 'Event', 'ResizeObserver'].map((name) => [name, 'readonly'])),
    },
    rules: { strict: ['error', 'function'] },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { sourceType: 'module' },
  },
];
