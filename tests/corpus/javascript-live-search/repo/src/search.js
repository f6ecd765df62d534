import { Cache } from './cache.js';

/** What a search box shows. `lookup` gets a text and answers, some time later, with a list. */
export class Search {
  constructor(lookup, { least = 2, cache = new Cache() } = {}) {
    this.lookup = lookup;
    this.least = least;
    this.cache = cache;
    this.text = '';
    this.shown = [];
    this.error = null;
  }

  /** Somebody typed; resolves when the answer to this text has been dealt with. */
  async type(text) {
    this.text = text.trim();
    if (this.text.length < this.least) {
      this.#show([]);
      return;
    }
    const known = this.cache.get(this.text);
    if (known) {
      this.#show(known);
      return;
    }
    const asked = this.text;
    try {
      const answer = await this.lookup(asked);
      this.cache.put(asked, answer);
      this.#show(answer);
    } catch (error) {
      this.shown = [];
      this.error = error;
    }
  }

  /** Empties the box. */
  clear() {
    this.text = '';
    this.#show([]);
  }

  #show(list) {
    this.shown = list;
    this.error = null;
  }
}
