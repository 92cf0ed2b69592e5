// Transmit intervals and detection times: the arithmetic of RFC 5880 sections 6.8.2 to 6.8.7.
// All times are milliseconds; packets carry microseconds.

/** Our parameters of the negotiation. */
export interface BfdParameters {
  /** The shortest interval at which we want to transmit (bfd.DesiredMinTxInterval); used while the session is up. */
  readonly desiredMinTx: number
  /** The shortest interval at which we can receive (bfd.RequiredMinRxInterval). */
  readonly requiredMinRx: number
  /** Number of missed packets in a row after which the neighbour declares us down (bfd.DetectMult). */
  readonly detectMultiplier: number
}

/** The parameters of the neighbour's last packet. */
export interface RemoteTiming {
  readonly desiredMinTx: number
  readonly requiredMinRx: number
  /** 0: nothing received yet. */
  readonly detectMultiplier: number
}

/** Shortest transmit interval of a session that is not up (section 6.8.3). */
export const SLOW_INTERVAL = 1000

/** The transmit interval before jitter; Infinity when the neighbour wants no packets (section 6.8.7). */
export function transmitInterval(desiredMinTx: number, remote: RemoteTiming): number {
  return remote.requiredMinRx === 0 ? Number.POSITIVE_INFINITY : Math.max(desiredMinTx, remote.requiredMinRx)
}

/** The detection time in asynchronous mode (section 6.8.4); Infinity when nothing was received yet. */
export function detectionTime(requiredMinRx: number, remote: RemoteTiming): number {
  return remote.detectMultiplier === 0
    ? Number.POSITIVE_INFINITY
    : remote.detectMultiplier * Math.max(requiredMinRx, remote.desiredMinTx)
}

/** Shortens an interval by jitter: to 75-100 % of it, or to 75-90 % when one lost packet is too many (section 6.8.7). @param random in [0, 1) */
export function jittered(interval: number, detectMultiplier: number, random: number): number {
  return interval * (detectMultiplier === 1 ? 0.9 - 0.15 * random : 1 - 0.25 * random)
}

export const toMicroseconds = (milliseconds: number) => Math.round(milliseconds * 1000)
export const toMilliseconds = (microseconds: number) => microseconds / 1000
