import { decode, encode } from './cursor.js';
import { newestFirst } from './order.js';

export const LARGEST_PAGE = 50;

/** Posts of a feed. */
export class Feed {
  #posts = new Map();

  /** Adds a post: `id`, `at` in milliseconds, `text`. The same id again replaces the post. */
  add(post) {
    if (!post.id || !Number.isSafeInteger(post.at)) throw new TypeError('a post needs an id and a time');
    this.#posts.set(post.id, { ...post });
    return this;
  }

  remove(id) {
    return this.#posts.delete(id);
  }

  get size() {
    return this.#posts.size;
  }

  /** One page: `posts`, and `next`, the cursor of the next page or nothing at the end. */
  page({ after, limit = 20, author } = {}) {
    const count = Math.max(1, Math.min(limit, LARGEST_PAGE));
    let posts = [...this.#posts.values()].sort(newestFirst);
    if (author) posts = posts.filter((post) => post.author === author);
    if (after) {
      const cursor = decode(after);
      posts = posts.filter((post) => post.at < cursor.at);
    }
    const page = posts.slice(0, count);
    const more = posts.length > page.length;
    return { posts: page, next: more ? encode(page.at(-1)) : undefined };
  }
}
