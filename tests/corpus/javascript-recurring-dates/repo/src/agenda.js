/** What happens between two days, both included; `rules` by name. */
export function agenda(rules, from, to) {
  const found = [];
  for (const [name, rule] of Object.entries(rules)) {
    for (const day of rule.days()) {
      if (day > to) break;
      if (day >= from) found.push({ day, name });
    }
  }
  return found.sort((one, other) => (one.day < other.day ? -1 : one.day > other.day ? 1 : one.name < other.name ? -1 : 1));
}
