/** Makes a cursor: opaque to callers, safe in an address. */
export function encode(post) {
  return Buffer.from(JSON.stringify({ at: post.at })).toString('base64url');
}

/** Reads a cursor. Throws a `RangeError` for what never was one. */
export function decode(text) {
  let value;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw new RangeError('no cursor');
  }
  if (!Number.isSafeInteger(value?.at)) throw new RangeError('no cursor');
  return value;
}
