/** Whether a cell shows nothing. */
export function isEmpty(value) {
  return value === null || value === undefined || value === '';
}

/** Compares two cells, ascending; empty ones come last. */
export function compare(one, other) {
  if (isEmpty(one) || isEmpty(other)) return isEmpty(one) - isEmpty(other);
  if (one instanceof Date && other instanceof Date) return one - other;
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  const first = String(one).toLowerCase();
  const second = String(other).toLowerCase();
  return first < second ? -1 : first > second ? 1 : 0;
}
