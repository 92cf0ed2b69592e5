// Roles and Only to Customer (RFC 9234) between implementations: which sessions there are, what is marked, and what is a leak.
import { expect } from 'chai'
import { Bench, OUR_ASN, OURS, onBench, THEIRS, towards, v4Of } from './bench.ts'
import { eventually } from './daemon.ts'
import type { Make } from './exchange.ts'
import { ADDRESS } from './link.ts'
import type { Case } from './together.ts'

const THEIR_ASN = 65001
/** The AS and the host of one more speaker at our end. */
const THIRD = 65003
const HOST = 3

/** Where both sides say their roles. */
export function agreesOnRoles(make: Make): readonly Case[] {
  return [fits(make), mismatches(make), insists(make)].map((test) => ({ ...test, feature: 'roles' }))
}

/** Where they have a role and we say none (RFC 9234 section 4.2). */
export function appliesRoles(make: Make): readonly Case[] {
  return [marks(make), refusesLeaks(make)].map((test) => ({ ...test, feature: 'roles' }))
}

type Test = Omit<Case, 'feature'>

/** ONLY_TO_CUSTOMER of what we have from them. */
const marksOf = (bench: Bench) =>
  [...bench.speaker.routes()].filter(({ peer }) => peer !== undefined).map((path) => path.onlyToCustomer)

function fits(make: Make): Test {
  return {
    title: 'runs between a customer, us, and its provider, both strict, and marks what comes from there',
    run: () =>
      onBench(
        new Bench(make(), { theirAsn: THEIR_ASN, role: 'provider', roleStrict: true }),
        async (bench) => {
          await bench.start({ role: 'customer', roleStrict: true })
          bench.announce()
          await bench.exchanged()
          expect(bench.speaker.peers()[0]?.role).to.equal('provider')
          expect(marksOf(bench)).to.deep.equal(THEIRS.map(() => THEIR_ASN))
        },
      ),
  }
}

function marks(make: Make): Test {
  return {
    title: 'reads the mark that a provider puts on its routes where we have no role',
    run: () =>
      onBench(new Bench(make(), { theirAsn: THEIR_ASN, role: 'provider' }), async (bench) => {
        await bench.start()
        bench.announce()
        await bench.exchanged()
        expect(marksOf(bench)).to.deep.equal(THEIRS.map(() => THEIR_ASN))
      }),
  }
}

function mismatches(make: Make): Test {
  return {
    title: 'has no session where the roles do not fit (2/11)',
    run: () =>
      onBench(new Bench(make(), { theirAsn: THEIR_ASN, role: 'provider' }), async (bench) => {
        await bench.start({ role: 'peer' })
        await eventually(
          () => bench.speaker.peers()[0]?.lastDown,
          (reason) => reason !== undefined && 'code' in reason && reason.code === 2 && reason.subcode === 11,
        )
        expect(bench.speaker.peers()[0]?.counters.established).to.equal(0)
      }),
  }
}

function insists(make: Make): Test {
  return {
    title: 'has no session with a strict peer while we say no role',
    run: () =>
      onBench(
        new Bench(make(), { theirAsn: THEIR_ASN, role: 'customer', roleStrict: true }),
        async (bench) => {
          await bench.start()
          await eventually(
            () => bench.speaker.peers()[0]?.lastDown,
            (reason) => reason?.kind === 'notification-received' && reason.code === 2,
          )
          bench.speaker.updatePeer(bench.peer({ role: 'provider' }))
          bench.announce()
          await bench.exchanged()
        },
      ),
  }
}

/** A route of our own provider, which marks it, must not reach the provider that they are. */
function refusesLeaks(make: Make): Test {
  return {
    title: 'tells a leak from our own routes: they are our provider, too',
    run: () =>
      onBench(new Bench(make(), { theirAsn: THEIR_ASN, role: 'provider' }), async (bench) => {
        // Without a role we pass the route on, as one does who leaks.
        await bench.start()
        const provider = bench.another(HOST, { asn: THIRD })
        const passive = { passive: true, families: ['ipv4-unicast', 'ipv6-unicast'] } as const
        bench.speaker.addPeer({ address: v4Of(HOST), asn: THIRD, nextHop: bench.peer().nextHop!, ...passive })
        provider.addPeer({ ...towards(ADDRESS.ours[4], HOST, OUR_ASN), role: 'provider' })
        for (const prefix of ['10.88.0.0/16', 'fd88::/48']) provider.announce({ prefix })
        await provider.start()
        await eventually(
          () => [...bench.speaker.routes()].filter(({ peer }) => peer === v4Of(HOST)),
          (paths) => paths.length === 2 && paths.every(({ onlyToCustomer }) => onlyToCustomer === THIRD),
        )
        bench.announce()
        await eventually(
          () => bench.speaker.peers()[0]!.counters.prefixesAdvertised,
          (count) => count === OURS.length + 2,
        )
        await bench.exchanged()
        expect(await bench.theirPrefixes()).to.deep.equal([...OURS].sort())
      }),
  }
}
