// How often a session transmits and when it gives its neighbour up: the arithmetic of RFC 5880 sections 6.8.2 to 6.8.7.
// Milliseconds throughout; packets carry microseconds.

/** What the two ends negotiate with. */
export interface BfdParameters {
  /** The least interval at which we want to transmit (bfd.DesiredMinTxInterval); used while the session is up. */
  readonly desiredMinTx: number
  /** The least interval at which we can receive (bfd.RequiredMinRxInterval). */
  readonly requiredMinRx: number
  /** How many packets in a row the neighbour may miss before it gives us up (bfd.DetectMult). */
  readonly detectMultiplier: number
}

/** What the neighbour's last packet said. */
export interface RemoteTiming {
  readonly desiredMinTx: number
  readonly requiredMinRx: number
  /** 0: nothing received yet. */
  readonly detectMultiplier: number
}

/** Section 6.8.3: a session that is not up transmits no faster than this. */
export const SLOW_INTERVAL = 1000

/** Before jitter; Infinity when the neighbour wants nothing (6.8.7). */
export function transmitInterval(desiredMinTx: number, remote: RemoteTiming): number {
  return remote.requiredMinRx === 0 ? Number.POSITIVE_INFINITY : Math.max(desiredMinTx, remote.requiredMinRx)
}

/** Infinity when nothing was received yet (6.8.4, asynchronous mode). */
export function detectionTime(requiredMinRx: number, remote: RemoteTiming): number {
  return remote.detectMultiplier === 0
    ? Number.POSITIVE_INFINITY
    : remote.detectMultiplier * Math.max(requiredMinRx, remote.desiredMinTx)
}

/** 75 to 100 % of the interval, 75 to 90 % where one lost packet is too many (6.8.7). `random` in [0, 1). */
export function jittered(interval: number, detectMultiplier: number, random: number): number {
  return interval * (detectMultiplier === 1 ? 0.9 - 0.15 * random : 1 - 0.25 * random)
}

export const toMicroseconds = (milliseconds: number) => Math.round(milliseconds * 1000)
export const toMilliseconds = (microseconds: number) => microseconds / 1000
