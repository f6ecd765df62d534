import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Grid, sortBy } from '../src/index.js';

const names = (rows) => rows.map((row) => row.name).join(' ');

test('ascending and descending', () => {
  const rows = [{ name: 'b' }, { name: 'C' }, { name: 'a' }];
  assert.equal(names(sortBy(rows, 'name')), 'a b C');
  assert.equal(names(sortBy(rows, 'name', 'desc')), 'C b a');
});

test('numbers and dates', () => {
  assert.deepEqual(sortBy([{ n: 10 }, { n: 9 }, { n: -1 }], 'n').map((row) => row.n), [-1, 9, 10]);
  const days = [{ d: new Date('2024-02-01') }, { d: new Date('2023-05-01') }];
  assert.equal(sortBy(days, 'd')[0].d.getFullYear(), 2023);
});

test('rows stay where they are', () => {
  const rows = [{ name: 'b' }, { name: 'a' }];
  sortBy(rows, 'name', 'desc');
  assert.equal(names(rows), 'b a');
});

test('equal rows keep their order', () => {
  const rows = [{ name: 'x', n: 1 }, { name: 'y', n: 1 }, { name: 'z', n: 0 }];
  assert.equal(names(sortBy(rows, 'n')), 'z x y');
});

test('empty cells come last', () => {
  assert.equal(names(sortBy([{ name: 'n' }, { name: 'a', n: 2 }, { name: 'b', n: 1 }], 'n')), 'b a n');
});

test('zero and no are not empty', () => {
  assert.deepEqual(sortBy([{ v: 1 }, { v: 0 }], 'v').map((row) => row.v), [0, 1]);
  assert.deepEqual(sortBy([{ v: true }, { v: false }, { v: null }], 'v').map((row) => row.v), [false, true, null]);
});

test('text is compared letter by letter', () => {
  const rows = [{ name: 'a1b' }, { name: 'a-b' }, { name: 'a b' }];
  assert.equal(names(sortBy(rows, 'name')), 'a b a-b a1b');
});

test('clicks', () => {
  const grid = new Grid(['name', 'n'], [{ name: 'b', n: 1 }, { name: 'a', n: 2 }, { name: 'c', n: 1 }]);
  assert.equal(String(grid.click('name').click('n')), 'b|1\nc|1\na|2');
  assert.throws(() => grid.click('x'), RangeError);
  assert.throws(() => sortBy([], 'n', 'down'), TypeError);
});
