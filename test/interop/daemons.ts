// Which tests run between our speaker and which implementation, and what an implementation cannot do.
import { Bird } from './support/bird.ts'
import { ExaBgp } from './support/exabgp.ts'
import {
  authenticates,
  dropsRoutesWithTheSession,
  exchangesRoutes,
  followsChanges,
  hasLocalAs,
  type Make,
  securesTtl,
} from './support/exchange.ts'
import { Frr } from './support/frr.ts'
import { Gobgp } from './support/gobgp.ts'
import { longLived } from './support/long-lived.ts'
import { OpenBgpd } from './support/openbgpd.ts'
import { refusesLoops, theyReflect, theyRefuseLoops, weReflect } from './support/reflection.ts'
import {
  answersRefresh,
  asksForRefresh,
  helpsRestart,
  isLimited,
  limitsPrefixes,
  passesIpv4OverIpv6,
  passesSeveralPaths,
  restarts,
  takesDynamicPeers,
  watchesPath,
} from './support/resilience.ts'
import { agreesOnRoles, appliesRoles } from './support/roles.ts'
import type { Case, Feature } from './support/together.ts'

/** Everything that there is to test. */
function allCases(make: Make): readonly Case[] {
  return [
    ...exchangesRoutes(make),
    ...hasLocalAs(make),
    followsChanges(make),
    dropsRoutesWithTheSession(make),
    ...authenticates(make),
    ...securesTtl(make),
    answersRefresh(make),
    asksForRefresh(make),
    ...limitsPrefixes(make),
    ...isLimited(make),
    ...helpsRestart(make),
    ...restarts(make),
    ...longLived(make),
    takesDynamicPeers(make),
    passesIpv4OverIpv6(make),
    passesSeveralPaths(make),
    theyReflect(make),
    ...weReflect(make),
    ...Object.values(refusesLoops(make)),
    ...Object.values(theyRefuseLoops(make)),
    ...agreesOnRoles(make),
    ...appliesRoles(make),
    watchesPath(make),
  ]
}

/** What an implementation cannot do, or does its own way, of a feature: why there are fewer tests of it, or none. */
export type Lacks = { readonly [F in Feature]?: string }

export interface Implementation {
  readonly name: string
  readonly cases: readonly Case[]
  readonly lacks: Lacks
}

/** @param but tests of features that it lacks otherwise */
function implementation(name: string, make: Make, lacks: Lacks, but: readonly Case[] = []): Implementation {
  return { name, cases: [...allCases(make).filter(({ feature }) => !(feature in lacks)), ...but], lacks }
}

const NO_BFD = 'has no BFD'
const NO_LLGR = 'does not have RFC 9494'
const NO_ROLES = 'does not have RFC 9234'
const gobgp = () => new Gobgp()
const openbgpd = () => new OpenBgpd()

export const IMPLEMENTATIONS: readonly Implementation[] = [
  implementation('BIRD', () => new Bird(), {}),
  implementation('FRR', () => new Frr(), {}),
  implementation(
    'GoBGP',
    gobgp,
    {
      'route refresh, they ask': 'never asks, it applies new policy to what it keeps',
      'IPv4 over IPv6 next hops': 'offers it to unnumbered peers only',
      'reflection loops, refused': 'sends no route to the one that originated it',
      'reflection loops, caused': 'keeps a route with its own cluster ID, and does not pass it on',
      roles: NO_ROLES,
      BFD: NO_BFD,
    },
    [refusesLoops(gobgp).cluster, theyRefuseLoops(gobgp).originator],
  ),
  implementation(
    'OpenBGPD',
    openbgpd,
    {
      'route refresh, we ask': '7.7 counts our request and sends nothing again',
      'graceful restart, they':
        'says that it keeps no forwarding state over a restart, so that its routes go at once',
      'long-lived stale routes, theirs': NO_LLGR,
      'long-lived stale routes, ours': NO_LLGR,
      'IPv4 over IPv6 next hops': '7.7 does not have RFC 8950',
      roles: '7.7 applies its role only to a peer that says one',
      BFD: NO_BFD,
    },
    agreesOnRoles(openbgpd),
  ),
  implementation('ExaBGP', () => new ExaBgp(), {
    'route refresh, we ask': '4.2 fails on a request (a TypeError of its own) and closes the connection',
    'prefix limit, theirs': 'has no limit',
    'graceful restart, we': 'keeps no table',
    'long-lived stale routes, theirs': NO_LLGR,
    'long-lived stale routes, ours': NO_LLGR,
    'route reflection, they': 'reflects nothing',
    'reflection loops, refused': 'reflects nothing',
    'reflection loops, caused': 'keeps no table, it shows all that it hears',
    roles: NO_ROLES,
    BFD: NO_BFD,
  }),
]
