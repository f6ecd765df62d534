import assert from 'node:assert/strict';
import { test } from 'node:test';

import { at, fromEnvironment, load, merge } from '../src/index.js';

test('above wins', () => {
  assert.deepEqual(merge({ a: 1, b: 2 }, { b: 3 }), { a: 1, b: 3 });
});

test('objects are merged at any depth', () => {
  const below = { a: { b: { c: { d: 1, e: 2 } } } };
  assert.deepEqual(merge(below, { a: { b: { c: { e: 3 } } } }), { a: { b: { c: { d: 1, e: 3 } } } });
});

test('lists are replaced', () => {
  assert.deepEqual(merge({ list: [1, 2] }, { list: [3] }), { list: [3] });
});

test('nothing changes nothing, null is a value', () => {
  assert.deepEqual(merge({ a: 1, b: 1 }, { a: undefined, b: null }), { a: 1, b: null });
});

test('objects of classes are kept as they are', () => {
  const when = new Date(0);
  const pattern = /x/u;
  const merged = merge({ when: {} }, { when, pattern });
  assert.ok(merged.when instanceof Date);
  assert.equal(merged.when, when);
  assert.equal(merged.pattern, pattern);
});

test('functions are values', () => {
  const log = () => 1;
  assert.equal(merge({ log: null }, { log }).log, log);
});

test('environment', () => {
  const variables = { APP_SERVER__PORT: '9000', APP_LOG__LEVEL: 'debug', APP_X: 'true', PATH: '/bin' };
  assert.deepEqual(fromEnvironment(variables), { server: { port: 9000 }, log: { level: 'debug' }, x: true });
});

test('environment over file', () => {
  const settings = load({ plugins: { spell: { words: 3 } } }, { APP_PLUGINS__SPELL__WORDS: '4' });
  assert.equal(at(settings, 'plugins.spell.words'), 4);
  assert.equal(at(settings, 'plugins.none.words'), undefined);
});
