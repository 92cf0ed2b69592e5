// What must hold when a side restarts, asks again, or says too much; and for peers that nobody named.

import { kernelTransport } from '@podroute/agent/bgp-transport.ts'
import { Bfd } from 'bgp-speaker-ts/bfd/bfd.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { Bench, OUR_ASN, OURS, onBench, THEIRS } from './bench.ts'
import { linuxBfdSockets } from './bfd-sockets.ts'
import { eventually } from './daemon.ts'
import type { Make } from './exchange.ts'
import { ADDRESS, ip } from './link.ts'
import type { Case } from './together.ts'

const V4 = ['172.20.0.0/16', '172.21.1.0/24']

/** Both directions of ROUTE-REFRESH (RFC 2918): whoever is asked sends all again. */
export function refreshes(make: Make): Case {
  return {
    feature: 'route refresh',
    title: 'sends everything again when asked, and asks for it',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001 }), async (bench) => {
        await bench.start()
        bench.announce()
        await bench.exchanged()
        const counters = () => bench.speaker.peers()[0]!.counters
        const { updatesSent } = counters()
        await bench.daemon.refresh?.()
        if (bench.daemon.refresh !== undefined)
          await eventually(counters, (now) => now.updatesSent > updatesSent)
        const { updatesReceived } = counters()
        expect(bench.speaker.requestRefresh(ADDRESS.theirs[4], 'ipv4-unicast')).to.equal(true)
        await eventually(counters, (now) => now.updatesReceived > updatesReceived)
        expect(bench.ourPrefixes()).to.deep.equal([...THEIRS].sort())
        expect(bench.speaker.peers()[0]?.counters.established).to.equal(1)
      }),
  }
}

/** CEASE/Maximum Number of Prefixes Reached (RFC 4486) in either direction. */
export function limitsPrefixes(make: Make, theirs = true): readonly Case[] {
  const ours: Case = {
    feature: 'prefix limit',
    title: 'ends the session when the other side announces too much',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001 }), async (bench) => {
        await bench.start({ maxPrefixes: 1 })
        await eventually(
          () => bench.ends,
          (ends) => ends.includes('sent 6/1'),
        )
        expect(bench.ourPrefixes()).to.deep.equal([])
      }),
  }
  const other: Case = {
    feature: 'prefix limit',
    title: 'is told when we announce too much',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, maxPrefixes: 1 }), async (bench) => {
        // Some look only when the next one comes.
        bench.announce(['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '10.4.0.0/16'])
        await bench.start()
        await eventually(
          () => bench.ends,
          (ends) => ends.includes('received 6/1'),
        )
      }),
  }
  return theirs ? [ours, other] : [ours]
}

/** RFC 4724: they are killed and come back with less. */
export function helpsRestart(make: Make): Case {
  return {
    feature: 'graceful restart, they',
    title: 'keeps the routes of the other side while it restarts, and sweeps at End-of-RIB what is gone',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, gracefulRestart: 60 }), async (bench) => {
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
          announce: THEIRS.filter((prefix) => prefix !== '172.21.1.0/24'),
        })
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === THEIRS.length - 1,
        )
        await eventually(
          () => bench.speaker.peers()[0],
          (peer) => peer?.stale === undefined,
        )
        expect(gone).to.deep.equal(['172.21.1.0/24'])
      }),
  }
}

/** RFC 4724: we leave without a word and come back with less. */
export function restarts(make: Make): Case {
  return {
    feature: 'graceful restart, we',
    title: 'has its routes kept while we restart, and swept after our End-of-RIB',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, gracefulRestart: 60 }), async (bench) => {
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
        bench.announce(OURS.slice(0, 3))
        bench.speaker.addPeer(bench.peer())
        await bench.speaker.start()
        await eventually(
          () => bench.theirPrefixes(),
          (prefixes) => prefixes.join() === OURS.slice(0, 3).join(),
        )
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === THEIRS.length,
        )
      }),
  }
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

/** RFC 7911 in both directions: two paths to one prefix of theirs, and to one of ours, of which another speaker of ours has the second. */
export function passesSeveralPaths(make: Make): Case {
  return {
    feature: 'add-path',
    title: 'exchanges several paths to one prefix',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, addPath: true }), async (bench) => {
        ip('-n', bench.link.ours, 'address', 'add', '10.99.0.3/24', 'dev', 'peer')
        const second = new Speaker({
          asn: OUR_ASN,
          routerId: '10.99.0.3',
          transport: kernelTransport(bench.link.ours),
        })
        try {
          const inner = { asn: OUR_ASN, families: ['ipv4-unicast'] as const }
          bench.speaker.addPeer({ ...inner, address: '10.99.0.3', passive: true })
          second.addPeer({ ...inner, address: '10.99.0.1', localAddress: '10.99.0.3' })
          second.announce({ prefix: OURS[0], communities: ['64512:3'] })
          await bench.start({ addPathReceive: true, addPathSend: true })
          await second.start()
          bench.announce()
          const tags = (paths: readonly { readonly communities: readonly string[] }[]) =>
            paths.flatMap(({ communities }) => communities).filter((tag) => /^\d+:\d+$/.test(tag))
          await eventually(
            () => tags(bench.speaker.paths(THEIRS[0])).sort(),
            (seen) => seen.join() === '65000:100,65000:200',
          )
          const theirs = async () =>
            tags((await bench.daemon.routes()).filter(({ prefix }) => prefix === OURS[0])).sort()
          await eventually(theirs, (seen) => seen.join() === '64512:3,64512:7')
          second.withdraw(OURS[0])
          await eventually(theirs, (seen) => seen.join() === '64512:7')
        } finally {
          await second.close()
        }
      }),
  }
}

/** RFC 5882: the path fails, and the session does not wait for its hold timer. */
export function watchesPath(make: Make): Case {
  return {
    feature: 'BFD',
    title: 'ends the session within a second when BFD finds that the path is gone',
    run: () =>
      onBench(new Bench(make(), { theirAsn: 65001, bfd: true }), async (bench) => {
        const bfd = new Bfd({ openSocket: linuxBfdSockets(bench.link.ours) })
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
