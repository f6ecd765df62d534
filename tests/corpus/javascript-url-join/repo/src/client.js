import { join } from './join.js';
import { withQuery } from './query.js';

/** Knows where the resources of an API are. */
export class Client {
  constructor(base) {
    if (!/^https?:\/\//.test(base)) throw new TypeError(`no address: ${base}`);
    this.base = base;
  }

  /** The address of a collection or, with an id, of one resource. */
  address(collection, id, parameters = {}) {
    return withQuery(join(this.base, collection, id), parameters);
  }

  /** The address of something that belongs to a resource. */
  child(collection, id, name, parameters = {}) {
    return withQuery(join(this.base, collection, id, name), parameters);
  }
}
