import { format } from './format.js';
import { parse } from './parse.js';

/** A field of a form that holds a price. */
export class PriceField {
  constructor({ locale = 'en', least = 0, most = 100_000_000 } = {}) {
    this.locale = locale;
    this.least = least;
    this.most = most;
    this.cents = null;
    this.problem = 'required';
  }

  /** Takes what was typed; returns whether it is a price that is allowed. */
  input(text) {
    const cents = parse(text, this.locale);
    this.problem = cents === null ? (text.trim() === '' ? 'required' : 'no price')
      : cents < this.least ? 'too low'
      : cents > this.most ? 'too high'
      : null;
    this.cents = this.problem === null ? cents : null;
    return this.problem === null;
  }

  get text() {
    return this.cents === null ? '' : format(this.cents, this.locale);
  }
}
