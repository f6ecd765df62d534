import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, join, query, withQuery } from '../src/index.js';

test('joins segments', () => {
  assert.equal(join('https://api.example/v1', 'users', '7'), 'https://api.example/v1/users/7');
});

test('a slash at the end of the base', () => {
  assert.equal(join('https://api.example/v1/', 'users'), 'https://api.example/v1/users');
});

test('absent segments are left out', () => {
  assert.equal(join('https://api.example', 'users', undefined, null, ''), 'https://api.example/users');
});

test('a base alone stays as it is', () => {
  assert.equal(join('https://api.example/v1/'), 'https://api.example/v1/');
  assert.equal(join('https://api.example'), 'https://api.example');
});

test('numbers are segments', () => {
  assert.equal(join('https://api.example', 'users', 0), 'https://api.example/users/0');
});

test('queries', () => {
  assert.equal(query({ q: 'a b', tag: ['x', 'y'], none: undefined }), 'q=a%20b&tag=x&tag=y');
  assert.equal(withQuery('https://api.example?x=1', { y: 2 }), 'https://api.example?x=1&y=2');
  assert.equal(withQuery('https://api.example', {}), 'https://api.example');
});

test('client', () => {
  const client = new Client('https://api.example/v1');
  assert.equal(client.address('users', 7, { full: true }), 'https://api.example/v1/users/7?full=true');
  assert.equal(client.child('users', 7, 'posts'), 'https://api.example/v1/users/7/posts');
});

test('a nested collection is one path', () => {
  const client = new Client('https://api.example');
  assert.equal(client.address('teams/red/users', 3), 'https://api.example/teams/red/users/3');
});

test('strange bases are refused', () => {
  assert.throws(() => new Client('ftp://x'), TypeError);
});
