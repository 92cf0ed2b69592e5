/** Why a session ended, for people. */
import type { DownReason } from 'bgp-speaker-ts/snapshot.ts'

/** Of NOTIFICATION (RFC 4486). */
const CEASE = 6
const COLLISION = 7

/** Of a connection that was taken. */
const CLOSED = /closed by the peer|ECONNRESET/

/** What an operator reads where a router keeps the session of another daemon of the same host, or drops it for ours and ours for it. */
const OTHER_SPEAKER =
  'another speaker uses this address: end it, give podroute another localAddress, or peer with it and let it pass routes on'

/** Why there is no session: perhaps the router has one with another speaker at our address (RFC 4271 section 6.8). FRR says so; BIRD, GoBGP and OpenBGPD take the connection and close it without a word, as they do where they do not know the address. */
export function whyNone(down: DownReason): string {
  const text = downText(down)
  if (down.kind === 'notification-received' && down.code === CEASE && down.subcode === COLLISION)
    return `${text}: ${OTHER_SPEAKER}`
  if (down.kind === 'connection-failed' && CLOSED.test(down.error))
    return `${text}: it does not know this address, or ${OTHER_SPEAKER}`
  return text
}

/** Why sessions come up and are lost again: the router keeps whichever speaker at our address has come last. */
export function whyLost(down: DownReason): string {
  return down.kind === 'connection-closed' ? `${downText(down)}: perhaps ${OTHER_SPEAKER}` : whyNone(down)
}

export function downText(down: DownReason): string {
  switch (down.kind) {
    case 'notification-received':
    case 'notification-sent':
      return `${down.kind === 'notification-sent' ? 'sent' : 'received'} ${down.text}${down.communication ? `: ${down.communication}` : ''}`
    case 'connection-failed':
      return down.error
    case 'connection-closed':
      return down.error ?? 'closed'
  }
}
