/** Why a session ended, for people. */
import type { DownReason } from 'bgp-speaker-ts/snapshot.ts'

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
