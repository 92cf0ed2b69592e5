/** IPVS over generic netlink on a kernel that has it. */

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { IpvsTableRevision } from '@podroute/kernel/proc.ts'
import { FeatureError } from '@podroute/linux/errors.ts'
import {
  type Counters,
  type Destination,
  FLAG_PERSISTENT,
  FLAG_SCHED_1,
  Ipvs,
  type IpvsOp,
  type VirtualServer,
} from '@podroute/linux/ipvs/ipvs.ts'
import { isLoaded, loadModule, loadModules } from '@podroute/linux/modules.ts'
import { connectTcp, listenTcp } from '@podroute/linux/tcp.ts'
import { expect } from 'chai'
import { TestNetns } from '../netns/linux-support.ts'
import { eventually } from '../support/eventually.ts'

/** IP_VS_SVC_F_ONEPACKET, which no Service asks for. */
const FLAG_ONE_PACKET = 0x4

const tcp4: VirtualServer = {
  family: 4,
  protocol: 'tcp',
  address: '10.96.0.10',
  port: 80,
  scheduler: 'rr',
  flags: 0,
  timeout: 0,
}
const udp4: VirtualServer = { ...tcp4, protocol: 'udp', port: 53, flags: FLAG_ONE_PACKET }
const tcp6: VirtualServer = {
  ...tcp4,
  family: 6,
  address: 'fd10:96::a',
  flags: FLAG_PERSISTENT,
  timeout: 10_800,
}
const marked: VirtualServer = { ...tcp4, address: '0.0.0.0', port: 0, fwmark: 7, scheduler: 'wrr' }

const one: Destination = { address: '10.244.1.2', port: 8080, weight: 1, forwarding: 'masquerade' }
const two: Destination = { address: '10.244.2.2', port: 8080, weight: 1, forwarding: 'masquerade' }
const six: Destination = { address: 'fd10:244::2', port: 8080, weight: 1, forwarding: 'masquerade' }
const idle = { activeConnections: 0, inactiveConnections: 0 }

describe('IPVS of the kernel', () => {
  let netns: TestNetns
  let ipvs: Ipvs

  before(async function () {
    this.timeout(60_000)
    expect(await loadModule('ip_vs')).to.deep.equal({ ok: true })
  })

  beforeEach(async () => {
    // With its loopback up: where there is no local route at all, IPVS takes every IPv4 destination for a broadcast (EINVAL).
    netns = await TestNetns.create('ipvs')
    ipvs = Ipvs.open({ netns: netns.path })
  })

  afterEach(() => {
    ipvs[Symbol.dispose]()
    netns[Symbol.dispose]()
  })

  const apply = async (...ops: IpvsOp[]) => (await ipvs.apply(ops)).map((outcome) => outcome?.code ?? 'ok')
  const addServers = (...servers: VirtualServer[]) =>
    apply(...servers.map((server) => ({ kind: 'add-server' as const, server })))

  it('is there once the module is loaded', async () => {
    expect(await ipvs.version()).to.match(/^1\.2\.\d+$/)
  })

  it('adds virtual servers of both families, by address and by mark, and lists them as they were added', async () => {
    expect(await addServers(tcp4, udp4, tcp6, marked)).to.deep.equal(['ok', 'ok', 'ok', 'ok'])
    expect(await ipvs.servers()).to.have.deep.members([tcp4, udp4, tcp6, marked])
  })

  it('changes and removes virtual servers', async () => {
    await addServers(tcp4, udp4)
    const sticky = { ...tcp4, flags: FLAG_PERSISTENT, timeout: 60, scheduler: 'wlc' }
    expect(await apply({ kind: 'replace-server', server: sticky })).to.deep.equal(['ok'])
    expect(await ipvs.servers()).to.have.deep.members([sticky, udp4])
    expect(await apply({ kind: 'replace-server', server: tcp4 })).to.deep.equal(['ok'])
    expect(await apply({ kind: 'remove-server', server: udp4 })).to.deep.equal(['ok'])
    expect(await ipvs.servers()).to.deep.equal([tcp4])
  })

  it('adds, weighs, and removes destinations', async () => {
    await addServers(tcp4, tcp6, marked)
    const outcomes = await apply(
      { kind: 'add-destination', server: tcp4, destination: one },
      { kind: 'add-destination', server: tcp4, destination: two },
      { kind: 'add-destination', server: tcp6, destination: six },
      { kind: 'add-destination', server: marked, destination: one },
      { kind: 'replace-destination', server: tcp4, destination: { ...one, weight: 0 } },
      { kind: 'remove-destination', server: tcp4, destination: two },
    )
    expect(outcomes).to.deep.equal(Array(6).fill('ok'))
    expect(await ipvs.destinations(tcp4)).to.deep.equal([{ ...one, weight: 0, ...idle }])
    expect(await ipvs.destinations(tcp6)).to.deep.equal([{ ...six, ...idle }])
    expect(await ipvs.destinations(marked)).to.deep.equal([{ ...one, ...idle }])
    expect(await ipvs.destinations(udp4)).to.deep.equal([])
  })

  it('forwards by tunnel and by route', async () => {
    await addServers(tcp4)
    const port = { port: tcp4.port }
    const tunnel: Destination = { ...one, ...port, forwarding: 'tunnel' }
    const route: Destination = { ...two, ...port, forwarding: 'route' }
    await apply(
      { kind: 'add-destination', server: tcp4, destination: tunnel },
      { kind: 'add-destination', server: tcp4, destination: route },
    )
    expect(await ipvs.destinations(tcp4)).to.have.deep.members([
      { ...tunnel, ...idle },
      { ...route, ...idle },
    ])
  })

  it('has a revision for servers and one for destinations, which differ after every change of them and only then', async () => {
    const table = new IpvsTableRevision(netns.path)
    const revisions = async () => [await ipvs.revision(), await table.read()] as const
    await addServers(
      ...Array.from({ length: 1000 }, (_, port) => ({ ...tcp4, port: port + 1000 })),
      tcp6,
      marked,
    )
    await apply({ kind: 'add-destination', server: tcp6, destination: six })
    // Kernels from 7 on give a table that has grown a larger hash a moment later: it is listed in another order from then on.
    const settled = async () => {
      let [last, same] = [await revisions(), 0]
      await eventually(async () => {
        const now = await revisions()
        same = isDeepStrictEqual(now, last) ? same + 1 : 0
        last = now
        return same >= 30
      })
      return last
    }
    const seen = [await settled()]
    expect(await revisions()).to.deep.equal(seen[0])
    const last = { ...tcp4, port: 1999 }
    const changes: [IpvsOp, servers: boolean, destinations: boolean][] = [
      [{ kind: 'add-destination', server: last, destination: one }, false, true],
      [{ kind: 'replace-destination', server: last, destination: { ...one, weight: 0 } }, false, true],
      [{ kind: 'replace-destination', server: tcp6, destination: { ...six, weight: 7 } }, false, true],
      [{ kind: 'replace-server', server: { ...last, flags: FLAG_SCHED_1 } }, true, false],
      [{ kind: 'replace-server', server: { ...tcp6, timeout: 300 } }, true, true],
      [{ kind: 'remove-destination', server: last, destination: one }, false, true],
      [{ kind: 'remove-server', server: last }, true, true],
    ]
    for (const [op, servers, destinations] of changes) {
      expect(await apply(op)).to.deep.equal(['ok'])
      const now = await revisions()
      const before = seen.at(-1)!
      expect([now[0] !== before[0], now[1] !== before[1]], JSON.stringify(op)).to.deep.equal([
        servers,
        destinations,
      ])
      expect(await revisions()).to.deep.equal(now)
      seen.push(now)
    }
  })

  it('goes on after a refusal and names each', async () => {
    const outcomes = await apply(
      { kind: 'add-server', server: tcp4 },
      { kind: 'add-server', server: tcp4 },
      { kind: 'add-server', server: { ...udp4, scheduler: 'nosuch' } },
      { kind: 'replace-server', server: udp4 },
      { kind: 'remove-server', server: udp4 },
      { kind: 'add-destination', server: udp4, destination: one },
      { kind: 'add-destination', server: tcp4, destination: one },
      { kind: 'add-destination', server: tcp4, destination: one },
      { kind: 'replace-destination', server: tcp4, destination: two },
      { kind: 'remove-destination', server: tcp4, destination: two },
    )
    expect(outcomes).to.deep.equal([
      'ok',
      'EEXIST',
      'ENOENT',
      'ESRCH',
      'ESRCH',
      'ESRCH',
      'ok',
      'EEXIST',
      'ENOENT',
      'ENOENT',
    ])
    expect(await ipvs.servers()).to.deep.equal([tcp4])
  })

  it('sets the time-outs that are given and leaves the others', async () => {
    await ipvs.setTimeouts({ tcp: 600, tcpFin: 30, udp: 100 })
    await ipvs.setTimeouts({ tcpFin: 10 })
    expect(await ipvs.timeouts()).to.deep.equal({ tcp: 600, tcpFin: 10, udp: 100 })
  })

  it('counts from zero', async () => {
    await addServers(tcp4)
    expect(await ipvs.counters()).to.deep.equal([
      { server: tcp4, counters: { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 } },
    ])
  })

  it('counts a connection and what it carries', async function () {
    this.timeout(20_000)
    await netns.veth('v0', '10.0.0.1/24')
    await netns.routes.apply([
      {
        kind: 'add',
        route: {
          family: 4,
          destination: '10.96.0.10/32',
          interfaceIndex: 1,
          table: 255,
          protocol: 179,
          scope: 254,
          type: 'local',
          source: '10.0.0.1',
        },
      },
    ])
    const local: Destination = { ...one, address: '10.0.0.1' }
    await apply(
      { kind: 'add-server', server: tcp4 },
      { kind: 'add-destination', server: tcp4, destination: local },
    )
    const accepted: Socket[] = []
    const listener = await listenTcp({ address: '10.0.0.1', port: 8080, netns: netns.path }, (connection) => {
      accepted.push(connection.on('error', () => {}))
      connection.write('hello')
    })
    const client = connectTcp({ address: '10.96.0.10', port: 80, netns: netns.path })
    try {
      const [data] = (await once(client, 'data')) as [Buffer]
      expect(data.toString()).to.equal('hello')
      const open = { activeConnections: 1, inactiveConnections: 0 }
      expect(await ipvs.destinations(tcp4)).to.deep.equal([{ ...local, ...open }])
      const counters = await firstCounters((now) => now.connections > 0)
      expect(counters.connections).to.equal(1)
      expect(counters.inPackets).to.be.above(1)
      expect(counters.outBytes).to.be.above(100)
    } finally {
      for (const connection of [client, ...accepted]) connection.destroy()
      await listener.close()
    }
  })

  /** Counters of the first server, once `ready`: the kernel adds them up every 2 s. */
  async function firstCounters(ready: (counters: Counters) => boolean): Promise<Counters> {
    for (;;) {
      const [entry] = await ipvs.counters()
      if (entry && ready(entry.counters)) return entry.counters
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  it('gives a destination that is no address its outcome, and goes on', async () => {
    const outcomes = await apply(
      { kind: 'add-server', server: tcp4 },
      { kind: 'add-destination', server: tcp4, destination: { ...one, address: 'nonsense' } },
      { kind: 'add-destination', server: tcp4, destination: one },
    )
    expect(outcomes).to.deep.equal(['ok', 'EINVAL', 'ok'])
  })

  it('takes 1,000 servers of 5 destinations in one batch', async function () {
    this.timeout(60_000)
    const servers = Array.from({ length: 1000 }, (_, i) => ({
      ...tcp4,
      address: `10.96.${i >> 8}.${i & 255}`,
    }))
    const ops = servers.flatMap((server): IpvsOp[] => [
      { kind: 'add-server', server },
      ...[1, 2, 3, 4, 5].map((n) => ({
        kind: 'add-destination' as const,
        server,
        destination: { ...one, address: `10.244.${n}.2` },
      })),
    ])
    const outcomes = await ipvs.apply(ops)
    expect(outcomes.filter((outcome) => outcome !== null)).to.deep.equal([])
    expect(await ipvs.servers()).to.have.length(1000)
    expect(await ipvs.destinations(servers[999]!)).to.have.length(5)
  })
})

describe('kernel modules', () => {
  it('loads a module that is not there yet', async () => {
    expect(await loadModule('ip_vs_lblc')).to.deep.equal({ ok: true })
    expect(isLoaded('ip_vs_lblc')).to.equal(true)
  })

  it('loads several at once, and says of each what became of it', async () => {
    const names = ['ip_vs_sh', 'no_such_mod', 'ip_vs_lblcr']
    const outcomes = await loadModules(names)
    expect([...outcomes.keys()]).to.deep.equal(names)
    expect([...outcomes.values()].map(({ ok }) => ok)).to.deep.equal([true, false, true])
    expect(names.map(isLoaded)).to.deep.equal([true, false, true])
  })

  it('loads several where the kernel has no modprobe to start', async () => {
    const helper = '/proc/sys/kernel/modprobe'
    const names = ['ip_vs_dh', 'ip_vs_wlc']
    execFileSync('modprobe', ['-r', ...names])
    const before = await readFile(helper, 'utf8')
    await writeFile(helper, '/nowhere')
    try {
      expect(names.map(isLoaded)).to.deep.equal([false, false])
      expect([...(await loadModules(names)).values()]).to.deep.equal([{ ok: true }, { ok: true }])
    } finally {
      await writeFile(helper, before)
    }
  })

  it('loads them without modprobe, too', async () => {
    const { PATH } = process.env
    process.env.PATH = '/nowhere'
    try {
      expect([...(await loadModules(['ip_vs_mh', 'ip_vs_nq'])).values()]).to.deep.equal([
        { ok: true },
        { ok: true },
      ])
    } finally {
      process.env.PATH = PATH
    }
  })

  it('says what to do about one that does not exist', async () => {
    const outcome = await loadModule('no_such_mod')
    expect(outcome).to.deep.include({ ok: false })
    expect(outcome.ok ? '' : outcome.reason).to.include('modprobe no_such_mod')
    expect(new FeatureError('no_such_mod', 'x').code).to.equal('FEATURE')
  })
})
