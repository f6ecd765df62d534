import { compare } from './compare.js';

/** Rows by one column, in a new array. */
export function sortBy(rows, column, direction = 'asc') {
  if (direction !== 'asc' && direction !== 'desc') throw new TypeError(`no direction: ${direction}`);
  const sorted = [...rows].sort((one, other) => compare(one[column], other[column]));
  return direction === 'desc' ? sorted.reverse() : sorted;
}
