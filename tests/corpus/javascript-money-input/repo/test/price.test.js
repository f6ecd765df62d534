import assert from 'node:assert/strict';
import { test } from 'node:test';

import { format, parse, PriceField } from '../src/index.js';

test('whole and half', () => {
  assert.equal(parse('12'), 1200);
  assert.equal(parse('12.5'), 1250);
  assert.equal(parse('$ 0.25'), 25);
});

test('decimal comma', () => {
  assert.equal(parse('3,75 €', 'de'), 375);
  assert.equal(parse('3,75 €', 'fr'), 375);
});

test('thin spaces group in french', () => {
  assert.equal(parse('1\u202f234,50', 'fr'), 123450);
});

test('negative prices', () => {
  assert.equal(parse('-4.50'), -450);
});

test('leading and trailing decimal sign', () => {
  assert.equal(parse('.5'), 50);
  assert.equal(parse('7.'), 700);
});

test('no prices', () => {
  for (const text of ['', '  ', 'abc', '1.2.3', '--1', '.', '1,2.3,4x']) assert.equal(parse(text), null, text);
});

test('a third digit that is zero does not matter', () => {
  assert.equal(parse('2.500'), 250);
  assert.equal(parse('0.250'), 25);
});

test('format', () => {
  assert.deepEqual([format(5), format(123456), format(-100000000)], ['0.05', '1,234.56', '-1,000,000.00']);
  assert.equal(format(123456, 'de'), '1.234,56');
});

test('field', () => {
  const field = new PriceField({ least: 100 });
  assert.ok(field.input('2.50'));
  assert.equal(field.text, '2.50');
  assert.equal(field.input('0.50'), false);
  assert.equal(field.problem, 'too low');
  field.input('');
  assert.equal(field.problem, 'required');
});
