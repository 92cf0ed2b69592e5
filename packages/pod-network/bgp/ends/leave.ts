/**
 * The end of an agent on a node that is to be left: routers are to prefer what else they have (RFC 8326), then routes are withdrawn, then
 * sessions end by a hard reset (RFC 8538), so that no helper of a graceful restart keeps anything.
 */
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { isLowered, lowered } from '../policy.ts'

/** Milliseconds that routers have to move to other paths, where they were not told before. */
const LOWERED_FOR = 1000
/** The speaker sends what it withdraws within a tenth of a second. */
const WITHDRAWN_FOR = 200

/** Its sessions go on; the caller closes it. */
export async function takeLeave(speaker: Speaker, clock: Pick<Clock, 'after'>): Promise<void> {
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))
  if (!speaker.peers().some(({ state }) => state === 'established')) return
  // RFC 8326 is between ASes: a node has no other path to the pods of another one.
  const routers = [...speaker.configurations()].filter((peer) => isExternal(peer, speaker))
  const high = routers.filter((peer) => !isLowered(peer.exportPolicy))
  for (const peer of high) {
    const exportPolicy = lowered(peer.exportPolicy ?? { rules: [], otherwise: 'accept' })
    speaker.updatePeer({ ...peer, exportPolicy })
  }
  if (high.length > 0) await pause(LOWERED_FOR)
  for (const { prefix } of speaker.announced()) speaker.withdraw(prefix)
  await pause(WITHDRAWN_FOR)
}

function isExternal({ asn }: PeerConfig, { config }: Speaker): boolean {
  return asn !== config.asn && asn !== 'internal'
}
