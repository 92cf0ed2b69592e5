/** The valid name that somebody who wrote an unknown one most likely meant. */

/** Names further away than this share of their length are no likely meaning. */
const FARTHEST = 0.4

/** Undefined where none is near. Case does not count, so that `adminsocket` means `adminSocket`. */
export function nearestName(name: string, valid: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined
  for (const candidate of valid) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance > Math.max(name.length, candidate.length) * FARTHEST) continue
    if (!best || distance < best.distance) best = { name: candidate, distance }
  }
  return best?.name
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let older: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const line = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let least = Math.min(last[column]! + 1, line[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) least = Math.min(least, older[column - 2]! + 1)
      line.push(least)
    }
    older = last
    last = line
  }
  return last[b.length]!
}
