// Which tests run between our speaker and which implementation.
import { Bird } from './support/bird.ts'
import {
  authenticates,
  dropsRoutesWithTheSession,
  exchangesRoutes,
  followsChanges,
  type Make,
  securesTtl,
} from './support/exchange.ts'
import { Frr } from './support/frr.ts'
import { Gobgp } from './support/gobgp.ts'
import {
  helpsRestart,
  limitsPrefixes,
  passesIpv4OverIpv6,
  passesSeveralPaths,
  refreshes,
  restarts,
  takesDynamicPeers,
  watchesPath,
} from './support/resilience.ts'
import type { Case } from './support/together.ts'

/** What all of them can do. */
function common(make: Make): readonly Case[] {
  return [
    ...exchangesRoutes(make),
    followsChanges(make),
    dropsRoutesWithTheSession(make),
    ...authenticates(make),
    securesTtl(make),
    refreshes(make),
    ...limitsPrefixes(make),
    helpsRestart(make),
    restarts(make),
    takesDynamicPeers(make),
  ]
}

export interface Implementation {
  readonly name: string
  readonly cases: readonly Case[]
}

const bird = () => new Bird()
const frr = () => new Frr()
const gobgp = () => new Gobgp()

export const IMPLEMENTATIONS: readonly Implementation[] = [
  {
    name: 'BIRD',
    cases: [...common(bird), passesIpv4OverIpv6(bird), passesSeveralPaths(bird), watchesPath(bird)],
  },
  { name: 'FRR', cases: common(frr) },
  { name: 'GoBGP', cases: common(gobgp) },
]
