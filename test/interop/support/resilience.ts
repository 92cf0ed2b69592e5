// What must hold when a side restarts, asks again, or says too much; and for peers that nobody named.

import { kernelBfdSockets } from '@podroute/pod-network/bgp/bfd/sockets.ts'
import { Bfd } from 'bgp-speaker-ts/bfd/bfd.ts'
import { expect } from 'chai'
import { Bench, OUR_ASN, OURS, onBench, THEIRS, towards, v4Of } from './bench.ts'
import { eventually } from './daemon.ts'
import type { Make } from './exchange.ts'
import { ADDRESS, ip } from './link.ts'
import type { Case } from './together.ts'

const V4 = ['172.20.0.0/16', '172.21.1.0/24']

const FAMILIES = ['ipv4-unicast', 'ipv6-unicast'] as const

/** ROUTE-REFRESH (RFC 2918): whoever is asked sends all again, in both families. */
export function answersRefresh(make: Make): Case {
  return {
    feature: 'route refresh, they ask',
    title: 'sends everything again when asked',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001 }), async (bench) => {
        await bench.start()
        bench.announce()
        await bench.exchanged()
        const { updatesSent } = bench.speaker.peers()[0]!.counters
        await bench.daemon.refresh?.()
        await eventually(
          () => bench.speaker.peers()[0]!.counters,
          (now) => now.updatesSent >= updatesSent + 2,
        )
        expect(await bench.theirPrefixes()).to.deep.equal([...OURS].sort())
        expect(bench.speaker.peers()[0]?.counters.established).to.equal(1)
      }),
  }
}

/** What `read` says when it has said the same for more than a second. */
async function settled(read: () => number): Promise<number> {
  for (let last = read(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const now = read()
    if (now === last) return now
    last = now
  }
}

export function asksForRefresh(make: Make): Case {
  return {
    feature: 'route refresh, we ask',
    title: 'asks for everything again, and keeps what it has meanwhile',
    run: () =>
      // FRR answers only when it has sent End-of-RIB, which it does with graceful restart.
      onBench(new Bench(make(), { theirAsn: 65001, gracefulRestart: 60 }), async (bench) => {
        await bench.start()
        bench.announce()
        await bench.exchanged()
        const received = () => bench.speaker.peers()[0]!.counters.updatesReceived
        for (const family of FAMILIES) {
          // Some tell us later what they have from us.
          const updatesReceived = await settled(received)
          expect(bench.speaker.requestRefresh(ADDRESS.theirs[4], family)).to.equal(true)
          await eventually(received, (now) => now > updatesReceived)
        }
        await eventually(
          () => bench.speaker.peers()[0],
          (peer) => peer?.stale === undefined,
        )
        expect(bench.ourPrefixes()).to.deep.equal([...THEIRS].sort())
        expect(bench.speaker.peers()[0]?.counters.established).to.equal(1)
      }),
  }
}

const V6 = ['fd21::/48', 'fd21:0:0:1::/64']
const TOO_MUCH = {
  4: ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '10.4.0.0/16'],
  6: ['fd01::/48', 'fd02::/48', 'fd03::/48', 'fd04::/48'],
} as const

/** CEASE/Maximum Number of Prefixes Reached (RFC 4486), by us. */
export function limitsPrefixes(make: Make): readonly Case[] {
  return ([4, 6] as const).map((family) => ({
    feature: 'prefix limit, ours',
    title: `ends the session when the other side announces too much IPv${family}`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, announce: family === 4 ? V4 : V6 }), async (bench) => {
        await bench.start({ maxPrefixes: 1 })
        await eventually(
          () => bench.ends,
          (ends) => ends.includes('sent 6/1'),
        )
        expect(bench.ourPrefixes()).to.deep.equal([])
      }),
  }))
}

/** The same by them. */
export function isLimited(make: Make): readonly Case[] {
  return ([4, 6] as const).map((family) => ({
    feature: 'prefix limit, theirs',
    title: `is told when we announce too much IPv${family}`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, maxPrefixes: 1 }), async (bench) => {
        // Some look only when the next one comes.
        bench.announce(TOO_MUCH[family])
        await bench.start()
        await eventually(
          () => bench.ends,
          (ends) => ends.includes('received 6/1'),
        )
      }),
  }))
}

/** One of each family of theirs. */
const SECOND = ['172.21.1.0/24', 'fd21:0:0:1::/64']

/** RFC 4724: they are killed and come back with less. */
export function helpsRestart(make: Make): readonly Case[] {
  return ([4, 6] as const).map((over) => ({
    feature: 'graceful restart, they',
    title: `keeps the routes of the other side while it restarts, and sweeps at End-of-RIB what is gone: over IPv${over}`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, over, gracefulRestart: 60 }), async (bench) => {
        const gone: string[] = []
        bench.speaker.on('best', (changes) => {
          for (const { prefix, best } of changes) if (best === undefined) gone.push(prefix)
        })
        await bench.start()
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === THEIRS.length,
        )
        await eventually(
          () => bench.speaker.peers()[0]?.endOfRib.length,
          (count) => count === 2,
        )
        await bench.daemon.stop('SIGKILL')
        await eventually(
          () => bench.speaker.peers()[0],
          (peer) => peer?.state !== 'established' && peer?.stale?.length === 2,
        )
        expect(bench.ourPrefixes()).to.deep.equal([...THEIRS].sort())
        await bench.replaceDaemon(make(), {
          ...bench.scenario,
          restarting: true,
          announce: THEIRS.filter((prefix) => !SECOND.includes(prefix)),
        })
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === THEIRS.length - SECOND.length,
        )
        await eventually(
          () => bench.speaker.peers()[0],
          (peer) => peer?.stale === undefined,
        )
        expect(gone.sort()).to.deep.equal(SECOND)
      }),
  }))
}

/** RFC 4724: we leave without a word and come back with less. */
export function restarts(make: Make): readonly Case[] {
  return ([4, 6] as const).map((over) => ({
    feature: 'graceful restart, we',
    title: `has its routes kept while we restart, and swept after our End-of-RIB: over IPv${over}`,
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, over, gracefulRestart: 60 }), async (bench) => {
        const fewer = [OURS[0], OURS[2]]
        await bench.start()
        bench.announce()
        await bench.exchanged()
        await eventually(
          () => bench.speaker.peers()[0]?.endOfRib.length,
          (count) => count === 2,
        )
        await bench.speaker.abandon()
        await new Promise((resolve) => setTimeout(resolve, 500))
        expect(await bench.theirPrefixes()).to.include.members([...OURS])
        bench.speaker = bench.newSpeaker({ restarting: true })
        bench.announce(fewer)
        bench.speaker.addPeer(bench.peer())
        await bench.speaker.start()
        await eventually(
          () => bench.theirPrefixes(),
          (prefixes) => prefixes.join() === fewer.join(),
        )
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === THEIRS.length,
        )
      }),
  }))
}

/** Nobody named the other side: it is in a range. */
export function takesDynamicPeers(make: Make): Case {
  return {
    feature: 'dynamic peers',
    title: 'takes the other side for a peer because of the range that it is in, with the range’s TCP-MD5 key',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, password: 'rangekey' }), async (bench) => {
        const { families, asn, nextHop } = bench.peer()
        bench.speaker.addDynamicPeers({
          prefix: '10.99.0.0/24',
          password: 'rangekey',
          families,
          asn,
          nextHop: nextHop!,
        })
        await bench.speaker.start()
        await bench.daemon.start(bench.link, bench.scenario)
        bench.announce()
        await bench.exchanged()
        await bench.daemon.stop()
        await eventually(
          () => bench.speaker.peers().length,
          (count) => count === 0,
        )
      }),
  }
}

/** RFC 8950: IPv4 prefixes over a session that has IPv6 addresses only. */
export function passesIpv4OverIpv6(make: Make): Case {
  return {
    feature: 'IPv4 over IPv6 next hops',
    title: 'exchanges IPv4 routes with IPv6 next hops',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, over: 6, extendedNextHop: true }), async (bench) => {
        await bench.start({ extendedNextHop: true, nextHop: {} })
        bench.announce()
        await bench.exchanged()
        const paths = [...bench.speaker.routes('ipv4-unicast')].filter(({ source }) => source !== 'local')
        expect(paths.map(({ prefix }) => prefix).sort()).to.deep.equal(V4)
        expect(paths.map(({ nextHop }) => nextHop)).to.deep.equal([ADDRESS.theirs[6], ADDRESS.theirs[6]])
        const theirs = (await bench.daemon.routes()).filter(({ prefix }) => !prefix.includes(':'))
        expect(theirs.map(({ nextHop }) => nextHop)).to.deep.equal([ADDRESS.ours[6], ADDRESS.ours[6]])
      }),
  }
}

/** RFC 7911 in both directions, both families: two paths to prefixes of theirs, and to ours. The second ones are other speakers' of ours. */
export function passesSeveralPaths(make: Make): Case {
  const neighbors = [{ address: v4Of(3), asn: 65003 }]
  return {
    feature: 'add-path',
    title: 'exchanges several paths to one prefix',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, addPath: true, neighbors }), async (bench) => {
        const beyond = bench.another(3, { asn: 65003 })
        beyond.addPeer(towards(ADDRESS.theirs[4], 3, 65001))
        for (const prefix of [THEIRS[0], THEIRS[2]]) beyond.announce({ prefix, communities: ['65000:200'] })
        const inner = bench.another(4)
        inner.addPeer(towards(ADDRESS.ours[4], 4, OUR_ASN))
        for (const prefix of [OURS[0], OURS[2]]) inner.announce({ prefix, communities: ['64512:3'] })
        bench.speaker.addPeer({ address: v4Of(4), asn: OUR_ASN, families: FAMILIES, passive: true })
        bench.announce()
        await bench.start({ addPathReceive: true, addPathSend: true })
        await Promise.all([inner.start(), beyond.start()])

        const tags = (paths: readonly { readonly communities: readonly string[] }[]) =>
          paths.flatMap(({ communities }) => communities).filter((tag) => /^\d+:\d+$/.test(tag))
        for (const prefix of [THEIRS[0], THEIRS[2]])
          await eventually(
            () => tags(bench.speaker.paths(prefix)).sort(),
            (seen) => seen.join() === '65000:100,65000:200',
          )
        const all = async () => {
          const routes = await bench.daemon.routes()
          return [OURS[0], OURS[2]].map((prefix) =>
            tags(routes.filter((route) => route.prefix === prefix))
              .sort()
              .join(' '),
          )
        }
        await eventually(all, (seen) => seen.every((each) => each === '64512:3 64512:7'))
        for (const prefix of [OURS[0], OURS[2]]) inner.withdraw(prefix)
        await eventually(all, (seen) => seen.every((each) => each === '64512:7'))
      }),
  }
}

/** RFC 5882: the path fails, and the session does not wait for its hold timer. */
export function watchesPath(make: Make): Case {
  return {
    feature: 'BFD',
    alone: true,
    title: 'ends the session within a second when BFD finds that the path is gone',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, bfd: true }), async (bench) => {
        const bfd = new Bfd({ openSocket: kernelBfdSockets(bench.link.ours) })
        const up = new Promise<string>((resolve) => void bfd.once('up', resolve))
        try {
          bench.speaker = bench.newSpeaker({ bfd })
          await bench.start({ bfd: { desiredMinTx: 100, requiredMinRx: 100, detectMultiplier: 3 } })
          await eventually(
            () => bench.ourPrefixes(),
            (prefixes) => prefixes.length === THEIRS.length,
          )
          await up
          const ended = new Promise<void>((resolve) => {
            bench.speaker.on('peer', ({ kind }) => {
              if (kind === 'down') resolve()
            })
          })
          const cut = performance.now()
          ip('-n', bench.link.theirs, 'link', 'set', 'peer', 'down')
          await ended
          expect(performance.now() - cut).to.be.below(1000)
          expect(bench.ends).to.deep.equal(['sent 6/10'])
          await eventually(
            () => bench.ourPrefixes(),
            (prefixes) => prefixes.length === 0,
          )
        } finally {
          await bfd.close()
        }
      }),
  }
}
