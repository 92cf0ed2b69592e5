/** Reads what the API server writes, without what it keeps for itself: `managedFields` is half of a small object. */

const START = ',"managedFields":['

/**
 * Who manages which field is cut out before parsing. Such a list holds no other list, so it ends at the first
 * closing bracket. Where that bracket is inside a string, what is left is not valid JSON, and the whole text is parsed instead.
 * @throws SyntaxError
 */
export function parseObjects(text: string): unknown {
  const short = withoutManagedFields(text)
  if (short === text) return JSON.parse(text)
  try {
    return JSON.parse(short)
  } catch {
    return JSON.parse(text)
  }
}

/** A page of a list, whose objects are read one after the other. */
export interface ListPage {
  /** All of it but `items`. */
  readonly head: unknown
  readonly items: Iterable<unknown>
}

const ITEMS = ',"items":['
const END = ']}'
/** What the API server writes between two objects of a list. */
const BETWEEN = '},{"metadata":{'

/**
 * Objects are parsed one at a time, so that those that nobody keeps die young, in the garbage collector's next minor cycle; 500 Services
 * parsed at once survive it, and are more garbage than what is kept of them. A list that was cut in the wrong place, or that is written
 * in another way, does not parse; then the whole is parsed.
 * @throws SyntaxError at once or from `items`
 */
export function parseList(text: string): ListPage {
  const body = text.trimEnd()
  const before = body.indexOf(ITEMS)
  const start = before + ITEMS.length
  const end = body.length - END.length
  if (before < 0 || start >= end || !body.endsWith(END)) return wholeList(text)
  const head = parsed(`${body.slice(0, before)}}`)
  return head === undefined ? wholeList(text) : { head, items: pieces(body, start, end) }
}

function* pieces(text: string, start: number, end: number): Iterable<unknown> {
  let read = 0
  for (let from = start; from < end; read++) {
    const between = text.indexOf(BETWEEN, from)
    const to = between < 0 ? end : between + 1
    const object = parsed(text.slice(from, to))
    if (object === undefined) {
      yield* skip(wholeList(text).items, read)
      return
    }
    yield object
    from = to + 1
  }
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return parseObjects(text)
  } catch {
    return undefined
  }
}

function wholeList(text: string): ListPage {
  const head = parseObjects(text)
  const items: unknown = (head as { items?: unknown } | null)?.items
  return { head, items: Array.isArray(items) ? items : [] }
}

function* skip(items: Iterable<unknown>, count: number): Iterable<unknown> {
  let index = 0
  for (const item of items) if (index++ >= count) yield item
}

function withoutManagedFields(text: string): string {
  const kept: string[] = []
  let from = 0
  for (let at = text.indexOf(START); at >= 0; at = text.indexOf(START, from)) {
    const end = text.indexOf(']', at)
    if (end < 0) break
    kept.push(text.slice(from, at))
    from = end + 1
  }
  return from === 0 ? text : kept.join('') + text.slice(from)
}
