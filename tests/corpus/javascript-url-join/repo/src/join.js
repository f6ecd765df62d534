/** Joins a base address and segments of a path. */
export function join(base, ...segments) {
  let address = base;
  for (const segment of segments) {
    if (segment === '' || segment === null || segment === undefined) continue;
    address += (address.endsWith('/') ? '' : '/') + segment;
  }
  return address;
}
