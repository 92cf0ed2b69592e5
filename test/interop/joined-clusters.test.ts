// Two clusters of one AS, joined by FRR as their route reflector, as docs/routers.md has them: each node learns the pods of the other cluster.
import { expect } from 'chai'
import { eventually } from './support/daemon.ts'
import { DocumentedRouter, documented } from './support/documented-router.ts'
import { type NodeSpeaker, startNode } from './support/node-speaker.ts'
import { RouterNetwork } from './support/router-network.ts'

const FILES = { '/etc/podroute-secrets/router': 'top-of-rack' }
/** Of the first cluster, and of the second. */
const HOSTS = [
  [11, 12],
  [21, 22],
] as const
const podsOf = (cluster: number, n: number) => [
  `10.24${4 + cluster}.${n}.0/24`,
  `fd10:24${4 + cluster}:0:${n}::/64`,
]

describe('two clusters joined by a route reflector, FRR', function () {
  this.timeout(60_000)
  let network: RouterNetwork
  let router: DocumentedRouter
  const clusters: NodeSpeaker[][] = [[], []]
  /** `PREFIX via NEXT HOP` of what a node has from the reflector. */
  const learned = ({ speaker }: NodeSpeaker) =>
    [...speaker.routes()]
      .filter(({ source }) => source === 'ibgp')
      .map(({ prefix, nextHop }) => `${prefix} via ${nextHop}`)
      .sort()
  /** What all nodes of a cluster announce. */
  const routesOf = (cluster: number, ...without: readonly number[]) =>
    HOSTS[cluster]!.flatMap((host, i) =>
      without.includes(host)
        ? []
        : podsOf(cluster, i + 1).map(
            (pod) => `${pod} via ${pod.includes(':') ? `fd31::${host}` : `172.31.0.${host}`}`,
          ),
    ).sort()

  before(async () => {
    network = new RouterNetwork()
    router = new DocumentedRouter('frr', network.addRouter(100))
    await router.start(documented('frr reflector'))
    const first = documented('yaml reflector')
    const second = first.replaceAll('10.245', '10.244').replaceAll('fd10:245', 'fd10:244')
    for (const [cluster, config] of [first, second].entries())
      for (const [i, host] of HOSTS[cluster]!.entries())
        clusters[cluster]!.push(
          await startNode(network.add(host), i + 1, config, FILES, podsOf(cluster, i + 1)),
        )
  })
  after(async () => {
    await Promise.all(clusters.flat().map((node) => node.close()))
    await router.stop()
    network.close()
  })

  it('learn the pods of each other’s nodes, of both families, with these nodes as next hops', async () => {
    for (const [cluster, nodes] of clusters.entries())
      for (const node of nodes)
        await eventually(
          () => learned(node),
          (routes) => routes.join() === routesOf(1 - cluster).join(),
        )
  })

  it('take nothing of their own cluster from it: that is what their mesh is for', () => {
    for (const [cluster, nodes] of clusters.entries())
      for (const { speaker } of nodes) {
        const rejected = [...speaker.rejected()]
        const refused = rejected.flatMap(({ prefix, reason }) => (reason === 'originator-loop' ? [] : prefix))
        expect(refused).to.have.length(2)
        for (const prefix of refused)
          expect(prefix).to.match(cluster === 0 ? /^(10\.244|fd10:244):?/ : /^(10\.245|fd10:245):?/)
      }
  })

  it('lose the routes of a node that ends', async () => {
    await clusters[1]!.pop()!.close()
    for (const node of clusters[0]!)
      await eventually(
        () => learned(node),
        (routes) => routes.join() === routesOf(1, 22).join(),
      )
  })
})
