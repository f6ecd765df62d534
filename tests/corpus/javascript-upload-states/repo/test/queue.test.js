import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Queue, summary, Upload } from '../src/index.js';

function queue(options) {
  const sent = [];
  return { sent, made: new Queue((upload) => sent.push(upload.name), options) };
}

test('one after the other', () => {
  const { sent, made } = queue();
  made.add('a', 10);
  made.add('b', 10);
  assert.deepEqual(sent, ['a']);
  made.signal('a', 'progress', 10);
  assert.deepEqual(sent, ['a', 'b']);
  assert.deepEqual(made.states(), { a: 'done', b: 'sending' });
});

test('failures are tried again', () => {
  const { sent, made } = queue({ attempts: 2 });
  made.add('a', 10);
  made.signal('a', 'fail');
  made.signal('a', 'fail');
  assert.deepEqual(sent, ['a', 'a']);
  assert.equal(made.states().a, 'failed');
});

test('a failed upload can be resumed by hand', () => {
  const { sent, made } = queue({ attempts: 1 });
  made.add('a', 10);
  made.signal('a', 'fail');
  made.signal('a', 'resume');
  made.signal('a', 'progress', 10);
  assert.deepEqual(sent, ['a', 'a']);
  assert.equal(made.states().a, 'done');
});

test('a failed upload can be cancelled', () => {
  const { made } = queue({ attempts: 1 });
  made.add('a', 10);
  made.signal('a', 'fail');
  made.signal('a', 'cancel');
  assert.equal(made.states().a, 'cancelled');
});

test('a waiting upload can be paused and cancelled', () => {
  const { made } = queue();
  made.add('a', 10);
  made.add('b', 10);
  made.add('c', 10);
  made.signal('b', 'pause');
  made.signal('c', 'cancel');
  assert.deepEqual(made.states(), { a: 'sending', b: 'paused', c: 'cancelled' });
});

test('pause lets the next one go', () => {
  const { sent, made } = queue();
  made.add('a', 10);
  made.add('b', 10);
  made.signal('a', 'pause');
  made.signal('b', 'progress', 10);
  assert.deepEqual(sent, ['a', 'b']);
  made.signal('a', 'resume');
  assert.deepEqual(sent, ['a', 'b', 'a']);
});

test('bytes that arrive while pausing are not forgotten', () => {
  const { made } = queue();
  made.add('a', 10);
  made.signal('a', 'pause');
  made.signal('a', 'progress', 6);
  assert.equal(made.uploads.get('a').percent, 60);
  assert.equal(made.states().a, 'paused');
});

test('summary', () => {
  const { made } = queue();
  for (const name of ['a', 'b', 'c']) made.add(name, 10);
  made.signal('a', 'progress', 10);
  made.signal('c', 'cancel');
  assert.equal(summary(made), '1 of 3 uploaded, 1 cancelled, 1 to go');
});

test('wrong use', () => {
  const { made } = queue();
  made.add('a', 1);
  assert.throws(() => made.add('a', 1), RangeError);
  assert.throws(() => made.signal('a', 'explode'), TypeError);
  assert.throws(() => new Upload('x', 0), RangeError);
  made.signal('unknown', 'fail');
});
