/**
 * The address of a Service at the router outside, which spreads clients over the nodes (ECMP), while pods, agents and nodes come and go.
 * In short in the cluster tier; with a rolling update, an upgrade and a node that is left by `npm test -- service-addresses`.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { NODES, OUTSIDE_NAMESPACE, ROUTER_NAMESPACE } from '../../lab/addresses.ts'
import { run } from '../../lab/command.ts'
import { buildLoad } from '../../lab/load/build.ts'
import { apply, kubectl, waitFor, waitForPods } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE } from '../../lab/scenarios/podroute.ts'
import type { Load } from '../ipvs/support/load.ts'
import { LastingConnections } from '../support/lasting-connections.ts'
import { bgpNextHops, ResilientRoute } from '../support/resilient-route.ts'
import { RouteLog } from '../support/route-log.ts'
import { agents, inAgent, onNode } from './lab.ts'
import { configure, readConfiguration } from './live-config.ts'
import { expectNothingLost, LOAD, removeLoadPods, startLoadPods } from './load.ts'

const ADDRESS = '203.0.113.50'
/** Requests a second, every other one on a connection of its own. */
const RATE = 300
/** Connections that stay open while a node is left and comes back. */
const LASTING = 60
const LABEL = 'example.com/leave'
const SETTINGS = `serviceAddresses: { externalIPs: true, drainSeconds: 5 }\nbgp: { drain: { labels: [${LABEL}] } }\n`
const NODE = NODES[1]!

const FRONT = {
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'front' } },
  spec: { selector: { app: LOAD }, externalIPs: [ADDRESS], ports: [{ port: 80, targetPort: 8000 }] },
}

/** Addresses of the nodes by which BGP has the router's kernel send what is for a Service's address. */
async function nextHops(): Promise<string[]> {
  return (await bgpNextHops(ROUTER_NAMESPACE, ADDRESS)).map(({ gateway }) => gateway)
}

const reachedBy = (nodes: readonly { ipv4: string }[]) =>
  waitFor(
    'next hops',
    nextHops,
    (found) =>
      found.join() ===
      nodes
        .map(({ ipv4 }) => ipv4)
        .sort()
        .join(),
  )

/** As /proc/net/ip_vs_conn has it. */
function hexOf(address: string): string {
  return address
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
}

/** The router's kernel looks at ports as well: else one client's flows all go by one node. */
const hashByPorts = () =>
  run('ip', ['netns', 'exec', ROUTER_NAMESPACE, 'sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1'])

/** How many connections to the address a node knows: counters of IPVS stand still where nothing is estimated. */
async function connections(node: string): Promise<number> {
  return Number(await onNode(node, `grep -c ' ${hexOf(ADDRESS)} 0050 ' /proc/net/ip_vs_conn || true`))
}

/** How many of them are open. */
async function openConnections(node: string): Promise<number> {
  return Number(
    await onNode(node, `grep ' ${hexOf(ADDRESS)} 0050 ' /proc/net/ip_vs_conn | grep -c ESTABLISHED || true`),
  )
}

/** What hands connections on to a node that is left, of the agents of the others. */
async function handoverRules(): Promise<string> {
  const others = (await agents()).filter(({ node }) => node !== NODE.name)
  const list = ['nft', 'list', 'table', 'ip', 'podroute-handover']
  return (await Promise.all(others.map((pod) => inAgent(pod, ...list)))).join('')
}

/** Requests from outside all the time while `disturb` runs. */
async function underLoad(disturb: () => Promise<void>): Promise<Load> {
  const command = [
    'netns',
    'exec',
    OUTSIDE_NAMESPACE,
    await buildLoad(),
    'ask',
    ADDRESS,
    '80',
    String(RATE),
    '600',
  ]
  const client = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = text(client.stdout)
  try {
    await new Promise((done) => setTimeout(done, 1000))
    await disturb()
    await new Promise((done) => setTimeout(done, 1000))
  } finally {
    client.kill('SIGTERM')
  }
  return JSON.parse(await said) as Load
}

async function replacePods(): Promise<void> {
  await kubectl(['rollout', 'restart', `deployment/${LOAD}`])
  await kubectl(['rollout', 'status', `deployment/${LOAD}`, '--timeout=120s'])
}

async function killAgent(): Promise<void> {
  const find = async () => (await agents()).find(({ node }) => node === NODE.name)!
  const { restarts } = await find()
  await onNode(NODE.name, 'pkill -9 -f "[/]opt/podroute/agent.cjs"')
  await waitFor('agent back', find, (pod) => pod.ready && pod.restarts === restarts + 1, { timeout: 180_000 })
}

async function upgradeAgents(): Promise<void> {
  await kubectl(['rollout', 'restart', 'daemonset', 'podroute', '-n', PODROUTE_NAMESPACE])
  const flags = ['-n', PODROUTE_NAMESPACE, '--timeout=240s']
  await kubectl(['rollout', 'status', 'daemonset', 'podroute', ...flags])
}

export function serviceAddresses(): void {
  describe(`${RATE} requests a second from outside to an external IP that nodes announce`, () => {
    let original: string
    before(async () => {
      original = await readConfiguration()
      await startLoadPods()
      await apply(FRONT)
      await hashByPorts()
      await configure(original + SETTINGS)
      await reachedBy(NODES)
    })
    after(async () => {
      await configure(original)
      await reachedBy([])
      await kubectl(['delete', 'service', 'front'])
      await removeLoadPods()
    })

    it('reach endpoints by every node, and none is lost over the end of an agent (SIGKILL): the router’s route stays as it is', async () => {
      using routes = new RouteLog(ROUTER_NAMESPACE)
      const load = await underLoad(killAgent)
      expect(routes.about(ADDRESS)).to.deep.equal([])
      expectNothingLost([load])
      for (const { name } of NODES) expect(await connections(name), name).to.be.greaterThan(0)
      await reachedBy(NODES)
    })
  })
}

/** What takes longer; within `serviceAddresses`' Service. */
export function servicesThroughUpgrades(): void {
  describe('requests from outside to an external IP, at greater length', () => {
    let original: string
    before(async () => {
      original = await readConfiguration()
      await startLoadPods()
      await apply(FRONT)
      await waitForPods(`app=${LOAD}`, 2)
      await hashByPorts()
      await configure(original + SETTINGS)
      await reachedBy(NODES)
    })
    after(async () => {
      await configure(original)
      await kubectl(['delete', 'service', 'front'])
      await removeLoadPods()
    })

    it('none is lost over a rolling update of the pods', async () => {
      using routes = new RouteLog(ROUTER_NAMESPACE)
      const load = await underLoad(replacePods)
      expect(routes.about(ADDRESS)).to.deep.equal([])
      expectNothingLost([load])
    })

    it('none is lost over an upgrade of all agents', async () => {
      using routes = new RouteLog(ROUTER_NAMESPACE)
      const load = await underLoad(upgradeAgents)
      expect(routes.about(ADDRESS)).to.deep.equal([])
      expectNothingLost([load])
      await reachedBy(NODES)
    })

    it('none of a node that is left is lost, nor when it comes back; a router that forgets flows may have others reset', async () => {
      const lasting = await LastingConnections.open(OUTSIDE_NAMESPACE, ADDRESS, 80, LASTING)
      const others = NODES.filter((node) => node !== NODE)
      const load = await underLoad(async () => {
        await kubectl(['label', 'node', NODE.name, `${LABEL}=yes`])
        await reachedBy(others)
        // It was the last resort for so long; then it has withdrawn.
        await new Promise((done) => setTimeout(done, 8000))
        await kubectl(['label', 'node', NODE.name, `${LABEL}-`])
        await reachedBy(NODES)
      })
      const { lost } = await lasting.end()
      process.stdout.write(`      ${JSON.stringify(load)}; of ${LASTING} that last: ${lost}\n`)
      // Flows that it leads from one node that stays to another one are known by neither it nor the one that is left: docs/routers.md.
      expect(load.failed - load.resets, JSON.stringify(load)).to.equal(0)
      expect(lost.filter((why) => !/^(ECONNRESET|closed) /.test(why))).to.deep.equal([])
      expect(load.answered).to.be.greaterThan(RATE)
    })

    it('none is lost over a node that is left, nor over one that comes back, where the router hashes resiliently', async () => {
      await using route = await ResilientRoute.over(ROUTER_NAMESPACE, ADDRESS)
      const lasting = await LastingConnections.open(OUTSIDE_NAMESPACE, ADDRESS, 80, LASTING)
      const others = NODES.filter((node) => node !== NODE)
      const byIt = await openConnections(NODE.name)
      for (const { name } of NODES) expect(await openConnections(name), name).to.be.greaterThan(0)
      let handedOn = ''
      const began = performance.now()
      const times: string[] = []
      const note = (what: string) =>
        times.push(`${what} after ${((performance.now() - began) / 1000).toFixed(1)} s`)
      using routes = new RouteLog(ROUTER_NAMESPACE)
      const left = await underLoad(async () => {
        note('left')
        await kubectl(['label', 'node', NODE.name, `${LABEL}=yes`])
        await reachedBy(others)
        await route.settled()
        note('led away')
        handedOn = await handoverRules()
        // It was the last resort for so long; then it has withdrawn.
        await new Promise((done) => setTimeout(done, 8000))
      })
      const back = await underLoad(async () => {
        note('back')
        await kubectl(['label', 'node', NODE.name, `${LABEL}-`])
        await reachedBy(NODES)
        await route.settled()
        await new Promise((done) => setTimeout(done, 3000))
      })
      const { answered, lost } = await lasting.end()
      process.stdout.write(
        `      ${LASTING} that last, ${byIt} by the node: ${answered} answers, lost: ${lost}; ${times.join(', ')}\n`,
      )
      if (lost.length > 0) process.stdout.write(`      ${routes.about('').join('\n      ')}\n`)
      expect(handedOn.match(/dup to/g), handedOn).to.have.length(2 * others.length)
      expect(lost).to.deep.equal([])
      expectNothingLost([left, back])
    })
  })
}
