import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Cache, highlight, Search } from '../src/index.js';

const echo = async (text) => [`${text}!`];

test('shows the answer', async () => {
  const search = new Search(echo);
  await search.type(' rome ');
  assert.deepEqual(search.shown, ['rome!']);
});

test('short texts ask nobody', async () => {
  const search = new Search(() => assert.fail('asked'));
  await search.type('r');
  assert.deepEqual(search.shown, []);
});

test('the same text is asked once', async () => {
  let calls = 0;
  const search = new Search(async () => [++calls]);
  await search.type('rome');
  await search.type('oslo');
  await search.type('rome');
  assert.equal(calls, 2);
  assert.deepEqual(search.shown, [1]);
});

test('an overtaken answer is remembered for later', async () => {
  const waiting = {};
  let calls = 0;
  const search = new Search((text) => new Promise((done) => { calls += 1; waiting[text] = done; }));
  const first = search.type('ro');
  const second = search.type('rome');
  waiting.ro(['ro!']);
  await first;
  waiting.rome(['rome!']);
  await second;
  assert.deepEqual(search.shown, ['rome!']);
  await search.type('ro');
  assert.equal(calls, 2);
  assert.deepEqual(search.shown, ['ro!']);
});

test('a failure is told and forgotten', async () => {
  let fail = true;
  const search = new Search(async (text) => { if (fail) throw new Error('down'); return [text]; });
  await search.type('rome');
  assert.equal(search.error.message, 'down');
  fail = false;
  await search.type('rome');
  assert.equal(search.error, null);
  assert.deepEqual(search.shown, ['rome']);
});

test('suggestions stay while the next answer is awaited', async () => {
  let done;
  const search = new Search((text) => (text === 'ro' ? ['ro!'] : new Promise((resolve) => { done = resolve; })));
  await search.type('ro');
  const next = search.type('rom');
  assert.deepEqual(search.shown, ['ro!']);
  done(['rom!']);
  await next;
});

test('cache forgets the oldest', () => {
  const cache = new Cache(2);
  cache.put('a', 1);
  cache.put('b', 2);
  cache.get('a');
  cache.put('c', 3);
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3]);
});

test('highlight', () => {
  assert.equal(highlight('Rome', 'om'), 'R*om*e');
  assert.equal(highlight('Rome', 'x'), 'Rome');
});
