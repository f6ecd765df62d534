/** How long a text is. */
export function length(text) {
  return text.length;
}

/** The first signs of a text. */
export function take(text, count) {
  return text.slice(0, count);
}

/** The last signs of a text. */
export function takeLast(text, count) {
  return count === 0 ? '' : text.slice(-count);
}
