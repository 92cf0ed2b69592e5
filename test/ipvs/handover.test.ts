/** Connections that a router leads to another node because theirs is left: real nodes of IPVS, and what pod networks plan there. */
import { cidr } from '@podroute/address/cidr.ts'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { NftTableResource, type TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { Handover } from '@podroute/pod-network/handover/handover.ts'
import { HANDOVER_TABLES } from '@podroute/pod-network/handover/table.ts'
import { testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { NamedTimers } from '@podroute/pod-network/timers.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import {
  addressOf,
  makeRoutedNodes,
  NODES,
  type NodeName,
  PORT,
  type RoutedNodes,
  VIPS,
} from './support/routed-nodes.ts'

const LABEL = 'example.com/leave'
/** What a client sees of it that has asked before. */
const RESET = 'CLOSED'

/** What the agent of a node plans for connections that it does not know. */
class Agent {
  readonly handover: Handover
  readonly #tables: { readonly 4: HandoverTable; readonly 6: HandoverTable }

  constructor(nodeName: NodeName, nft: ReturnType<typeof openNft>) {
    const table = (family: 4 | 6) => new Table(new NftTableResource(nft, HANDOVER_TABLES[family]))
    this.#tables = { 4: table(4), 6: table(6) }
    this.handover = new Handover(
      {
        ...{
          nodeName,
          clock: systemClock,
          timers: new NamedTimers({ after: () => ({ [Symbol.dispose]() {} }) }),
        },
        keptLeftNodes: { load: () => undefined, save() {} },
        settings: () => ({ ...testSettings, drain: { taints: [], labels: [{ key: LABEL }] } }),
        interfaces: () => ({ addresses: [], connected: [cidr('172.31.0.0/24'), cidr('fd31::/64')] }),
        mark() {},
      },
      this.#tables,
    )
  }

  async flush(): Promise<void> {
    this.handover.plan(() => Object.values(VIPS))
    for (const table of Object.values(this.#tables)) {
      await table.flush()
      expect([...table.failures()]).to.deep.equal([])
    }
  }
}

type HandoverTable = Table<typeof TABLE, NftTable>

describe('connections by a node that is left', () => {
  let network: RoutedNodes
  const agents = new Map<NodeName, Agent>()
  const stack = new AsyncDisposableStack()

  /** Every agent hears of a Node. */
  async function tell(name: NodeName, overrides: Partial<NodeObject>): Promise<void> {
    const internalIPs = [addressOf(name, 4), addressOf(name, 6)]
    const node = parseNode({ name, ready: true, podCIDRs: [], internalIPs, ...overrides })
    for (const agent of agents.values()) {
      agent.handover.nodeChanged(name, node, [])
      await agent.flush()
    }
  }
  const leave = (name: NodeName) => tell(name, { labels: { [LABEL]: '' } })
  const comeBack = (name: NodeName) => tell(name, {})
  /** As after a reboot: nobody hands anything on to it. */
  const forget = async (name: NodeName) => {
    await tell(name, { ready: false })
    await tell(name, {})
  }
  const entries = async (name: NodeName) =>
    (await network.exec(name, 'cat', '/proc/net/ip_vs_conn'))
      .split('\n')
      .filter((line) => line.startsWith('TCP'))
  const connections = async (name: NodeName) => (await entries(name)).length
  const established = async (name: NodeName) =>
    (await entries(name)).filter((line) => line.includes('ESTABLISHED')).length
  const codeOf = (answer: Promise<string>) =>
    answer.then(
      () => 'answered',
      ({ code }: NodeJS.ErrnoException) => code,
    )

  before(async function () {
    this.timeout(300_000)
    network = stack.use(await makeRoutedNodes())
    for (const name of NODES)
      agents.set(name, new Agent(name, stack.use(openNft({ netns: network.netnsOf(name) }))))
  })
  afterEach(async () => {
    for (const name of NODES) await forget(name)
  })
  after(() => stack.disposeAsync())

  for (const family of [4, 6] as const)
    describe(`over IPv${family}`, () => {
      const open = async (by: NodeName) => {
        await network.leadTo(by)
        const ask = await network.client.connect(VIPS[family], PORT)
        expect(await ask()).to.match(/^pods /)
        return ask
      }

      it('are reset by another node where nobody hands them on', async () => {
        const ask = await open('x')
        await network.leadTo('y')
        expect(await codeOf(ask())).to.equal(RESET)
      })

      it('go on by any other node, in both directions, and after the node is back', async () => {
        const asks = [await open('x'), await open('x')]
        await leave('x')
        for (const node of ['y', 'z', 'x', 'y'] as const) {
          await network.leadTo(node)
          for (const ask of asks) expect(await ask(), node).to.match(/^pods /)
        }
        await comeBack('x')
        for (const ask of asks) expect(await ask('much')).to.equal('100000')
      })

      it('of nodes that stay are theirs: new ones, and those from before', async () => {
        const before = await open('y')
        await leave('x')
        const there = { x: await connections('x'), y: await connections('y') }
        const ask = await open('y')
        for (const one of [before, ask]) expect(await one()).to.match(/^pods /)
        expect(await network.client.tcp(VIPS[family], PORT)).to.match(/^pods /)
        expect(await connections('x')).to.equal(there.x)
        expect(await connections('y')).to.equal(there.y + 2)
      })

      it('of two nodes that are left go on by the third, and by each other', async () => {
        const byX = await open('x')
        const byY = await open('y')
        await leave('x')
        await leave('y')
        await network.leadTo('z')
        for (const ask of [byX, byY]) expect(await ask()).to.match(/^pods /)
        await network.leadTo('x')
        expect(await byY()).to.match(/^pods /)
      })

      it('are reset at once where no node knows them', async () => {
        const ask = await open('z')
        await leave('x')
        await leave('y')
        await network.leadTo('x')
        const began = performance.now()
        expect(await codeOf(ask())).to.equal(RESET)
        expect(performance.now() - began).to.be.below(1000)
      })

      it('end with their client, whose reset reaches the node that knows them', async () => {
        const ask = await open('x')
        const before = await established('x')
        await leave('x')
        await network.leadTo('y')
        await ask('reset')
        await eventually(async () => (await established('x')) === before - 1)
      })

      it('hear of a smaller MTU on their path', async () => {
        const ask = await open('x')
        await leave('x')
        await network.leadTo('y')
        await network.exec('router', 'ip', 'link', 'set', 'eth1', 'mtu', '1300')
        try {
          expect(await ask('much')).to.equal('100000')
        } finally {
          await network.exec('router', 'ip', 'link', 'set', 'eth1', 'mtu', '1500')
        }
      })
    })
})
