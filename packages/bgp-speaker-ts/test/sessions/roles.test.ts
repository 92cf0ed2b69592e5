// BGP roles: which fit each other, and what is refused (RFC 9234 section 4).
import { expect } from 'chai'
import { type Role, roleCode } from '../../config/roles.ts'
import type { PeerConfig } from '../../config.ts'
import type { Capability } from '../../packet/capabilities.ts'
import { ASN, Bench } from '../../testing/bench.ts'

const ROLES: readonly Role[] = ['provider', 'rs', 'rs-client', 'customer', 'peer']
const FITTING: readonly (readonly [Role, Role])[] = [
  ['provider', 'customer'],
  ['customer', 'provider'],
  ['rs', 'rs-client'],
  ['rs-client', 'rs'],
  ['peer', 'peer'],
]
const say = (role: Role): Capability => ({ kind: 'role', role: roleCode(role) })

describe('roles', () => {
  let bench: Bench
  beforeEach(async () => {
    bench = await Bench.started()
  })
  afterEach(() => bench.close())

  const meet = (config: Partial<PeerConfig>, ...capabilities: readonly Capability[]) => {
    const raw = bench.peer({ capabilities }, config).establish()
    return { raw, names: raw.names(), peer: bench.speaker.peers()[0]! }
  }

  it('are said in the OPEN by their number', () => {
    const [open] = bench.peer({}, { role: 'rs-client' }).connect().heard()
    expect(open?.kind === 'open' && open.capabilities).to.deep.include({ kind: 'role', role: 2 })
  })

  for (const ours of ROLES)
    for (const theirs of ROLES) {
      const fit = FITTING.some(([a, b]) => a === ours && b === theirs)
      it(`${fit ? 'fit' : 'do not fit'}: we are ${ours}, they say ${theirs}`, async () => {
        const { names, peer } = meet({ role: ours }, say(theirs))
        expect(names.includes('notification 2/11')).to.equal(!fit)
        expect(peer.state).to.equal(fit ? 'established' : 'active')
        if (fit) expect(peer.role).to.equal(theirs)
        else
          expect(peer.lastDown).to.include({ code: 2, subcode: 11, text: 'OPEN Message Error/Role Mismatch' })
      })
    }

  it('may be missing in the peer’s OPEN, unless we are strict', () => {
    const { peer } = meet({ role: 'customer' })
    expect(peer).to.include({ state: 'established' }).and.not.have.property('role')
  })

  it('are refused where we are strict and the peer says none', () => {
    expect(meet({ role: 'customer', roleStrict: true }).names).to.include('notification 2/11')
  })

  it('are refused when a peer says two, and taken when it says one twice', () => {
    const { names } = meet({ role: 'customer' }, say('provider'), say('peer'))
    expect(names).to.include('notification 2/11')
  })

  it('are taken when a peer says one twice', () => {
    const { peer } = meet({ role: 'customer' }, say('provider'), say('provider'))
    expect(peer.state).to.equal('established')
  })

  it('that have no name yet do not fit', () => {
    expect(meet({ role: 'customer' }, { kind: 'role', role: 77 }).names).to.include('notification 2/11')
  })

  it('of a peer do not matter where we have none', () => {
    const raw = bench.peer().connect()
    const [open] = raw.heard()
    expect(open?.kind === 'open' && open.capabilities.some(({ kind }) => kind === 'role')).to.equal(false)
    raw.send(raw.open([say('provider')]), { kind: 'keepalive' })
    expect(bench.speaker.peers()[0]).to.include({ state: 'established' }).and.not.have.property('role')
  })

  it('do not matter inside our AS, and are not said there', () => {
    const raw = bench.peer({ asn: ASN, capabilities: [say('peer')] }, { role: 'customer' }).connect()
    const [open] = raw.heard()
    expect(open?.kind === 'open' && open.capabilities.some(({ kind }) => kind === 'role')).to.equal(false)
    raw.send(raw.open([say('peer')]), { kind: 'keepalive' })
    expect(bench.speaker.peers()[0]?.state).to.equal('established')
  })
})
