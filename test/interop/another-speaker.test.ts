// A17 of the reports: the host's own BGP daemon and podroute both peer with a router, from the one address for which it has one session.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Statement } from '@podroute/cluster/events/event.ts'
import { DownRouters } from '@podroute/pod-network/bgp/ends/down-routers.ts'
import { whyNone } from '@podroute/pod-network/bgp/ends/down-text.ts'
import { expect } from 'chai'
import { eventually, NamespaceProcess, output, temporaryDirectory } from './support/daemon.ts'
import { DocumentedRouter, documented } from './support/documented-router.ts'
import { ip } from './support/link.ts'
import { type NodeSpeaker, startNode } from './support/node-speaker.ts'
import { RouterNetwork, type Site } from './support/router-network.ts'

const FILES = { '/etc/podroute-secrets/router': 'top-of-rack' }
const ROUTER = '172.31.0.100'
/** Another address of the node. */
const OWN = '172.31.0.51'

/** BIRD as the daemon of a host, with a session with the router. */
class HostDaemon {
  readonly #directory = temporaryDirectory('host-bird')
  readonly #process: NamespaceProcess

  constructor({ netns, ipv4 }: Site) {
    const file = join(this.#directory.path, 'bird.conf')
    writeFileSync(
      file,
      `log stderr all;
router id ${ipv4};
protocol device {}
protocol bgp fabric {
  local ${ipv4} port 1790 as 64512;
  neighbor ${ROUTER} as 65000;
  password "top-of-rack";
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import all; export none; };
}
`,
    )
    this.#process = new NamespaceProcess(netns, 'bird', ['-f', '-c', file, '-s', this.#socket])
  }

  get #socket(): string {
    return join(this.#directory.path, 'bird.ctl')
  }

  async isUp(): Promise<boolean> {
    const asked = output('birdc', ['-s', this.#socket, 'show', 'protocols', 'fabric'])
    // It may not have begun to listen.
    return (await asked.catch(() => '')).includes('Established')
  }

  async stop(): Promise<void> {
    await this.#process.stop()
    this.#directory.remove()
  }
}

const peerOf = ({ speaker }: NodeSpeaker) => speaker.peers().find(({ address }) => address === ROUTER)!
const isEstablished = (node: NodeSpeaker) => peerOf(node).state === 'established'
const holds = (what: () => boolean | Promise<boolean>) => eventually(async () => what(), Boolean)

/** What the Event on the Node says after a minute of it. */
function eventAfterAMinute(node: NodeSpeaker): string | undefined {
  let now = 0
  const events: Statement[] = []
  const down = new DownRouters({
    nodeName: 'node-1',
    events: { record: (event) => events.push(event) },
    clock: { now: () => now },
    routers: () => [ROUTER],
    isEstablished: () => isEstablished(node),
    peers: () => node.speaker.peers(),
  })
  down.look()
  now = 60_000
  down.look()
  return events[0]?.note
}

describe('another speaker at the address of the node (A17)', function () {
  this.timeout(60_000)
  let stack: AsyncDisposableStack
  let site: Site

  /** The router, and the node's place beside it. */
  const start = async (name: ConstructorParameters<typeof DocumentedRouter>[0]) => {
    const network = new RouterNetwork()
    stack.defer(() => network.close())
    const router = new DocumentedRouter(name, network.addRouter(100))
    stack.defer(() => router.stop())
    site = network.add(11)
    await router.start()
  }
  const startHost = async () => {
    const host = new HostDaemon(site)
    stack.defer(() => host.stop())
    await holds(() => host.isUp())
    return host
  }
  const startOurs = async (config = documented('yaml')) => {
    const node = await startNode(site, 1, config, FILES)
    stack.defer(() => node.close())
    return node
  }

  beforeEach(() => {
    stack = new AsyncDisposableStack()
  })
  afterEach(() => stack.disposeAsync())

  for (const [name, says] of [
    ['frr', 'received Cease/Connection Collision Resolution: another speaker uses this address'],
    ['bird', 'it does not know this address, or another speaker uses this address'],
    ['gobgp', 'it does not know this address, or another speaker uses this address'],
    ['openbgpd', 'it does not know this address, or another speaker uses this address'],
  ] as const)
    it(`is named, and keeps its session until it ends: ${name} as the router`, async () => {
      await start(name)
      const host = await startHost()
      const node = await startOurs()
      await holds(() => {
        const { lastDown } = peerOf(node)
        return lastDown !== undefined && whyNone(lastDown).includes(says)
      })
      expect(eventAfterAMinute(node)).to.include(says)
      expect(await host.isUp()).to.equal(true)
      await host.stop()
      await holds(() => isEstablished(node))
    })

  it('is named where it comes later, and the router drops our session for it', async () => {
    await start('frr')
    const node = await startOurs()
    await holds(() => isEstablished(node))
    await startHost()
    await holds(() => !isEstablished(node) && peerOf(node).lastDown?.kind === 'notification-received')
    expect(whyNone(peerOf(node).lastDown!)).to.include('another speaker uses this address')
  })

  it('is no trouble where podroute has an address of its own', async () => {
    await start('frr')
    ip('-n', site.netns, 'address', 'add', `${OWN}/24`, 'dev', 'eth0')
    const host = await startHost()
    const own = documented('yaml').replace(
      `address: ${ROUTER}\n`,
      `address: ${ROUTER}\n    localAddress: ${OWN}\n`,
    )
    const node = await startOurs(own)
    await holds(() => isEstablished(node))
    expect(await host.isUp()).to.equal(true)
    expect(peerOf(node).counters.established).to.equal(1)
  })
})
