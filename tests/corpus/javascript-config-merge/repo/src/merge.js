/** Whether a value is an object with settings in it. */
export function isPlain(value) {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Lays one value over another; objects are merged, everything else is replaced, `undefined` changes nothing. */
export function merge(below, above) {
  if (above === undefined) return below;
  if (!isPlain(below) || !isPlain(above)) return above;
  const merged = Object.assign({}, below);
  for (const [name, value] of Object.entries(above)) {
    if (isPlain(below[name]) && isPlain(value)) {
      for (const [inner, deep] of Object.entries(value)) merged[name][inner] = merge(merged[name][inner], deep);
    } else if (value !== undefined) {
      merged[name] = value;
    }
  }
  return merged;
}
