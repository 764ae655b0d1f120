/** A page of a list. */
export interface Page<Row> {
  data: Row[];
  next_cursor?: string | null;
}

/**
 * Every row of a list, page after page.
 *
 *     for await (const key of rows((cursor) => client.listKeys(tenant, { cursor }))) …
 */
export async function* rows<Row>(page: (cursor: string | undefined) => Promise<Page<Row>>): AsyncGenerator<Row, void> {
  let cursor: string | undefined;
  do {
    const { data, next_cursor: next } = await page(cursor);
    yield* data;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}
