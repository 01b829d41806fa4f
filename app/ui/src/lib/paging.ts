/** Lists that come page by page, in the one shape that the API gives every list: `{items, next_cursor}`. */

/** How such a list begins and goes on; for the options of an infinite query. */
export const PAGED = {
  initialPageParam: null as string | null,
  getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor,
};

type Pages<Item> = { pages: readonly { items: readonly Item[] }[] };

/** Everything that has come so far; undefined while nothing has. */
export function itemsOf<Item>(data: Pages<Item>): Item[];
export function itemsOf<Item>(data: Pages<Item> | undefined): Item[] | undefined;
export function itemsOf<Item>(data: Pages<Item> | undefined): Item[] | undefined {
  return data?.pages.flatMap((page) => page.items);
}
