/** Marks the typed text in a suggestion. */
export function highlight(suggestion, text, mark = (part) => `*${part}*`) {
  const at = suggestion.toLowerCase().indexOf(text.toLowerCase());
  if (text === '' || at < 0) return suggestion;
  return suggestion.slice(0, at) + mark(suggestion.slice(at, at + text.length)) + suggestion.slice(at + text.length);
}
