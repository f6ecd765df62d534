import { parse, text } from './day.js';

const STEPS = {
  daily: (date, every) => date.setUTCDate(date.getUTCDate() + every),
  weekly: (date, every) => date.setUTCDate(date.getUTCDate() + 7 * every),
  monthly: (date, every) => date.setUTCMonth(date.getUTCMonth() + every),
  yearly: (date, every) => date.setUTCFullYear(date.getUTCFullYear() + every),
};

/** Something that happens again and again. */
export class Rule {
  constructor({ start, repeats, every = 1, until, count, except = [] }) {
    if (!(repeats in STEPS)) throw new RangeError(`does not repeat: ${repeats}`);
    if (!Number.isInteger(every) || every < 1) throw new RangeError('every is 1 or more');
    Object.assign(this, { start: parse(start), repeats, every, until: until && parse(until), count, except });
  }

  /** The days, without end if there is neither `until` nor `count`. */
  *days() {
    const date = new Date(this.start);
    for (let number = 0; this.count === undefined || number < this.count; number += 1) {
      if (this.until && date > this.until) return;
      const day = text(date);
      if (!this.except.includes(day)) yield day;
      STEPS[this.repeats](date, this.every);
    }
  }

  /** The first day on or after the given one, or nothing. */
  next(from) {
    parse(from);
    for (const day of this.days()) if (day >= from) return day;
    return undefined;
  }
}
