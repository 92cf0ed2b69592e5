// Long-lived graceful restart (RFC 9494) with other implementations, as the one that stays away and as the one that waits.
import { expect } from 'chai'
import { Bench, OURS, onBench, THEIRS } from './bench.ts'
import { eventually } from './daemon.ts'
import type { Make } from './exchange.ts'
import type { Case } from './together.ts'

const STALE = '65535:6'
/** A restart time that is over at once: what follows is the long-lived time. */
const SCENARIO = { theirAsn: 65001, gracefulRestart: 1, longLived: 60 }
const OFFER = { gracefulRestart: { time: 1, forwarding: true }, longLivedRestart: { time: 60 } }

/** Prefixes of theirs that are marked as stale. */
function staleOfTheirs(bench: Bench): string[] {
  const stale = [...bench.speaker.routes()].filter(({ communities }) => communities.includes(STALE))
  return stale.map(({ prefix }) => prefix).sort()
}

/** They are killed, stay away for longer than their restart time, and come back with less. */
async function keepsTheirs(make: Make): Promise<void> {
  await onBench(new Bench(make(), SCENARIO), async (bench) => {
    await bench.start(OFFER)
    await eventually(
      () => [bench.ourPrefixes().length, bench.speaker.peers()[0]?.endOfRib.length],
      (counts) => counts.join() === `${THEIRS.length},2`,
    )
    expect(staleOfTheirs(bench)).to.deep.equal([])
    await bench.daemon.stop('SIGKILL')
    await eventually(
      () => staleOfTheirs(bench),
      (prefixes) => prefixes.join() === [...THEIRS].sort().join(),
    )
    const announce = THEIRS.filter((prefix) => prefix !== '172.21.1.0/24')
    await bench.replaceDaemon(make(), { ...bench.scenario, restarting: true, announce })
    await eventually(
      () => [bench.ourPrefixes().length, staleOfTheirs(bench).length],
      (counts) => counts.join() === `${announce.length},0`,
    )
  })
}

/** We leave without a word, stay away for longer than our restart time, and come back with less. */
async function keepsOurs(make: Make): Promise<void> {
  await onBench(new Bench(make(), SCENARIO), async (bench) => {
    await bench.start(OFFER)
    bench.announce()
    await bench.exchanged()
    await eventually(
      () => bench.speaker.peers()[0]?.endOfRib.length,
      (count) => count === 2,
    )
    await bench.speaker.abandon()
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const kept = await bench.daemon.routes()
    expect(kept.map(({ prefix }) => prefix).sort()).to.deep.equal([...OURS].sort())
    for (const { communities } of kept) expect(communities).to.include(STALE)
    bench.speaker = bench.newSpeaker({ restarting: true })
    bench.announce(OURS.slice(0, 3))
    bench.speaker.addPeer(bench.peer(OFFER))
    await bench.speaker.start()
    await eventually(
      () => bench.daemon.routes(),
      (routes) =>
        routes
          .map(({ prefix }) => prefix)
          .sort()
          .join() === OURS.slice(0, 3).join() &&
        routes.every(({ communities }) => !communities.includes(STALE)),
    )
  })
}

export function longLived(make: Make): readonly Case[] {
  return [
    {
      feature: 'long-lived stale routes, theirs',
      title: 'keeps its routes as stale ones while it is away, and sweeps what is gone when it is back',
      run: () => keepsTheirs(make),
    },
    {
      feature: 'long-lived stale routes, ours',
      title: 'has our routes kept as stale ones while we are away',
      run: () => keepsOurs(make),
    },
  ]
}
