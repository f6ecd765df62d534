/** Newest first; posts of one moment by their id. */
export function newestFirst(one, other) {
  if (one.at !== other.at) return other.at - one.at;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}
