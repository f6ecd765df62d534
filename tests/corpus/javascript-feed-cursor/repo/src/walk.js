/** Walks through all pages, one post after the other. */
export function* walk(feed, options = {}) {
  let after;
  do {
    const page = feed.page({ ...options, after });
    yield* page.posts;
    after = page.next;
  } while (after);
}
