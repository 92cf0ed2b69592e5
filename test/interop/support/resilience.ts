// What must hold when a side restarts, asks again, or says too much; and for peers that nobody named.
import { expect } from 'chai'
import { Bench, OURS, onBench, THEIRS } from './bench.ts'
import { eventually } from './daemon.ts'
import type { Make } from './exchange.ts'
import { ADDRESS } from './link.ts'
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
