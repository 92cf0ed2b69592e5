import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Reports } from '@podroute/agent/admin/reports.ts'
import { type HttpListener, json, serve, text } from '@podroute/agent/http.ts'
import { expect } from 'chai'
import { CliError } from './errors.ts'
import { duration, table } from './format.ts'
import { createProgram } from './program.ts'

const peerCounters = {
  messagesReceived: 5,
  messagesSent: 6,
  updatesReceived: 1,
  updatesSent: 1,
  prefixesReceived: 2,
  prefixesAccepted: 1,
  prefixesAdvertised: 2,
  established: 1,
  rejected: {},
  treatedAsWithdraw: 0,
  attributesDiscarded: 0,
}

const watchCounters = { synced: true, lists: 1, events: 0, failures: 0, skipped: 0 }

const PAGES: Reports = {
  '/status': {
    version: '0.1.0',
    nodeName: 'node-1',
    ready: false,
    uptime: 200,
    rss: 77_400_000,
    conditions: [
      { name: 'node', ok: true, detail: '' },
      { name: 'peers', ok: false, detail: 'waiting for node-2' },
    ],
    apiServer: 'https://172.30.0.1:6443',
    watches: [
      { ...watchCounters, name: 'nodes', connected: true, objects: 3, lastError: undefined },
      { ...watchCounters, name: 'services', connected: false, objects: 12, lastError: 'socket hang up' },
    ],
    node: { name: 'node-1', podCIDRs: ['10.244.1.0/24'], addresses: ['172.30.0.11'], ready: false },
    asn: 64512,
    peersUp: 0,
    peers: 1,
    routes: 0,
    services: 0,
    tables: { 'network/routes': { desired: 2, applied: 1, pending: 1, failed: 0, repaired: 3 } },
  },
  '/peers': {
    peers: [
      {
        name: 'node-2',
        kind: 'node',
        address: '172.30.0.12',
        remoteAddress: '172.30.0.12',
        asn: 64512,
        state: 'active',
        uptime: undefined,
        routerId: undefined,
        localAddress: undefined,
        holdTime: undefined,
        families: [],
        endOfRib: [],
        lastDown: { kind: 'connection-failed', error: 'connect ECONNREFUSED' },
        counters: peerCounters,
      },
    ],
  },
  '/routes': {
    routes: [
      {
        destination: '10.244.2.0/24',
        gateway: '172.30.0.12',
        state: 'installed',
        node: 'node-2',
        detail: '',
      },
      { destination: '0.0.0.0/0', gateway: '', state: 'refused', node: '', detail: 'default-route' },
    ],
  },
  '/services': {
    services: [
      {
        service: 'default/blue',
        frontends: [
          {
            origin: 'cluster-ip',
            port: '',
            protocol: 'tcp',
            address: 'fd10:96::5',
            number: 8888,
            scheduler: 'rr',
            endpoints: ['[fd10:244::2]:80'],
          },
        ],
      },
    ],
    problems: [],
  } as unknown as Reports['/services'],
  '/plan': { pending: [] },
}

describe('podroute', () => {
  let directory: string
  let socket: string
  let agent: HttpListener | undefined

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-'))
    socket = join(directory, 'agent', 'podroute.sock')
  })
  afterEach(async () => {
    await agent?.[Symbol.asyncDispose]()
    agent = undefined
    rmSync(directory, { recursive: true })
  })

  const start = async () => {
    agent = await serve({ kind: 'unix', path: socket }, (path) => {
      const report = new Map<string, unknown>(Object.entries(PAGES)).get(path)
      return report === undefined ? undefined : json(report)
    })
  }
  const run = async (...args: string[]) => {
    let output = ''
    const program = createProgram('0.1.0', (text) => {
      output += text
    })
    await program.parseAsync([...args, '--socket', socket], { from: 'user' })
    return output.split('\n').map((line) => line.replace(/ {2,}/g, ' | '))
  }

  it('shows the status with what is missing', async () => {
    await start()
    const lines = await run('status')
    expect(lines).to.include.members([
      'node: | node-1',
      'ready: | no',
      'peers: | 0 of 1 up',
      'agent: | 0.1.0, up 3m20s, 77 MB',
      'API server: | https://172.30.0.1:6443 (see below)',
      'peers | missing | waiting for node-2',
      'services | 12 | socket hang up',
      'network/routes | 2 | 1 | 1 | 0 | 3',
    ])
  })

  it('shows peers, routes, services and the plan', async () => {
    await start()
    expect(await run('peers')).to.include(
      'node-2 | 172.30.0.12 | 64512 | active | - | 2 | 1 | 2 | connect ECONNREFUSED',
    )
    expect(await run('routes')).to.include.members([
      '10.244.2.0/24 | 172.30.0.12 | node-2 | installed',
      '0.0.0.0/0 | - | - | refused | default-route',
    ])
    expect(await run('services')).to.include(
      'default/blue | cluster-ip | tcp [fd10:96::5]:8888 | rr | [fd10:244::2]:80',
    )
    expect(await run('plan')).to.include('nothing to do')
  })

  it('prints the answer as JSON when asked', async () => {
    await start()
    expect(JSON.parse((await run('routes', '--json')).join('').replaceAll(' | ', ''))).to.deep.equal(
      PAGES['/routes'],
    )
  })

  it('says so when no agent is running', async () => {
    const error = await run('status').catch((e: unknown) => e)
    expect((error as Error).message).to.equal(`no agent is running here (nothing answers at ${socket})`)
  })

  it('says so when something else answers', async () => {
    agent = await serve({ kind: 'unix', path: socket }, () => text('<html>'))
    const error = await run('status').catch((e: unknown) => e)
    expect((error as Error).message).to.equal(`what answers at ${socket} is no podroute agent`)
    await agent[Symbol.asyncDispose]()
    agent = await serve({ kind: 'unix', path: socket }, () => undefined)
    const older = await run('plan').catch((e: unknown) => e)
    expect((older as Error).message).to.equal('the agent answered 404: not found')
  })

  it('says so when the socket cannot be used', async () => {
    const long = join(directory, 'x'.repeat(120))
    const error = await run('status', '--socket', long).catch((e: unknown) => e)
    expect(error).to.be.instanceOf(CliError)
  })

  it('is answered through a socket that only its owner may use, also after a crash left one behind', async () => {
    mkdirSync(join(directory, 'agent'))
    writeFileSync(socket, '')
    await start()
    expect(statSync(socket).mode & 0o777).to.equal(0o600)
    const second = await serve({ kind: 'unix', path: socket }, () => undefined).catch((e: unknown) => e)
    expect((second as Error).message).to.match(/another process serves/)
  })

  it('aligns columns and writes durations short', () => {
    expect(
      table(
        ['A', 'LONG'],
        [
          ['value', 'x'],
          ['v', ''],
        ],
      ),
    ).to.equal('A      LONG\nvalue  x\nv')
    expect([5, 200, 18_120, 1_047_600].map(duration)).to.deep.equal(['5s', '3m20s', '5h02m', '12d3h'])
  })
})
