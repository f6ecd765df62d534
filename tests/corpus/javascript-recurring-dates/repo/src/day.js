/** Days as `YYYY-MM-DD`, without any zone. */
export function parse(text) {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!found) throw new RangeError(`no day: ${text}`);
  const [year, month, day] = found.slice(1).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw new RangeError(`no such day: ${text}`);
  return date;
}

export function text(date) {
  return date.toISOString().slice(0, 10);
}

/** How many days a month has; months count from 0 and may run over the year. */
export function daysIn(year, month) {
  return new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
}
