/** Whether a session ended because its path failed, as BFD has it at either end (RFC 9384). */
import { CEASE, ERROR } from 'bgp-speaker-ts/packet/codes.ts'
import type { DownReason } from 'bgp-speaker-ts/snapshot.ts'

export function isPathFailure(reason: DownReason): boolean {
  if (reason.kind !== 'notification-sent' && reason.kind !== 'notification-received') return false
  const { code, subcode } = reason.original ?? reason
  return code === ERROR.CEASE && subcode === CEASE.BFD_DOWN
}
