// Graceful session shutdown (RFC 8326) as rules: a neighbour about to go says so with a community, and everybody prefers other paths before it goes.
import type { Rule } from './policy.ts'

/** First of an import policy: paths that are about to go lose to any other (section 4.1.2: LOCAL_PREF 0). */
export const AVOID_WHAT_SHUTS_DOWN: Rule = {
  name: 'graceful-shutdown',
  match: { communities: ['graceful-shutdown'], sources: ['ebgp'] },
  set: { localPref: 0 },
  verdict: 'next',
}

/** First of an export policy, before a session is taken down: tells the peer to prefer other paths. */
export const ANNOUNCE_SHUTDOWN: Rule = {
  name: 'graceful-shutdown',
  set: { addCommunities: ['graceful-shutdown'] },
  verdict: 'next',
}
