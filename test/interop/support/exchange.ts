// What must hold between our speaker and any other implementation: routes, changes, the end of a session, secured connections.
import { expect } from 'chai'
import { Bench, OUR_ASN, OURS, onBench, THEIRS } from './bench.ts'
import { type Daemon, eventually } from './daemon.ts'
import { ADDRESS } from './link.ts'
import type { Case } from './together.ts'

export type Make = () => Daemon

export function exchangesRoutes(make: Make): readonly Case[] {
  const kinds = [
    ['iBGP', OUR_ASN],
    ['eBGP', 65001],
    ['eBGP with a 4-byte AS number', 4_200_000_001],
  ] as const
  return kinds.flatMap(([name, theirAsn]) =>
    ([4, 6] as const).map((over) => ({
      feature:
        theirAsn === OUR_ASN ? ('iBGP routes, communities' as const) : ('eBGP routes, communities' as const),
      title: `exchanges IPv4 and IPv6 routes with attributes: ${name} over IPv${over}`,
      run: () =>
        onBench(new Bench(make(), { theirAsn, over }), async (bench) => {
          await bench.start()
          bench.announce()
          await bench.exchanged()
          expectOurRoutes(bench, theirAsn)
          await expectTheirRoutes(bench, theirAsn)
        }),
    })),
  )
}

function expectOurRoutes(bench: Bench, theirAsn: number): void {
  expect(bench.ourPrefixes()).to.deep.equal([...THEIRS].sort())
  for (const path of bench.speaker.routes()) {
    if (path.source === 'local') continue
    expect(path.nextHop).to.equal(ADDRESS.theirs[path.prefix.includes(':') ? 6 : 4])
    expect(path.asPath.flatMap(({ asns }) => asns)).to.deep.equal(theirAsn === OUR_ASN ? [] : [theirAsn])
    expect(path.communities).to.include('65000:100')
    expect(path.largeCommunities).to.include('65000:1:2')
    expect(path.extendedCommunities).to.include('0002fde800000005')
    // External peers are not always told.
    if (theirAsn === OUR_ASN) expect(path.med).to.equal(77)
  }
}

async function expectTheirRoutes(bench: Bench, theirAsn: number): Promise<void> {
  const routes = await bench.daemon.routes()
  expect(routes.map(({ prefix }) => prefix).sort()).to.deep.equal([...OURS].sort())
  for (const route of routes) {
    expect(route.nextHop).to.equal(ADDRESS.ours[route.prefix.includes(':') ? 6 : 4])
    expect(route.asPath).to.deep.equal(theirAsn === OUR_ASN ? [] : [OUR_ASN])
    expect(route.communities).to.include.members(['64512:7', '64512:8:9', 'rt 64512:100'])
  }
}

/** They know us by another AS number than our speaker has (RFC 7705). */
export function hasLocalAs(make: Make): readonly Case[] {
  const ourAsn = 64600
  return [false, true].map((localAsnPrepends) => ({
    feature: 'local AS',
    title: `tells them another AS number${localAsnPrepends ? ', and its own behind it' : ''}, MED and a longer path`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, ourAsn }), async (bench) => {
        const set = { prepend: { asn: ourAsn, times: 1 }, med: 9, addCommunities: ['rt:64512:200'] }
        const exportPolicy = {
          rules: [{ name: 'told', set, verdict: 'accept' }],
          otherwise: 'reject',
        } as const
        await bench.start({ localAsn: ourAsn, localAsnPrepends, exportPolicy })
        bench.announce()
        await bench.exchanged()
        const told = [ourAsn, ...(localAsnPrepends ? [OUR_ASN] : []), ourAsn]
        for (const { asPath, communities } of await bench.daemon.routes()) {
          expect(asPath).to.deep.equal(told)
          expect(communities).to.include.members(['rt 64512:100', 'rt 64512:200'])
        }
      }),
  }))
}

export function followsChanges(make: Make): Case {
  return {
    feature: 'changes',
    title: 'follows announcements and withdrawals while the session runs',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001 }), async (bench) => {
        await bench.start()
        bench.announce()
        await bench.exchanged()
        bench.speaker.withdraw(OURS[0])
        bench.speaker.withdraw(OURS[2])
        bench.speaker.announce({ prefix: '10.77.0.0/16' })
        await eventually(
          () => bench.theirPrefixes(),
          (prefixes) => prefixes.join() === ['10.2.3.0/24', '10.77.0.0/16', 'fd10:0:0:1::/64'].join(),
        )
      }),
  }
}

export function dropsRoutesWithTheSession(make: Make): Case {
  return {
    feature: 'session end',
    title: 'drops all routes when the other side ends, and takes them back when it returns',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001 }), async (bench) => {
        await bench.start()
        bench.announce()
        await bench.exchanged()
        await bench.daemon.stop()
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === 0,
        )
        expect(bench.speaker.peers()[0]?.lastDown).to.not.equal(undefined)
        await bench.replaceDaemon(make(), bench.scenario)
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === THEIRS.length,
        )
      }),
  }
}

export function authenticates(make: Make): readonly Case[] {
  const password = 's3cretkey'
  const good = ([4, 6] as const).flatMap((over) =>
    [true, false].map((passive) => ({
      feature: 'TCP-MD5' as const,
      title: `runs over TCP-MD5, IPv${over}, ${passive ? 'the other side connects' : 'either side connects'}`,
      run: () =>
        onBench(new Bench(make(), { theirAsn: 65001, over, password }), async (bench) => {
          await bench.start({ passive })
          bench.announce()
          await bench.exchanged()
        }),
    })),
  )
  const bad: Case = {
    feature: 'TCP-MD5',
    title: 'has no session with a wrong TCP-MD5 key',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, password }), async (bench) => {
        await bench.start({ password: 'another key' })
        await new Promise((resolve) => setTimeout(resolve, 3000))
        expect(bench.speaker.peers()[0]?.counters.established).to.equal(0)
      }),
  }
  return [...good, bad]
}

export function securesTtl(make: Make): readonly Case[] {
  return ([4, 6] as const).map((over) => ({
    feature: 'GTSM',
    title: `runs with TTL security on both sides (GTSM), IPv${over}`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, over, ttlSecurity: true }), async (bench) => {
        await bench.start()
        bench.announce()
        await bench.exchanged()
      }),
  }))
}
