/** The lab on nodes that have addresses of one family alone: `npm run lab` shows all that it shows of both. */
import { expect } from 'chai'
import { kubectl, kubectlJson } from '../../lab/scenarios/cluster.ts'
import { lab } from '../cluster/lab.ts'

interface Node {
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] }
  readonly spec: { readonly podCIDRs: readonly string[] }
}
interface Pod {
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[]
    readonly containerStatuses: readonly { readonly restartCount: number; readonly ready: boolean }[]
  }
}

for (const family of [4, 6] as const) {
  describe(`the lab with nodes of IPv${family} alone`, function () {
    this.timeout(120_000)
    const familyOf = (text: string) => (text.includes(':') ? 6 : 4)
    const list = async <T>(...args: readonly string[]) =>
      (await kubectlJson<{ items: T[] }>(['get', ...args])).items
    const inAnAgent = (page: string) =>
      kubectl(['exec', '-n', 'kube-system', 'ds/podroute', '-c', 'agent', '--', 'podroute', page])

    before('npm run lab', async function () {
      this.timeout(900_000)
      process.env.PODROUTE_LAB_FAMILY = String(family)
      const { code, output } = await lab('up')
      expect(code, output.slice(-2000)).to.equal(0)
    })
    after('npm run lab -- down', async () => {
      await lab('down')
      delete process.env.PODROUTE_LAB_FAMILY
    })

    it('shows Services and pods between nodes, from outside and through the router; nothing is of the other family', async () => {
      const nodes = await list<Node>('nodes')
      const addresses = nodes.flatMap(({ status, spec }) => [
        ...status.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
        ...spec.podCIDRs,
      ])
      expect(addresses).to.have.length(2 * nodes.length)
      const pods = await list<Pod>('pods', '-A')
      addresses.push(...pods.flatMap(({ status }) => status.podIPs.map(({ ip }) => ip)))
      expect(new Set(addresses.map(familyOf))).to.deep.equal(new Set([family]))
    })

    it('has agents that answer their probes: none was started again', async () => {
      const agents = await list<Pod>('pods', '-n', 'kube-system', '-l', 'app=podroute')
      const states = agents.flatMap(({ status }) => status.containerStatuses)
      expect(states).to.have.length(agents.length)
      expect(states.filter(({ ready, restartCount }) => !ready || restartCount > 0)).to.deep.equal([])
    })

    it('leaves nothing of a Node undone, and no condition that lacks the other family', async () => {
      expect(await inAnAgent('status')).to.match(/^peers: +3 of 3 up$/m)
      const nodes = await inAnAgent('nodes')
      expect(nodes.match(/in-place/g), nodes).to.have.length(4)
    })
  })
}
