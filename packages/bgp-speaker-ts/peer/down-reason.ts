// Translates the state machine's end reason into the API's DownReason.

import { notificationText, originalOf, shutdownCommunication } from '../packet/notification.ts'
import type { DownReason } from '../snapshot.ts'
import type { EndReason } from './fsm/fsm-state.ts'

/** @param established a session ended, not a connection attempt */
export function downReason(reason: EndReason, established: boolean): DownReason {
  if (reason.kind === 'closed') {
    if (!established) return { kind: 'connection-failed', error: reason.error ?? 'closed by the peer' }
    return { kind: 'connection-closed', ...(reason.error === undefined ? {} : { error: reason.error }) }
  }
  const { code, subcode } = reason.notification
  const original = originalOf(reason.notification)
  const wrapped = original !== reason.notification
  const inner = wrapped ? `: ${notificationText(original.code, original.subcode)}` : ''
  const communication = shutdownCommunication(reason.notification)
  return {
    kind: reason.kind === 'sent' ? 'notification-sent' : 'notification-received',
    code,
    subcode,
    text: notificationText(code, subcode) + inner,
    ...(wrapped ? { original: { code: original.code, subcode: original.subcode } } : {}),
    ...(communication === undefined ? {} : { communication }),
  }
}
