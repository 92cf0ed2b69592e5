/** Growing pauses between attempts, with jitter so that a cluster's agents do not come back all at once. */

export interface BackoffSettings {
  /** Milliseconds. */
  readonly first: number
  readonly max: number
}

/** Pause before attempt `failures` + 1, in milliseconds: doubled each time, then a random part of up to half taken off. */
export function backoff(failures: number, settings: BackoffSettings, random: () => number): number {
  const full = Math.min(settings.max, settings.first * 2 ** Math.min(failures, 20))
  return Math.round(full * (1 - random() / 2))
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
