// Route reflection (RFC 4456) between implementations, both families: they reflect, we reflect, and neither takes back what is a loop.
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { Bench, learned, OUR_ASN, OURS, onBench, THEIRS, towards, v4Of, v6Of } from './bench.ts'
import { eventually, THEIR_ID, type TheirRoute } from './daemon.ts'
import type { Make } from './exchange.ts'
import { ADDRESS } from './link.ts'
import type { Case } from './together.ts'

const FAMILIES = ['ipv4-unicast', 'ipv6-unicast'] as const
/** Ours, which is our cluster ID too. */
const OUR_ID = ADDRESS.ours[4]
/** The speaker at this host is a client of the reflector, that at the next one is not. */
const CLIENT = 3
const OTHER = 4

/** What the speaker at a host announces. */
const of = (host: number) => [`10.${host}.0.0/16`, `fd0${host}::/48`]
const announceFrom = (speaker: Speaker, host: number) => {
  for (const prefix of of(host)) speaker.announce({ prefix })
}

async function has(speaker: Speaker, ...prefixes: readonly (readonly string[])[]): Promise<void> {
  await eventually(
    () => learned(speaker).join(),
    (seen) => seen === prefixes.flat().sort().join(),
  )
}

/** As reflected by `reflector` from the speaker at `host`: next hop and all as it was. */
function expectReflected(routes: readonly Reflected[], host: number, reflector: string): void {
  const reflected = routes.filter(({ prefix }) => of(host).includes(prefix))
  expect(reflected.map(({ prefix }) => prefix).sort()).to.deep.equal(of(host))
  for (const { prefix, nextHop, originatorId, clusterList } of reflected) {
    expect(nextHop).to.equal(prefix.includes(':') ? v6Of(host) : v4Of(host))
    expect(originatorId).to.equal(v4Of(host))
    expect(clusterList).to.deep.equal([reflector])
  }
}

interface Reflected extends Pick<TheirRoute, 'prefix' | 'clusterList'> {
  readonly nextHop: string | undefined
  readonly originatorId?: string | undefined
}

/** We are one client of them, with another one and a speaker that is none. */
export function theyReflect(make: Make): Case {
  const neighbors = [
    { address: v4Of(CLIENT), asn: OUR_ASN, client: true },
    { address: v4Of(OTHER), asn: OUR_ASN },
  ]
  return {
    feature: 'route reflection, they',
    title: 'is the client of a route reflector',
    run: () =>
      onBench(new Bench(make(), { theirAsn: OUR_ASN, reflector: true, neighbors }), async (bench) => {
        const client = bench.another(CLIENT)
        const other = bench.another(OTHER)
        for (const [speaker, host] of [
          [client, CLIENT],
          [other, OTHER],
        ] as const) {
          speaker.addPeer(towards(ADDRESS.theirs[4], host, OUR_ASN))
          announceFrom(speaker, host)
        }
        bench.announce()
        await bench.start()
        await Promise.all([client.start(), other.start()])
        await has(bench.speaker, THEIRS, of(CLIENT), of(OTHER))
        await has(client, THEIRS, OURS, of(OTHER))
        await has(other, THEIRS, OURS, of(CLIENT))
        const ours = [...bench.speaker.routes()]
        expectReflected(ours, CLIENT, THEIR_ID)
        expectReflected(ours, OTHER, THEIR_ID)
      }),
  }
}

/** They are a client of us or not, beside a client and a speaker that is none. */
export function weReflect(make: Make): readonly Case[] {
  return [true, false].map((routeReflectorClient) => ({
    feature: 'route reflection, we',
    title: `reflects routes to and from one that is ${routeReflectorClient ? 'a client' : 'no client'}`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: OUR_ASN }), async (bench) => {
        const { client, other } = clientsOf(bench)
        bench.announce()
        await bench.start({ routeReflectorClient })
        await Promise.all([client.start(), other.start()])
        const prefixes = [OURS, of(CLIENT), routeReflectorClient ? of(OTHER) : []].flat()
        await eventually(
          () => bench.theirPrefixes(),
          (seen) => seen.join() === prefixes.sort().join(),
        )
        await has(client, OURS, THEIRS, of(OTHER))
        await has(other, OURS, of(CLIENT), routeReflectorClient ? THEIRS : [])
        const theirs = await bench.daemon.routes()
        expectReflected(theirs, CLIENT, OUR_ID)
        if (routeReflectorClient) expectReflected(theirs, OTHER, OUR_ID)
        const reflected = [...client.routes()].filter(({ prefix }) => THEIRS.includes(prefix as never))
        expect(reflected.map(({ originatorId }) => originatorId)).to.deep.equal(THEIRS.map(() => THEIR_ID))
        expect(reflected.map(({ clusterList }) => clusterList)).to.deep.equal(THEIRS.map(() => [OUR_ID]))
      }),
  }))
}

/** Speakers with sessions to us: a client and one that is none. */
function clientsOf(bench: Bench, ids: { client?: string; other?: string } = {}) {
  const speakers = { client: CLIENT, other: OTHER }
  const make = (name: 'client' | 'other') => {
    const host = speakers[name]
    const speaker = bench.another(host, { routerId: ids[name] ?? v4Of(host) })
    speaker.addPeer(towards(ADDRESS.ours[4], host, OUR_ASN))
    announceFrom(speaker, host)
    const routeReflectorClient = name === 'client'
    bench.speaker.addPeer({
      address: v4Of(host),
      asn: OUR_ASN,
      families: FAMILIES,
      nextHop: { ipv6: ADDRESS.ours[6] },
      passive: true,
      routeReflectorClient,
    })
    return speaker
  }
  return { client: make('client'), other: make('other') }
}

/** CLUSTER_LIST with our cluster in it, and ORIGINATOR_ID that is ours (RFC 4456 section 8). */
export function refusesLoops(make: Make): { readonly cluster: Case; readonly originator: Case } {
  const neighbors = [{ address: v4Of(CLIENT), asn: OUR_ASN, client: true }]
  const refuses = (what: string, clusterId: string, routerId: string, reason: string): Case => ({
    feature: 'reflection loops, refused',
    title: `refuses what ${what}`,
    run: () =>
      onBench(
        new Bench(make(), { theirAsn: OUR_ASN, reflector: true, clusterId, neighbors }),
        async (bench) => {
          const refused: string[] = []
          bench.speaker.on('reject', (event) => {
            if (event.reason === reason) refused.push(event.prefix)
          })
          const client = bench.another(CLIENT, { routerId })
          client.addPeer(towards(ADDRESS.theirs[4], CLIENT, OUR_ASN))
          announceFrom(client, CLIENT)
          await bench.start()
          await client.start()
          await eventually(
            () => refused,
            (prefixes) => of(CLIENT).every((prefix) => prefixes.includes(prefix)),
          )
          for (const prefix of of(CLIENT)) expect(bench.ourPrefixes()).to.not.include(prefix)
        },
      ),
  })
  return {
    cluster: refuses('was in its cluster before', OUR_ID, v4Of(CLIENT), 'cluster-loop'),
    originator: refuses('it has originated', THEIR_ID, OUR_ID, 'originator-loop'),
  }
}

/** The same of theirs. */
export function theyRefuseLoops(make: Make): { readonly cluster: Case; readonly originator: Case } {
  const refuse = (what: string, clusterId: string, routerId: string): Case => ({
    feature: 'reflection loops, caused',
    title: `has refused what ${what}`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: OUR_ASN, reflector: true }), async (bench) => {
        bench.speaker = bench.newSpeaker({ clusterId })
        const { client } = clientsOf(bench, { client: routerId })
        await bench.start({ routeReflectorClient: true })
        await client.start()
        const them = () => bench.speaker.peers().find(({ address }) => address === ADDRESS.theirs[4])
        await eventually(them, (peer) => peer?.counters.prefixesAdvertised === 2)
        // Who has heard what we said after it has heard it too.
        bench.announce()
        const theirs = await eventually(
          () => bench.theirPrefixes(),
          (seen) => OURS.every((prefix) => seen.includes(prefix)),
        )
        expect(theirs).to.deep.equal([...OURS].sort())
      }),
  })
  return {
    cluster: refuse('was in their cluster before', THEIR_ID, v4Of(CLIENT)),
    originator: refuse('they have originated', OUR_ID, THEIR_ID),
  }
}
