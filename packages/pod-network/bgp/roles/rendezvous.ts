/**
 * Rendezvous hashing over names: who knows the same names chooses the same ones, without asking anybody, and a name that comes or goes
 * moves one choice at most. The choice is spread over zones. Pure.
 */

export interface Candidate {
  readonly name: string
  /** Empty: none, which is a zone like others. */
  readonly zone: string
  /** Comes after all others, where these are not enough. */
  readonly last: boolean
}

/**
 * The first so many of all candidates in the order: the best of each zone, then the second of each, and so on; zones and candidates in
 * the order of their hashes with `seed`. Without one of them each other stays or moves up, so that just the next one comes in for it.
 */
export function choose(candidates: Iterable<Candidate>, count: number, seed: string): string[] {
  const zones = new Map<string, Scored[]>()
  for (const { name, zone, last } of candidates) {
    const key = `${last ? 1 : 0}${zone}`
    const scored = { name, score: hash(seed, name) }
    const others = zones.get(key)
    if (others) others.push(scored)
    else zones.set(key, [scored])
  }
  const ordered = [...zones].flatMap(([key, members]) => {
    const last = key.startsWith('1')
    const zone = { last, score: hash(seed, key.slice(1)), name: key }
    return members.sort(byScore).map(({ name }, turn) => ({ name, turn, zone }))
  })
  ordered.sort(
    (a, b) =>
      Number(a.zone.last) - Number(b.zone.last) ||
      a.turn - b.turn ||
      byScore(a.zone, b.zone) ||
      (a.name < b.name ? -1 : 1),
  )
  return ordered.slice(0, count).map(({ name }) => name)
}

interface Scored {
  readonly name: string
  readonly score: number
}

function byScore(a: Scored, b: Scored): number {
  return b.score - a.score || (a.name < b.name ? -1 : 1)
}

/** FNV-1a, and the last steps of MurmurHash3: names that differ in their last digit alone differ in all bits. */
function hash(seed: string, name: string): number {
  let value = fnv(fnv(0x811c9dc5, seed) ^ 0xff, name)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}

function fnv(start: number, text: string): number {
  let value = start
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value
}
