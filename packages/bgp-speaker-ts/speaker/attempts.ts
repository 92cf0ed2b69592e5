// Which attempts to connect wait for a later tick: when many peers go at once, all of them are due in the same second, again and again.

/** Attempts that may start in one tick, a second. */
const MOST = 50

interface Attempting {
  /** The clock's time of the next attempt. */
  readonly connectsAt: number
}

const NONE: ReadonlySet<never> = new Set()

/** Those that wait: all that are due but the ones that have been so for longest. */
export function heldBack<P extends Attempting>(peers: Iterable<P>, now: number): ReadonlySet<P> {
  const due: P[] = []
  for (const peer of peers) if (peer.connectsAt <= now) due.push(peer)
  if (due.length <= MOST) return NONE
  due.sort((a, b) => a.connectsAt - b.connectsAt)
  return new Set(due.slice(MOST))
}
