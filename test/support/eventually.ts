/** Waiting for a condition in tests, with a deadline. */

/** Polls until `condition` holds; an error of it counts as no. @throws Error with the last error or value */
export async function eventually<T>(
  condition: () => Promise<T> | T,
  limit = 15_000,
): Promise<Exclude<T, false | undefined>> {
  const end = performance.now() + limit
  let last: unknown
  while (performance.now() < end) {
    try {
      const value = await condition()
      if (value) return value as Exclude<T, false | undefined>
      last = value
    } catch (error) {
      last = error
    }
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`not within ${limit} ms: ${condition}: ${String(last)}`, { cause: last })
}
