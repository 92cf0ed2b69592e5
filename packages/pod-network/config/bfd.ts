/** BFD (RFC 5880) of a session: `true`, or its timers. */
import type { BfdTimers } from 'bgp-speaker-ts/bfd/config.ts'
import * as z from 'zod'

/** RFC 5880 section 4.1 counts microseconds; below ten milliseconds a thread of Node.js does not keep up. */
const interval = z.number().int().min(10).max(60_000).default(300)

const timers = z.strictObject({
  minTxMilliseconds: interval.describe('Least milliseconds between two packets that are sent.'),
  minRxMilliseconds: interval.describe('Least milliseconds between two packets that can be received.'),
  multiplier: z
    .number()
    .int()
    .min(2)
    .max(255)
    .default(3)
    .describe('The other side is down when so many packets in a row are missing.'),
})

export const bfd = z.union([z.boolean(), timers], {
  message:
    'true, false, or timers such as {minTxMilliseconds: 300, minRxMilliseconds: 300, multiplier: 3}: intervals of 10 to 60000, a multiplier of 2 to 255',
})

/** Undefined: the path is not watched. */
export function bfdTimers(given: z.infer<typeof bfd> | undefined): BfdTimers | undefined {
  if (given === undefined || given === false) return undefined
  const { minTxMilliseconds, minRxMilliseconds, multiplier } = given === true ? timers.parse({}) : given
  return {
    desiredMinTx: minTxMilliseconds,
    requiredMinRx: minRxMilliseconds,
    detectMultiplier: multiplier,
  }
}
