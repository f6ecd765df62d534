import assert from 'node:assert/strict';
import { test } from 'node:test';

import { agenda, daysIn, parse, Rule } from '../src/index.js';

const days = (options) => [...new Rule(options).days()].join(' ');

test('days and weeks', () => {
  assert.equal(days({ start: '2024-02-28', repeats: 'daily', count: 3 }), '2024-02-28 2024-02-29 2024-03-01');
  assert.equal(days({ start: '2024-12-30', repeats: 'weekly', every: 2, count: 2 }), '2024-12-30 2025-01-13');
});

test('months', () => {
  assert.equal(days({ start: '2024-11-15', repeats: 'monthly', count: 3 }), '2024-11-15 2024-12-15 2025-01-15');
  assert.equal(days({ start: '2024-01-10', repeats: 'monthly', every: 3, until: '2024-07-10' }), '2024-01-10 2024-04-10 2024-07-10');
});

test('years', () => {
  assert.equal(days({ start: '2023-06-01', repeats: 'yearly', count: 2 }), '2023-06-01 2024-06-01');
});

test('more than a year of months at once', () => {
  assert.equal(days({ start: '2024-05-05', repeats: 'monthly', every: 14, count: 3 }), '2024-05-05 2025-07-05 2026-09-05');
});

test('exceptions count', () => {
  assert.equal(days({ start: '2024-01-01', repeats: 'daily', count: 3, except: ['2024-01-02'] }), '2024-01-01 2024-01-03');
});

test('the day before the last of the month is no end of month', () => {
  assert.equal(days({ start: '2024-02-28', repeats: 'monthly', count: 3 }), '2024-02-28 2024-03-28 2024-04-28');
});

test('the end of a short month stays on its number', () => {
  assert.equal(days({ start: '2024-04-30', repeats: 'monthly', count: 2 }), '2024-04-30 2024-05-30');
});

test('next', () => {
  const rule = new Rule({ start: '2024-01-01', repeats: 'weekly', until: '2024-02-01' });
  assert.equal(rule.next('2024-01-09'), '2024-01-15');
  assert.equal(rule.next('2024-03-01'), undefined);
});

test('agenda', () => {
  const rules = { rent: new Rule({ start: '2024-01-05', repeats: 'monthly' }), gym: new Rule({ start: '2024-02-03', repeats: 'weekly' }) };
  assert.deepEqual(agenda(rules, '2024-02-01', '2024-02-10').map(({ day, name }) => `${day} ${name}`),
    ['2024-02-03 gym', '2024-02-05 rent', '2024-02-10 gym']);
});

test('faults', () => {
  assert.throws(() => parse('2023-02-29'), RangeError);
  assert.throws(() => new Rule({ start: '2024-01-01', repeats: 'hourly' }), RangeError);
  assert.throws(() => new Rule({ start: '2024-01-01', repeats: 'daily', every: 0 }), RangeError);
  assert.equal(daysIn(2024, 13), 28);
});
