// docs/routers.md: each daemon starts with its configuration from there, and has sessions and routes of two nodes that have theirs from there.
import { expect } from 'chai'
import { eventually } from './support/daemon.ts'
import { type DaemonName, DocumentedRouter, documented } from './support/documented-router.ts'
import { type NodeSpeaker, startNode } from './support/node-speaker.ts'
import { BEHIND, RouterNetwork } from './support/router-network.ts'

const FILES = { '/etc/podroute-secrets/router': 'top-of-rack' }
const ROUTER = 100
const NAMES: Readonly<Record<DaemonName, string>> = {
  ...{ frr: 'FRR', bird: 'BIRD', gobgp: 'GoBGP', openbgpd: 'OpenBGPD' },
}
const WATCHES: readonly DaemonName[] = ['frr', 'bird']

describe('routers as docs/routers.md configures them', function () {
  this.timeout(60_000)

  for (const name of ['frr', 'bird', 'gobgp', 'openbgpd'] as const)
    it(`have sessions of both families by TCP-MD5, and each other’s routes: ${NAMES[name]}`, async () => {
      const network = new RouterNetwork()
      const router = new DocumentedRouter(name, network.addRouter(ROUTER))
      const nodes: NodeSpeaker[] = []
      try {
        await router.start()
        for (const n of [1, 2]) nodes.push(await startNode(network.add(10 + n), n, documented('yaml'), FILES))
        for (const { speaker } of nodes) {
          await eventually(
            () => speaker.peers().map(({ state, lastDown }) => [state, lastDown]),
            (peers) => peers.every(([state]) => state === 'established'),
          )
          await eventually(
            () => [...speaker.routes()].filter(({ source }) => source === 'ebgp').map(({ prefix }) => prefix),
            (prefixes) => prefixes.sort().join() === BEHIND.join(),
          )
        }
        const pods = nodes.flatMap((node) => node.pods).sort()
        await eventually(
          () => router.learned(),
          (prefixes) => prefixes.join() === pods.join(),
        )
        if (!WATCHES.includes(name)) return
        for (const { bfd } of nodes)
          for (const peer of ['172.31.0.100', 'fd31::100'])
            await eventually(
              () => bfd.isUp(peer),
              (up) => up === true,
            )
        expect(
          nodes.flatMap(({ speaker }) => speaker.peers()).map(({ counters }) => counters.established),
        ).to.deep.equal([...[1, 1, 1, 1]])
      } finally {
        await Promise.all(nodes.map((node) => node.close()))
        await router.stop()
        network.close()
      }
    })
})
