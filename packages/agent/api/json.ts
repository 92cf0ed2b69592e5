/** Reads what the API server writes, without what it keeps for itself: `managedFields` is half of a small object. */

const START = ',"managedFields":['

/**
 * Who manages which field is cut out before parsing. Those lists hold no other list, so that they end with the first bracket; one
 * in a text of theirs would make what is left no JSON, because quotes in texts are escaped, and then the whole is parsed.
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
