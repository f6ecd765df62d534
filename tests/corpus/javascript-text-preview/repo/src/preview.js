import { shorten } from './shorten.js';
import { take } from './width.js';

/** Line breaks and blanks in a row become one blank. */
export function flatten(text) {
  return text.replace(/\s+/g, ' ').trim();
}

/** The line of a notification. */
export function preview(author, text, limit = 40) {
  return `${shorten(author, 12)}: ${shorten(flatten(text), limit)}`;
}

/** One or two letters for the round picture of somebody without one. */
export function initials(name) {
  const words = flatten(name).split(' ').filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => take(word, 1).toUpperCase()).join('');
}
