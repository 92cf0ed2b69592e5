/**
 * Nodes move from kube-router to podroute one by one, with the pods that run on them, under traffic: the commands of
 * docs/migrating-from-kube-router.md. Where its sources are, `KUBE_ROUTER_SOURCE` says (lab/tools/peer-networks.ts).
 */
import './ipv4.ts'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { NODES } from '../../lab/addresses.ts'
import { startLab, stopLab } from '../../lab/lifecycle.ts'
import { prepare } from '../../lab/prepare.ts'
import { Progress } from '../../lab/progress.ts'
import { createBlue, service } from '../../lab/scenarios/blue.ts'
import { apply, kubectl, pods, waitFor } from '../../lab/scenarios/cluster.ts'
import { podrouteManifests } from '../../lab/scenarios/podroute.ts'
import { frrRoutes } from '../../lab/scenarios/routing.ts'
import { curlFromPod, urlOf } from '../../lab/scenarios/traffic.ts'
import { kubeRouter, type Peer } from '../bench/coldstart-peers.ts'
import { agents, inAgent, onNode } from '../cluster/lab.ts'
import { LOAD, startLoadPods, underLoad } from '../cluster/load.ts'
import { countPackets, type Packets } from '../cluster/packets.ts'
import type { Load } from '../ipvs/support/load.ts'
import { fencesOf } from '../support/documents.ts'

const NODE = 'node-2'
const OTHER = 'node-3'
/** Requests a second of each of two clients. */
const RATE = 40
const READY = { timeout: 180_000 }
const PAGE = readFileSync('docs/migrating-from-kube-router.md', 'utf8')

interface Selecting {
  readonly kind: string
  readonly spec: { readonly template: { readonly spec: object } }
  readonly data: Readonly<Record<string, string>>
}

/** podroute on nodes with the label, as the page has it configured during the move. */
async function manifests(): Promise<object[]> {
  return ((await podrouteManifests()) as Selecting[]).map((object) => {
    if (object.kind === 'DaemonSet')
      Object.assign(object.spec.template.spec, { nodeSelector: { network: 'podroute' } })
    if (object.kind !== 'ConfigMap') return object
    const text = object.data['config.yaml']!.replace('serviceProxy:\n', 'serviceProxy:\n  takeOver: true\n')
    return {
      ...object,
      data: { 'config.yaml': `${text}bgp: { meshTtlSecurity: false, reflectors: "off" }\n` },
    }
  })
}

function commands(language: string): string {
  const fence = fencesOf(PAGE).find((found) => found.language === language)
  if (!fence) throw new Error(`the page has no block "${language}"`)
  return `set -e\n${fence.text}`
}

async function move(node: string): Promise<void> {
  await onNode(node, commands('sh node first'))
  await kubectl(['label', 'node', node, 'network=podroute'])
  await waitFor(
    `podroute serves on ${node}`,
    async () => {
      const pod = (await agents()).find((agent) => agent.node === node && agent.ready)
      if (!pod) return ''
      return inAgent(pod, 'podroute', 'status', '--json')
    },
    (text) => text !== '' && (JSON.parse(text) as { ready: boolean }).ready,
    READY,
  )
  await onNode(node, commands('sh node then'))
}

describe('nodes that move from kube-router, one by one', function () {
  this.timeout(900_000)
  let work: string
  let peer: Peer

  before('the lab with kube-router', async function () {
    this.timeout(1_200_000)
    const progress = new Progress()
    work = await mkdtemp(join(tmpdir(), 'podroute-migration-'))
    peer = await kubeRouter(work)
    const prepared = await prepare(progress, { images: [peer.archive] })
    await startLab(prepared, progress, peer)
    await createBlue()
    await startLoadPods()
    await apply(...(await manifests()))
    await waitFor(
      'kube-router’s routes',
      () => frrRoutes('ipv4'),
      (routes) => routes.length >= NODES.length,
      READY,
    )
    const { clusterIP } = await service(LOAD)
    await waitFor(
      'kube-router’s Services',
      () => onNode(NODE, `curl -s -o /dev/null -w '%{http_code}' --max-time 2 http://${clusterIP}/ || true`),
      (said) => said === '200',
      READY,
    )
  })
  after(async () => {
    await stopLab()
    await rm(work, { recursive: true, force: true })
  })

  it('keep their pods, and lose no request and no connection', async () => {
    const [pod] = (await pods('app=client')).filter(({ node }) => node === NODE)
    let loads: readonly Load[] = []
    const packets: readonly Packets[] = await countPackets(pod!.addresses, OTHER, async () => {
      loads = await underLoad(
        NODE,
        async () => {
          for (const { name } of NODES) await move(name)
        },
        RATE,
      )
    })
    for (const line of [...packets, ...loads]) process.stdout.write(`      ${JSON.stringify(line)}\n`)
    for (const load of loads) expect(load).to.include({ failed: 0, resets: 0, answered: load.sent })
    for (const { lost, answered } of packets) expect(lost).to.be.at.most(0.01 * answered)
  })

  it('have new pods with addresses of their own', async () => {
    const before = (await pods('app=client')).flatMap(({ addresses }) => addresses)
    await kubectl(['delete', 'pod', '-l', 'app=blue', '--wait=true'])
    const blue = await waitFor(
      'new pods',
      () => pods('app=blue'),
      (found) => found.length === 5 && found.every(({ ready }) => ready),
      READY,
    )
    const addresses = blue.flatMap((each) => each.addresses)
    expect(new Set([...addresses, ...before]).size).to.equal(addresses.length + before.length)
    for (const address of addresses) await curlFromPod(NODE, urlOf(address, 8888))
  })
})
