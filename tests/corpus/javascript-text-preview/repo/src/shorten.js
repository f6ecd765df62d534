import { length, take, takeLast } from './width.js';

const MORE = '…';

/** Shortens to `limit` signs, at the end of a word where one is near; what was cut is shown by `…`. */
export function shorten(text, limit) {
  if (limit < 1) throw new RangeError('no room');
  if (length(text) <= limit) return text;
  const cut = take(text, limit - 1);
  const space = cut.lastIndexOf(' ');
  const next = text.slice(cut.length, cut.length + 1);
  const whole = next !== ' ' && space > cut.length * 0.6 ? cut.slice(0, space) : cut;
  return whole.trimEnd() + MORE;
}

/** Shortens in the middle, for names of files. */
export function middle(text, limit) {
  if (limit < 3) throw new RangeError('no room');
  if (length(text) <= limit) return text;
  const front = Math.ceil((limit - 1) / 2);
  return take(text, front) + MORE + takeLast(text, limit - 1 - front);
}
