import assert from 'node:assert/strict';
import { test } from 'node:test';

import { flatten, initials, length, middle, preview, shorten } from '../src/index.js';

test('short texts stay', () => {
  assert.equal(shorten('hello', 5), 'hello');
  assert.equal(shorten('', 1), '');
});

test('long texts end in dots', () => {
  assert.equal(shorten('abcdefghij', 5), 'abcd…');
});

test('words are not cut when one ends near', () => {
  assert.equal(shorten('the quick brown fox', 12), 'the quick…');
  assert.equal(shorten('the quick brown', 10), 'the quick…');
});

test('middle', () => {
  assert.equal(middle('invoice-2024-final.pdf', 11), 'invoi…l.pdf');
  assert.equal(middle('a.pdf', 11), 'a.pdf');
});

test('limits are kept', () => {
  for (let limit = 3; limit < 30; limit += 1) {
    assert.ok(length(shorten('the quick brown fox jumps', limit)) <= limit);
    assert.equal(length(middle('the quick brown fox jumps', limit)), Math.min(limit, 25));
  }
});

test('a marked end of line is one sign less', () => {
  assert.equal(length('\u00e9t\u00e9'), 3);
  assert.equal(shorten('\u00e9t\u00e9 2024', 4), '\u00e9t\u00e9…');
});

test('spaces of every kind', () => {
  assert.equal(flatten(' a\n\n b\t c '), 'a b c');
  assert.equal(shorten('a\u00a0b c d e f', 4), 'a\u00a0b…');
});

test('previews', () => {
  assert.equal(preview('Ann', 'see\nyou'), 'Ann: see you');
  assert.equal(initials('ann mary lee'), 'AL');
  assert.equal(initials('bob'), 'B');
  assert.equal(initials(''), '');
});

test('no room', () => {
  assert.throws(() => shorten('abc', 0), RangeError);
  assert.throws(() => middle('abcd', 2), RangeError);
});
