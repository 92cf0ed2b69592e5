// Only to Customer: routes that came from above or beside go to customers only, and leaks are known as such (RFC 9234 section 5).
import { expect } from 'chai'
import type { Role } from '../../config/roles.ts'
import type { PathAttributes } from '../../packet/attributes.ts'
import { encodeMessage } from '../../packet/message.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const THEM = 64513
const OTHER = 64999

describe('ONLY_TO_CUSTOMER', () => {
  let bench: Bench
  let rejected: string[]
  beforeEach(async () => {
    bench = await Bench.started()
    rejected = []
    bench.speaker.on('reject', ({ direction, prefix, reason }) => {
      rejected.push(`${direction} ${prefix} ${reason}`)
    })
  })
  afterEach(() => bench.close())

  const from = (role: Role | undefined) => bench.peer({}, role === undefined ? {} : { role }).establish()
  const to = (role: Role | undefined, asn = 64520) => {
    const options = { address: '10.0.0.20', asn }
    return bench.peer(options, role === undefined ? {} : { role }).establish()
  }
  const ours = () => [...bench.speaker.routes()].map(({ prefix, onlyToCustomer }) => [prefix, onlyToCustomer])
  const told = (raw: RawPeer): (readonly [string, number | undefined])[] =>
    raw.heard().flatMap((message) => {
      if (message.kind !== 'update') return []
      const { attributes, nlri, mpReach } = message
      return [...nlri, ...(mpReach?.nlri ?? [])].map(
        ({ prefix }) => [prefix, (attributes as PathAttributes).onlyToCustomer] as const,
      )
    })

  for (const role of ['customer', 'rs-client', 'peer'] as const)
    it(`is added to what arrives where we are ${role}, with the neighbour’s AS number, for both families`, () => {
      from(role).announce('10.1.0.0/16', 'fd10::/48')
      expect(ours()).to.have.deep.members([
        ['10.1.0.0/16', THEM],
        ['fd10::/48', THEM],
      ])
      expect(rejected).to.deep.equal([])
    })

  for (const role of ['provider', 'rs', undefined] as const)
    it(`is not added to what arrives where we are ${role ?? 'nothing'}`, () => {
      from(role).announce('10.1.0.0/16')
      expect(ours()).to.deep.equal([['10.1.0.0/16', undefined]])
    })

  for (const role of ['customer', 'rs-client', undefined] as const)
    it(`that a route has already stays where we are ${role ?? 'nothing'}`, () => {
      from(role).announceWith({ onlyToCustomer: OTHER }, '10.1.0.0/16')
      expect(ours()).to.deep.equal([['10.1.0.0/16', OTHER]])
    })

  for (const role of ['provider', 'rs', 'peer'] as const)
    it(`of another AS is a leak where we are ${role}`, () => {
      const peer = from(role).announceWith({ onlyToCustomer: OTHER }, '10.1.0.0/16')
      expect(ours()).to.deep.equal([])
      expect(rejected).to.deep.equal(['import 10.1.0.0/16 route-leak'])
      peer.announce('10.1.0.0/16')
      expect(ours()).to.have.length(1)
    })

  it('of the peer itself is a leak from a customer, not from a peer', () => {
    from('peer').announceWith({ onlyToCustomer: THEM }, '10.1.0.0/16')
    expect(ours()).to.deep.equal([['10.1.0.0/16', THEM]])
    const customer = bench.peer({ address: '10.0.0.3', asn: 64514 }, { role: 'provider' }).establish()
    customer.announceWith({ onlyToCustomer: 64514 }, '10.2.0.0/16')
    expect(ours()).to.have.length(1)
  })

  for (const role of ['provider', 'rs', 'peer'] as const)
    it(`is added with our AS number to what we send where we are ${role}`, () => {
      bench.speaker.announce({ prefix: '10.9.0.0/16' })
      bench.speaker.announce({ prefix: 'fd09::/48' })
      expect(told(to(role))).to.have.deep.members([
        ['10.9.0.0/16', ASN],
        ['fd09::/48', ASN],
      ])
    })

  it('that a route has already is sent on as it is, to a customer', () => {
    from('customer').announceWith({ onlyToCustomer: OTHER }, '10.1.0.0/16')
    expect(told(to('provider'))).to.deep.equal([['10.1.0.0/16', OTHER]])
  })

  for (const role of ['customer', 'rs-client', 'peer'] as const)
    it(`keeps a route from those to whom we are ${role}, and our own routes go there`, () => {
      from('customer').announce('10.1.0.0/16')
      bench.speaker.announce({ prefix: '10.9.0.0/16' })
      const prefixes = told(to(role)).map(([prefix]) => prefix)
      expect(prefixes).to.deep.equal(['10.9.0.0/16'])
    })

  it('passes unchanged where there are no roles, and inside our AS', () => {
    from('customer').announce('10.1.0.0/16')
    expect(told(to(undefined))).to.deep.equal([['10.1.0.0/16', THEM]])
    const internal = bench.peer({ address: '10.0.0.30', asn: ASN }).establish()
    expect(told(internal)).to.deep.equal([['10.1.0.0/16', THEM]])
  })

  it('of a customer’s route is not told to another peer as a change of its own', () => {
    const customer = from('provider').announce('10.1.0.0/16')
    expect(told(to('customer'))).to.deep.equal([['10.1.0.0/16', undefined]])
    expect(customer.closed).to.equal(false)
  })

  it('of other than four bytes withdraws the route (RFC 7606)', () => {
    const peer = from(undefined)
    const attributes = {
      origin: 'igp' as const,
      asPath: [{ kind: 'sequence' as const, asns: [THEM] }],
      nextHop: '10.0.0.2',
    }
    const broken = { type: 35, flags: 0xc0, value: Uint8Array.of(0, 0, 1) }
    const nlri = [{ prefix: '10.1.0.0/16' }]
    peer.send(encodeMessage({ kind: 'update', withdrawn: [], nlri, attributes }))
    expect(ours()).to.have.length(1)
    peer.send(
      encodeMessage({
        kind: 'update',
        withdrawn: [],
        nlri,
        attributes: { ...attributes, unknown: [broken] },
      }),
    )
    expect(ours()).to.deep.equal([])
    expect(bench.speaker.peers()[0]?.counters.treatedAsWithdraw).to.equal(1)
  })
})
