import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StatusReport } from '@podroute/agent/admin/reports.ts'
import { type HttpListener, serve } from '@podroute/agent/http.ts'
import { duration } from '@podroute/feature/duration.ts'
import { json, text } from '@podroute/feature/listener.ts'
import { expect } from 'chai'
import { CliError, exitStatus } from './errors.ts'
import { table } from './format.ts'
import { createProgram } from './program.ts'
import { QUIET } from './testing/surroundings.ts'

const watchCounters = { synced: true, lists: 1, events: 0, failures: 0, skipped: 0 }

const STATUS: StatusReport = {
  version: '0.1.0',
  nodeName: 'node-1',
  ready: false,
  uptime: 200,
  rss: 77_400_000,
  runs: { starts: 3, previous: { ended: '2026-01-02T03:04:05.000Z', reason: 'SIGTERM' } },
  conditions: [
    { name: 'node', ok: true, detail: '' },
    { name: 'peers', ok: false, detail: 'waiting for node-2' },
    { name: 'configuration', ok: false, detail: 'asn: not a number', advisory: true },
  ],
  apiServer: 'https://172.30.0.1:6443',
  watches: [
    { ...watchCounters, name: 'nodes', connected: true, objects: 3, lastError: undefined },
    { ...watchCounters, name: 'services', connected: false, objects: 12, lastError: 'socket hang up' },
    {
      ...{ ...watchCounters, name: 'clusternetworkpolicies', connected: false, objects: 0 },
      ...{ lastError: 'not found', unavailable: 'not-served' },
    },
  ],
  summary: [
    ['pod prefixes', ''],
    ['peers', '0 of 1 up'],
  ],
  tables: { 'pod-network/routes': { desired: 2, applied: 1, pending: 1, failed: 0, repaired: 3 } },
}

const ROUTES = { routes: [{ destination: '10.244.2.0/24' }] }

const PAGES: Readonly<Record<string, unknown>> = {
  '/status': STATUS,
  '/plan': { pending: [] },
  '/pages': { pages: [{ name: 'routes', summary: 'learned routes' }] },
  '/routes': ROUTES,
  '/routes/tables': {
    tables: [
      {
        columns: ['DESTINATION', 'VIA', 'STATE', 'DETAIL'],
        rows: [
          ['10.244.2.0/24', '172.30.0.12', 'installed', ''],
          ['0.0.0.0/0', '', 'refused', 'default-route'],
        ],
        empty: 'no routes',
      },
      { columns: ['PROBLEM'], rows: [], empty: '' },
    ],
  },
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
      const report = PAGES[path]
      return report === undefined ? undefined : json(report)
    })
  }
  const run = async (...args: string[]) => {
    let output = ''
    const program = createProgram('0.1.0', {
      ...QUIET,
      write(text) {
        output += text
      },
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
      'pod prefixes: -',
      'peers: | 0 of 1 up',
      'agent: | 0.1.0, up 3m20s, 77 MB',
      'starts: | 3 since the node booted; the last run ended at 2026-01-02T03:04:05.000Z: SIGTERM',
      'API server: | https://172.30.0.1:6443 (see below)',
      'peers | missing | waiting for node-2',
      'configuration | look | asn: not a number',
      'services | 12 | socket hang up',
      'pod-network/routes | 2 | 1 | 1 | 0 | 3',
    ])
    expect(lines.join('\n')).not.to.include('clusternetworkpolicies')
  })

  it('shows the pages of the features as the agent describes them, and the plan', async () => {
    await start()
    expect(await run('routes')).to.deep.equal([
      'DESTINATION | VIA | STATE | DETAIL',
      '10.244.2.0/24 | 172.30.0.12 | installed',
      '0.0.0.0/0 | - | refused | default-route',
      '',
    ])
    expect(await run('plan')).to.include('nothing to do')
  })

  it('says so when there is no such page', async () => {
    await start()
    const error = await run('peer').catch((e: unknown) => e)
    expect((error as Error).message).to.equal('the agent has no page "peer": it has routes')
  })

  it('prints the answer as JSON when asked', async () => {
    await start()
    expect(JSON.parse((await run('routes', '--json')).join('').replaceAll(' | ', ''))).to.deep.equal(ROUTES)
  })

  it('answers what the page asks, all of an agent in one answer', async () => {
    await start()
    expect(JSON.parse((await run('ui', '--ask', '/routes')).join(''))).to.deep.equal(ROUTES)
    const { agent, cluster } = JSON.parse((await run('ui', '--ask', '/whole')).join('').replaceAll(' | ', ''))
    expect(agent).to.deep.include({ node: 'node-1', ready: false, sessions: [] })
    expect(agent.counts).to.deep.include({ routes: 1, installed: 0 })
    expect(cluster).to.deep.equal({ nodes: [], services: [], announced: [] })
    const wrong = await run('ui', '--port', 'x').catch((error: unknown) => error)
    expect((wrong as Error).message).to.equal('not a port: x')
  })

  it('lists the pages of the running agent in its help, and says so when none runs', async () => {
    const help = (pages: { name: string; summary: string }[]) => {
      let text = ''
      const program = createProgram('0.1.0', QUIET, pages).configureOutput({
        writeOut(more) {
          text += more
        },
      })
      expect(() => program.parse(['--help'], { from: 'user' })).to.throw()
      return text
    }
    expect(help([{ name: 'routes', summary: 'learned routes' }])).to.match(/^ {2}routes .* learned routes$/m)
    expect(help([]))
      .to.match(/^ {2}status .*/m)
      .and.include('No agent answers')
  })

  it('has an exit status for a wrong page or option, and one for an agent that cannot be asked', async () => {
    const status = (...args: string[]) => run(...args).then(() => 0, exitStatus)
    expect(await status('status')).to.equal(1)
    await start()
    expect(await status('status')).to.equal(0)
    expect(await status('peer')).to.equal(2)
  })

  it('says so when no agent is running', async () => {
    const error = await run('status').catch((e: unknown) => e)
    expect((error as Error).message.split('\n')[0]).to.equal(
      `no agent is running here (nothing answers at ${socket})`,
    )
    expect((error as Error).message).to.include('kubectl -n kube-system get pods')
  })

  it('says so when something else answers', async () => {
    agent = await serve({ kind: 'unix', path: socket }, () => text('<html>'))
    const error = await run('status').catch((e: unknown) => e)
    expect((error as Error).message).to.equal(`what answers at ${socket} is no podroute agent`)
    await agent[Symbol.asyncDispose]()
    agent = await serve({ kind: 'unix', path: socket }, () => undefined)
    const older = await run('plan').catch((e: unknown) => e)
    expect((older as Error).message).to.equal('the agent has no page "plan"')
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
