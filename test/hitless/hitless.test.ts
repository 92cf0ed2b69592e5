/** What the cluster tier tries for seconds, for longer: agents that crash for a minute; and what is lost where nobody keeps routes. */
import { expect } from 'chai'
import { kubectlJson, waitFor } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE } from '../../lab/scenarios/podroute.ts'
import type { PeersReport } from '../../packages/pod-network/pages.ts'
import { agentOf, hitless, killAgent, killed, packetsOver } from '../cluster/hitless.ts'
import { inAgent, lab } from '../cluster/lab.ts'
import { configure } from '../cluster/live-config.ts'

const CRASHING = 60
const NODE = 'node-2'

describe('agents that are away', function () {
  this.timeout(400_000)

  before('npm run lab', async function () {
    this.timeout(900_000)
    const { code, output } = await lab('up')
    expect(code, output.slice(-2000)).to.equal(0)
  })
  after('npm run lab -- down', async () => {
    await lab('down')
  })

  killed()
  hitless(CRASHING)

  // Last: tests of a suite itself would come before those of the suites in it.
  describe('where graceful restart is off', () => {
    it('cost what comes from behind the router', async () => {
      const { data } = await kubectlJson<{ data: Record<string, string> }>([
        ...['get', 'configmap', 'podroute', '-n', PODROUTE_NAMESPACE],
      ])
      await configure(`${data['config.yaml']}\nbgp: {gracefulRestart: {enabled: false}}\n`)
      const restart = async () => {
        const text = await inAgent(await agentOf(NODE), 'podroute', 'peers', '--json')
        return (JSON.parse(text) as PeersReport).peers
      }
      await waitFor('its sessions without it', restart, (peers) =>
        peers.every(
          ({ state, uptime = Number.POSITIVE_INFINITY }) => state === 'established' && uptime < 60_000,
        ),
      )
      const packets = await packetsOver(killAgent)
      for (const { lost } of packets.filter(({ from }) => from === 'outside')) expect(lost).to.be.above(10)
    })
  })
})
