import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode, Feed, LARGEST_PAGE, walk } from '../src/index.js';

function feed(count) {
  const made = new Feed();
  for (let number = 0; number < count; number += 1) made.add({ id: `p${number}`, at: 1000 + number, author: number % 2 ? 'ann' : 'bob' });
  return made;
}

const ids = (posts) => [...posts].map((post) => post.id).join(' ');

test('newest first', () => {
  assert.equal(ids(feed(3).page().posts), 'p2 p1 p0');
});

test('posts of one moment are in order of their ids', () => {
  const made = new Feed().add({ id: 'b', at: 5 }).add({ id: 'a', at: 5 });
  assert.equal(ids(made.page().posts), 'a b');
});

test('pages follow each other', () => {
  const made = feed(5);
  const first = made.page({ limit: 2 });
  const second = made.page({ limit: 2, after: first.next });
  assert.equal(ids(first.posts), 'p4 p3');
  assert.equal(ids(second.posts), 'p2 p1');
  assert.equal(made.page({ limit: 2, after: second.next }).next, undefined);
});

test('no cursor at the end', () => {
  assert.equal(feed(2).page({ limit: 2 }).next, undefined);
});

test('new posts do not move the page', () => {
  const made = feed(4);
  const { next } = made.page({ limit: 2 });
  made.add({ id: 'new', at: 9000 });
  assert.equal(ids(made.page({ limit: 2, after: next }).posts), 'p1 p0');
});

test('a removed post does not end the walk', () => {
  const made = feed(4);
  const { next } = made.page({ limit: 2 });
  made.remove('p2');
  assert.equal(ids(made.page({ limit: 2, after: next }).posts), 'p1 p0');
});

test('cursors of earlier versions are read', () => {
  const old = Buffer.from('{"at":1002}').toString('base64url');
  assert.equal(ids(feed(5).page({ after: old }).posts), 'p1 p0');
});

test('filter and limit', () => {
  assert.equal(ids(walk(feed(6), { author: 'ann', limit: 1 })), 'p5 p3 p1');
  assert.equal(feed(60).page({ limit: 1000 }).posts.length, LARGEST_PAGE);
});

test('bad cursors', () => {
  for (const text of ['!', 'e30', Buffer.from('{"at":"x"}').toString('base64url')]) {
    assert.throws(() => decode(text), RangeError);
  }
});
