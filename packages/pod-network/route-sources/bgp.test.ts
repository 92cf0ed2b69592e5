import { cidr } from '@podroute/address/cidr.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { Claims } from '@podroute/reconcile/claims.ts'
import { silent } from '@podroute/reconcile/log.ts'
import type { Path } from 'bgp-speaker-ts/snapshot.ts'
import { expect } from 'chai'
import { testPath } from '../testing/fixtures.ts'
import { BgpRoutes, type RouteOwner } from './bgp.ts'
import type { RouteGuard } from './route-guard.ts'

const open: RouteGuard = {
  protected: [],
  apiServers: [],
  ownAddresses: new Set(),
  isNodeAddress: () => false,
  isVip: () => false,
  isExternal: () => false,
  clusterConflict: () => undefined,
}
const closed: RouteGuard = { ...open, protected: [{ prefix: cidr('10.0.0.0/8'), reason: 'connected' }] }

const REACH = { hopsTo: (gateway: string) => [{ gateway }], maxPaths: () => 8 }

const learn = (prefix: string, peer = '172.30.0.12') => ({
  prefix,
  best: testPath(prefix, { peer, nextHop: peer }) as Path,
})
const lose = (prefix: string) => ({ prefix, best: undefined })
/** The session is there. */
const up = () => undefined
const never = () => false
const always = () => true

describe('learned routes', () => {
  let now: number
  let table: Map<string, Route>
  let routes: BgpRoutes

  beforeEach(() => {
    now = 0
    table = new Map()
    const claims = new Claims<RouteOwner, string, Route>(table)
    routes = new BgpRoutes({
      claims,
      log: silent,
      now: () => now,
      keepFor: () => 1000,
      guard: open,
      reach: REACH,
    })
  })

  it('installs what becomes best and removes what its peer withdraws', () => {
    routes.onBest([learn('10.244.2.0/24'), learn('10.244.3.0/24', '172.30.0.13')], up)
    expect(table.get('10.244.3.0/24')?.gateway).to.equal('172.30.0.13')
    routes.onBest([lose('10.244.2.0/24')], up)
    expect([...table.keys()]).to.deep.equal(['10.244.3.0/24'])
  })

  it('keeps a route whose session is lost, until the time is over', () => {
    routes.onBest([learn('10.244.2.0/24')], up)
    routes.onBest([lose('10.244.2.0/24')], () => now)
    now = 999
    expect(routes.expire(always)).to.equal(1000)
    expect(table.has('10.244.2.0/24')).to.equal(true)
    now = 1000
    expect(routes.expire(always)).to.equal(undefined)
    expect(table.has('10.244.2.0/24')).to.equal(false)
  })

  it('keeps a route no longer when the speaker has kept it for a while, after a restart that never ended', () => {
    routes.onBest([learn('10.244.2.0/24'), learn('10.244.3.0/24')], up)
    now = 600
    routes.onBest([lose('10.244.2.0/24')], () => 0)
    expect(routes.expire(always)).to.equal(1000)
    now = 1000
    routes.onBest([lose('10.244.3.0/24')], () => 0)
    expect(table.has('10.244.3.0/24')).to.equal(false)
    routes.expire(always)
    expect(table.size).to.equal(0)
  })

  it('drops a kept route at once when its Node is gone', () => {
    routes.onBest([learn('10.244.2.0/24')], up)
    routes.onBest([lose('10.244.2.0/24')], () => now)
    routes.expire(never)
    expect(table.size).to.equal(0)
  })

  it('drops a kept route that the returning peer did not repeat, and only its own', () => {
    routes.onBest([learn('10.244.2.0/24'), learn('10.244.3.0/24', '172.30.0.13')], up)
    routes.onBest([lose('10.244.2.0/24'), lose('10.244.3.0/24')], () => now)
    routes.endOfRib(new Set(['172.30.0.12']))
    expect([...table.keys()]).to.deep.equal(['10.244.3.0/24'])
  })

  it('keeps what was in the kernel before the start until its peer has spoken', () => {
    const before: Route = {
      family: 4,
      destination: '10.244.2.0/24',
      gateway: '172.30.0.12',
      table: 254,
      protocol: 179,
      scope: 0,
      type: 'unicast',
    }
    routes.retainAdopted(before)
    expect(table.get('10.244.2.0/24')).to.equal(before)
    routes.onBest([learn('10.244.2.0/24')], up)
    now = 5000
    routes.expire(always)
    expect(table.has('10.244.2.0/24')).to.equal(true)
  })

  it('judges what a router outside announces anew, both ways, when a Node comes or goes', () => {
    const router = { ...open, isExternal: (peer: string) => peer === '172.30.0.100' }
    const nodes = { ...router, clusterConflict: () => 'covers-pod-cidr' as const }
    routes.setGuard(router)
    routes.onBest([learn('10.0.0.0/8', '172.30.0.100'), learn('10.244.2.0/24')], up)
    routes.setGuard(nodes, 'external')
    expect([...table.keys()]).to.deep.equal(['10.244.2.0/24'])
    expect([...routes.refused]).to.deep.equal([['10.0.0.0/8', 'covers-pod-cidr']])
    routes.setGuard(router, 'external')
    expect([...table.keys()].sort()).to.deep.equal(['10.0.0.0/8', '10.244.2.0/24'])
    expect(routes.refused.size).to.equal(0)
  })

  it('judges everything anew when what is protected changes', () => {
    routes.onBest([learn('10.244.2.0/24')], up)
    routes.setGuard(closed)
    expect(table.size).to.equal(0)
    expect([...routes.refused]).to.deep.equal([['10.244.2.0/24', 'connected']])
    routes.setGuard(open)
    expect(table.size).to.equal(1)
    expect(routes.refused.size).to.equal(0)
  })
})
