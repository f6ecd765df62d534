import { sortBy } from './sort.js';

/** A table whose columns can be clicked. The column clicked last counts most. */
export class Grid {
  constructor(columns, rows) {
    this.columns = columns;
    this.rows = rows;
    this.clicks = [];
  }

  /** Sorts by a column; a second click turns the direction round. */
  click(column) {
    if (!this.columns.includes(column)) throw new RangeError(`no column ${column}`);
    const last = this.clicks.at(-1);
    const direction = last?.column === column && last.direction === 'asc' ? 'desc' : 'asc';
    this.clicks = [...this.clicks.filter((click) => click.column !== column), { column, direction }];
    return this;
  }

  view() {
    return this.clicks.reduce((rows, click) => sortBy(rows, click.column, click.direction), this.rows);
  }

  /** The table as text, one row a line. */
  toString() {
    return this.view().map((row) => this.columns.map((column) => row[column] ?? '').join('|')).join('\n');
  }
}
