// How long the timers of a session run, in milliseconds (RFC 4271 sections 8 and 10).

/** RFC 4271 section 8.2.2 suggests a hold time of four minutes while waiting for an OPEN. */
export const OPEN_HOLD = 240_000
export const CONNECT_TIMEOUT = 10_000
/** How long a peer is barred after it exceeded its prefix limit. */
export const BARRED = 60_000
const FIRST_RETRY = 1000

/** Most milliseconds between KEEPALIVEs: a third of the hold time, or less where that is configured. */
export function keepaliveInterval(hold: number, most = Number.POSITIVE_INFINITY): number {
  return Math.min(hold / 3, most)
}

/**
 * When the next KEEPALIVE is due: after the interval, shortened by up to a quarter of it as jitter (RFC 4271 section 10). It is a multiple
 * of an eighth of the interval, so that a speaker wakes up once for many of its peers.
 */
export function keepaliveTimer(hold: number, now: number, random: number, most?: number): number {
  if (hold === 0) return Number.POSITIVE_INFINITY
  const interval = keepaliveInterval(hold, most)
  const step = interval / 8
  const at = Math.round((now + interval * (1 - random / 4)) / step) * step
  if (at > now + interval) return at - step
  return at < now + 6 * step ? at + step : at
}

/** How long to wait after so many failures: twice as long each time, up to `most`, with the same jitter. */
export function retryDelay(most: number, failures: number, random: number): number {
  return Math.min(most, FIRST_RETRY * 2 ** Math.min(failures, 20)) * (1 - random / 4)
}
