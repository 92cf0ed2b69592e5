import { silent } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { parseList } from './api/json.ts'
import { Cluster } from './cluster.ts'
import { unusedClient } from './testing/unused-client.ts'

const node = (name: string, version: number, address = '192.0.2.1') => ({
  metadata: { name, resourceVersion: String(version) },
  status: { addresses: [{ type: 'InternalIP', address }] },
})

/** An API server with lists as given, and watches that last until they are ended. */
function setup() {
  const lists: Record<string, unknown[]> = { '/api/v1/nodes': [node('a', 1)] }
  const asked: string[] = []
  const ended: string[] = []
  const events = new Map<string, (line: string) => void>()
  const client = {
    ...unusedClient(),
    async getList(path: string) {
      asked.push(path)
      return parseList(JSON.stringify({ metadata: { resourceVersion: '7' }, items: lists[path] ?? [] }))
    },
    async lines(path: string, _query: unknown, signal: AbortSignal) {
      return (onLine: (line: string) => void) =>
        new Promise<void>((_resolve, reject) => {
          events.set(path, onLine)
          signal.addEventListener('abort', () => {
            ended.push(path)
            reject(new Error('aborted'))
          })
        })
    },
  }
  const cluster = new Cluster({
    source: { client: async () => client, failed() {} },
    log: silent,
    random: () => 0,
  })
  const send = (path: string, type: string, object: object) =>
    events.get(path)!(JSON.stringify({ type, object }))
  return { cluster, asked, ended, send, lists }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function follower() {
  const told: string[] = []
  return {
    told,
    changed: (key: string, before: unknown, after: unknown) =>
      void told.push(`${before ? (after ? '~' : '-') : '+'}${key}`),
    synced: () => void told.push('synced'),
  }
}

describe('Cluster', () => {
  it('watches what is followed, and nothing else', async () => {
    const { cluster, asked, send } = setup()
    const nodes = follower()
    cluster.subscribe('nodes', nodes)
    await turns()
    expect(asked).to.deep.equal([])
    cluster.start()
    await turns()
    send('/api/v1/nodes', 'ADDED', node('b', 8, '192.0.2.2'))
    send('/api/v1/nodes', 'MODIFIED', node('b', 9, '192.0.2.2'))
    send('/api/v1/nodes', 'DELETED', node('a', 10))
    expect(nodes.told).to.deep.equal(['+a', 'synced', '+b', '-a'])
    expect(asked).to.deep.equal(['/api/v1/nodes'])
    expect(cluster.watches().map(({ name, synced, objects }) => ({ name, synced, objects }))).to.deep.equal([
      { name: 'nodes', synced: true, objects: 1 },
    ])
    expect(cluster.nodes.withAddress('192.0.2.2')?.name).to.equal('b')
    await cluster[Symbol.asyncDispose]()
  })

  it('begins a kind when it is followed later, and tells a second one what is there', async () => {
    const { cluster, asked } = setup()
    cluster.start()
    const first = follower()
    cluster.subscribe('nodes', first)
    await turns()
    const second = follower()
    cluster.subscribe('nodes', second)
    expect([first.told, second.told]).to.deep.equal([
      ['+a', 'synced'],
      ['+a', 'synced'],
    ])
    expect(asked).to.deep.equal(['/api/v1/nodes'])
    await cluster[Symbol.asyncDispose]()
  })

  it('ends a kind that nobody follows any more, and knows nothing of it until it is followed again', async () => {
    const { cluster, asked, ended, lists } = setup()
    cluster.start()
    const subscriptions = [follower(), follower()].map((one) => cluster.subscribe('nodes', one))
    await turns()
    subscriptions[0]![Symbol.dispose]()
    expect([ended, cluster.nodes.size]).to.deep.equal([[], 1])
    subscriptions[1]![Symbol.dispose]()
    expect([ended, cluster.nodes.size]).to.deep.equal([['/api/v1/nodes'], 0])
    expect(cluster.nodes.withAddress('192.0.2.1')).to.equal(undefined)
    expect([cluster.isSynced('nodes'), cluster.watches()]).to.deep.equal([false, []])
    lists['/api/v1/nodes'] = [node('c', 3)]
    const again = follower()
    cluster.subscribe('nodes', again)
    await turns()
    expect(again.told).to.deep.equal(['+c', 'synced'])
    expect(asked).to.have.length(2)
    await cluster[Symbol.asyncDispose]()
  })

  it('keeps what it knows when it is ended', async () => {
    const { cluster, ended } = setup()
    const nodes = follower()
    cluster.subscribe('nodes', nodes)
    cluster.start()
    await turns()
    await cluster[Symbol.asyncDispose]()
    expect(ended).to.deep.equal(['/api/v1/nodes'])
    expect(nodes.told).to.deep.equal(['+a', 'synced'])
    expect(cluster.nodes.size).to.equal(1)
  })
})
