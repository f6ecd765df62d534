/** Signs that separate groups and decimals. */
export const LOCALES = {
  en: { group: ',', decimal: '.', symbol: '$' },
  de: { group: '.', decimal: ',', symbol: '€' },
  fr: { group: '\u202f', decimal: ',', symbol: '€' },
};

export function locale(name) {
  const found = LOCALES[name];
  if (!found) throw new RangeError(`no locale ${name}`);
  return found;
}
