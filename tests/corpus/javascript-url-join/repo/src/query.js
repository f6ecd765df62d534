/** Parameters as a query, without the question mark; what is absent is left out, lists repeat their name. */
export function query(parameters) {
  const parts = [];
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === null || one === undefined) continue;
      parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
    }
  }
  return parts.join('&');
}

/** Adds parameters to an address. */
export function withQuery(address, parameters) {
  const text = query(parameters);
  if (text === '') return address;
  return address + (address.includes('?') ? '&' : '?') + text;
}
