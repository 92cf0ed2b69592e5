/**
 * A clock that is read once in each turn. Tables note when each of thousands of keys came to be written, all in one turn; where the kernel
 * has to be asked for the time (virtual machines without a vDSO) that was 0.2 s of a first sync.
 */
import type { Clock } from '@podroute/reconcile/clock.ts'

export function turnClock(clock: Clock): Clock {
  let known: number | undefined
  return {
    now() {
      if (known !== undefined) return known
      known = clock.now()
      queueMicrotask(() => {
        known = undefined
      })
      return known
    },
    after: (milliseconds, action) => clock.after(milliseconds, action),
  }
}
