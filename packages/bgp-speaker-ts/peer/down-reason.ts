// Why a session or an attempt ended, in the words of the API.

import { notificationText, originalOf, shutdownCommunication } from '../packet/notification.ts'
import type { DownReason } from '../snapshot.ts'
import type { EndReason } from './fsm/fsm-state.ts'

/** `established`: it was a session that ended, not an attempt. */
export function downReason(reason: EndReason, established: boolean): DownReason {
  if (reason.kind === 'closed') {
    if (!established) return { kind: 'connection-failed', error: reason.error ?? 'closed by the peer' }
    return { kind: 'connection-closed', ...(reason.error === undefined ? {} : { error: reason.error }) }
  }
  const { code, subcode } = reason.notification
  const original = originalOf(reason.notification)
  const inner =
    original === reason.notification ? '' : `: ${notificationText(original.code, original.subcode)}`
  const communication = shutdownCommunication(reason.notification)
  return {
    kind: reason.kind === 'sent' ? 'notification-sent' : 'notification-received',
    code,
    subcode,
    text: notificationText(code, subcode) + inner,
    ...(communication === undefined ? {} : { communication }),
  }
}
