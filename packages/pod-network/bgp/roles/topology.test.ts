import { expect } from 'chai'
import type { AnnotatedRole } from './role.ts'
import { type Member, Topology } from './topology.ts'

const member = (
  name: string,
  role: AnnotatedRole = { kind: 'none' },
  parts: Partial<Member> = {},
): Member => ({
  ...{ name, role, asn: 64512, zone: '', able: true, complete: true },
  ...parts,
})
const server = (cluster: number): AnnotatedRole => ({ kind: 'server', cluster })
const client = (cluster: number): AnnotatedRole => ({ kind: 'client', cluster })
const crowd = (count: number) =>
  Array.from({ length: count }, (_, i) => member(`node-${i}`, { kind: 'none' }, { zone: `zone-${i % 3}` }))

/** `a-b`: a session; `a>b`: and b is a client of a; `!` where b is believed about others. */
function sessions(topology: Topology, names: readonly string[]): string[] {
  return names.flatMap((a) =>
    names.flatMap((b) => {
      const { session, client, believed } = topology.relation(a, b)
      return a === b || !session ? [] : [`${a}${client ? '>' : '-'}${b}${believed ? '!' : ''}`]
    }),
  )
}

/** Whether a route of each node comes to every other one, by RFC 4456 section 6. */
function isConnected(topology: Topology, names: readonly string[]): boolean {
  const peers = new Map(
    names.map((a) => [a, names.filter((b) => a !== b && topology.relation(a, b).session)] as const),
  )
  return names.every((origin) => {
    const known = new Set([origin])
    const queue: [string, string | undefined][] = [[origin, undefined]]
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [at, from] = next
      for (const to of peers.get(at)!) {
        const passes =
          from === undefined || topology.relation(at, from).client || topology.relation(at, to).client
        const taken = from === undefined || topology.relation(to, at).believed
        if (!passes || !taken || known.has(to)) continue
        known.add(to)
        queue.push([to, at])
      }
    }
    return known.size === names.length
  })
}

describe('roles in the mesh', () => {
  it('are a full mesh without annotations, each telling of itself alone', () => {
    const topology = new Topology(
      ['a', 'b'].map((name) => member(name)),
      undefined,
    )
    expect(sessions(topology, ['a', 'b'])).to.deep.equal(['a-b', 'b-a'])
  })

  it('let servers peer with all but the clients of others, and clients with their servers alone', () => {
    const members = [
      member('s', server(42)),
      member('t', server(7)),
      member('c', client(42)),
      member('d', client(42)),
    ]
    const topology = new Topology([...members, member('p'), member('q')], undefined)
    expect(sessions(topology, ['s', 't', 'c', 'd', 'p', 'q'])).to.deep.equal([
      ...['s-t!', 's>c', 's>d', 's-p', 's-q'],
      ...['t-s!', 't-p', 't-q'],
      ...['c-s!', 'd-s!'],
      ...['p-s!', 'p-t!', 'p-q', 'q-s!', 'q-t!', 'q-p'],
    ])
    expect(isConnected(topology, ['s', 't', 'c', 'd', 'p', 'q'])).to.equal(true)
  })

  it('make a client whose servers are not there, or not able, a node like others', () => {
    const lonely = [member('c', client(42)), member('p')]
    expect(sessions(new Topology(lonely, undefined), ['c', 'p'])).to.deep.equal(['c-p', 'p-c'])
    const dead = member('s', server(42), { able: false })
    expect(sessions(new Topology([...lonely, dead], undefined), ['c', 'p'])).to.deep.equal(['c-p', 'p-c'])
    const other = member('t', server(42))
    expect(sessions(new Topology([...lonely, dead, other], undefined), ['c', 'p'])).to.deep.equal([])
  })

  it('give nodes of different ASes a session, whatever their roles', () => {
    const members = [
      member('s', server(42)),
      member('c', client(42), { asn: 64601 }),
      member('d', client(42)),
    ]
    const topology = new Topology(members, undefined)
    expect(sessions(topology, ['s', 'c', 'd'])).to.deep.equal(['s-c', 's>d', 'c-s', 'c-d', 'd-s!', 'd-c'])
  })

  it('are chosen by all alike beyond the threshold, three of the nodes in three zones at least', () => {
    const settings = { fromNodes: 100, perNode: 3 }
    const names = crowd(101).map(({ name }) => name)
    expect(new Topology(crowd(100), settings).roleOf('node-0').kind).to.equal('plain')
    const topology = new Topology(crowd(101), settings)
    const servers = names.filter((name) => topology.roleOf(name).kind === 'server')
    expect(servers.map((name) => Number(name.slice(5)) % 3).sort()).to.deep.equal([0, 1, 2])
    expect(new Topology(crowd(101).reverse(), settings).shape).to.equal(topology.shape)
    expect(isConnected(topology, names)).to.equal(true)
    expect(new Topology(crowd(101), undefined).roleOf('node-0').kind).to.equal('plain')
  })

  it('have three sessions at a client and some three hundred at a reflector of a thousand nodes', () => {
    const names = crowd(1000).map(({ name }) => name)
    const topology = new Topology(crowd(1000), { fromNodes: 100, perNode: 3 })
    const count = (name: string) =>
      names.filter((other) => other !== name && topology.relation(name, other).session).length
    const servers = names.filter((name) => topology.roleOf(name).kind === 'server')
    expect(servers).to.have.lengthOf(10)
    for (const name of servers) expect(count(name), name).to.be.within(200, 400)
    for (const name of names) if (!servers.includes(name)) expect(count(name)).to.equal(3)
  })

  it('move few sessions when a node comes or goes', () => {
    const settings = { fromNodes: 100, perNode: 3 }
    const all = crowd(250)
    const names = all.map(({ name }) => name)
    const pairs = (topology: Topology, without: string) =>
      new Set(
        sessions(
          topology,
          names.filter((name) => name !== without),
        ).map((text) => text.replace('!', '')),
      )
    const before = new Topology(all, settings)
    for (const { name } of all.slice(0, 20)) {
      const had = pairs(before, name)
      const has = pairs(
        new Topology(
          all.filter((each) => each.name !== name),
          settings,
        ),
        name,
      )
      const moved = [...has].filter((pair) => !had.has(pair)).length
      // Each session counts at both its ends; who had the reflector that goes gets the one that comes.
      const most = before.roleOf(name).kind === 'server' ? 2 * 250 : 0
      expect(moved, name).to.be.at.most(most)
    }
  })

  it('leave those alone that have an annotation', () => {
    const members = [...crowd(101), member('s', server(42)), member('c', client(42))]
    const topology = new Topology(members, { fromNodes: 100, perNode: 3 })
    expect(topology.relation('s', 'c').client).to.equal(true)
    expect(
      members.filter(({ name }) => topology.relation('c', name).session).map(({ name }) => name),
    ).to.deep.equal(['s'])
    expect(
      isConnected(
        topology,
        members.map(({ name }) => name),
      ),
    ).to.equal(true)
  })

  it('connect all nodes, whatever roles they have (seed 7)', () => {
    let state = 7
    const random = (most: number) => {
      state = (state * 48271) % 2147483647
      return state % most
    }
    const roles: (() => AnnotatedRole)[] = [
      () => ({ kind: 'none' }),
      () => server(1 + random(2)),
      () => client(1 + random(3)),
    ]
    for (let round = 0; round < 300; round++) {
      const members = Array.from({ length: 2 + random(9) }, (_, i) =>
        member(`n${i}`, roles[random(3)]!(), { able: random(5) > 0 }),
      )
      const settings = random(2) === 0 ? undefined : { fromNodes: random(4), perNode: 1 + random(3) }
      const topology = new Topology(members, settings)
      const names = members.map(({ name }) => name)
      const described = JSON.stringify([settings, members])
      expect(isConnected(topology, names), described).to.equal(true)
      for (const a of names)
        for (const b of names)
          expect(topology.relation(a, b).session, described).to.equal(topology.relation(b, a).session)
    }
  })
})
