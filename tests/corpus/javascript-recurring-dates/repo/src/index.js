export { agenda } from './agenda.js';
export { daysIn, parse, text } from './day.js';
export { Rule } from './rule.js';
