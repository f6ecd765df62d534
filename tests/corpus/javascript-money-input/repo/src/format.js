import { locale } from './locale.js';

/** Cents as text in groups of three digits. */
export function format(cents, name = 'en') {
  const { group, decimal } = locale(name);
  const digits = String(Math.abs(cents)).padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, group);
  return `${cents < 0 ? '-' : ''}${whole}${decimal}${digits.slice(-2)}`;
}
