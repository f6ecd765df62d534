import { locale } from './locale.js';

/** Reads a typed price as cents; nothing when it is none. */
export function parse(text, name = 'en') {
  const { decimal, symbol } = locale(name);
  const plain = text.replace(symbol, '').replace(/[\s\u202f]/g, '');
  const number = Number(plain.replace(decimal, '.'));
  if (plain === '' || Number.isNaN(number)) return null;
  return Math.trunc(number * 100);
}
