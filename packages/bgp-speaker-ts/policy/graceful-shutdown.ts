// Graceful shutdown (RFC 8326) as policy rules: a neighbour announces its shutdown by a community, so that others prefer other paths before it goes.
import type { Rule } from './policy.ts'

/** First rule of an import policy: paths of a neighbour that shuts down lose to any other (section 4.1.2: LOCAL_PREF 0). */
export const AVOID_WHAT_SHUTS_DOWN: Rule = {
  name: 'graceful-shutdown',
  match: { communities: ['graceful-shutdown'], sources: ['ebgp'] },
  set: { localPref: 0 },
  verdict: 'next',
}

/** First rule of an export policy before a session is taken down: asks the peer to prefer other paths. */
export const ANNOUNCE_SHUTDOWN: Rule = {
  name: 'graceful-shutdown',
  set: { addCommunities: ['graceful-shutdown'] },
  verdict: 'next',
}
