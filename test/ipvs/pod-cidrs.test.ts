/** Pod prefixes by annotation are pods' prefixes to the service proxy, too: the agent that ships, live, by both names of the annotation. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { type AgentProcess, type Api, startAgent, startApi } from './support/agent.ts'
import { NODE } from './support/network.ts'

const run = promisify(execFile)
const NAMESPACE = 'pr-pod-cidrs'
const OTHER = { addresses: ['172.31.0.12', 'fd31::12'], podCIDRs: ['10.244.2.0/24', 'fd10:244:2::/64'] }
const OWN = ['10.244.1.0/24', 'fd10:244:1::/64']

describe('pod prefixes by annotation, in the rules of Services', () => {
  const stack = new AsyncDisposableStack()
  let api: Api
  let agent: AgentProcess

  const node = async (...command: string[]) =>
    (await run('ip', ['netns', 'exec', NAMESPACE, ...command])).stdout
  /** What is taken for pods' prefixes, of both families. */
  const pods = async () => {
    const sets = [4, 6].map((family) =>
      node('nft', 'list', 'set', 'inet', 'podroute-service-proxy', `service-pods-${family}`),
    )
    return (await Promise.all(sets)).flatMap((text) => text.match(/[\da-f:.]+\/\d+/g) ?? []).sort()
  }
  const become = (...prefixes: readonly string[]) =>
    eventually(async () => expect(await pods()).to.deep.equal([...prefixes].sort()), 20_000)
  const start = async () => {
    const ranges = '[10.9.0.0/16, fd10:9::/32]'
    const conflist = `${api.kubeconfig}.conflist`
    const podNetwork = `{ conflist: ${conflist}, clusterCIDRs: ${ranges} }`
    agent = await startAgent(NAMESPACE, api, `podNetwork: ${podNetwork}\nbgp: { mesh: false }\n`)
    await agent.inPlace
  }
  const annotate = (annotations: Readonly<Record<string, string>>) =>
    api.putNode('other', OTHER.addresses, annotations)

  before(async function () {
    this.timeout(300_000)
    const folder = await mkdtemp(join(tmpdir(), 'podroute-pod-cidrs-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    await run('ip', ['netns', 'add', NAMESPACE])
    stack.defer(async () => void (await run('ip', ['netns', 'del', NAMESPACE])))
    await node('ip', 'link', 'set', 'lo', 'up')
    await node('ip', 'link', 'add', 'eth0', 'type', 'dummy')
    await node('ip', 'link', 'set', 'eth0', 'up')
    await node('ip', 'addr', 'add', `${NODE.v4}/24`, 'dev', 'eth0')
    await node('ip', 'addr', 'add', `${NODE.v6}/64`, 'dev', 'eth0', 'nodad')
    api = stack.use(await startApi(NAMESPACE))
    await start()
    stack.defer(() => agent.end('SIGKILL'))
  })
  after(() => stack.disposeAsync())

  it('are those of the specs without one', () => become(...OWN, ...OTHER.podCIDRs))

  for (const prefix of ['podroute.io', 'kube-router.io'])
    it(`come with ${prefix}/pod-cidrs in place of the spec’s, and go with it`, async () => {
      annotate({ [`${prefix}/pod-cidrs`]: '10.9.2.0/24,fd10:9:0:2::/64' })
      await become(...OWN, '10.9.2.0/24', 'fd10:9:0:2::/64')
      annotate({})
      await become(...OWN, ...OTHER.podCIDRs)
    })

  it('are there from the first moment of the next agent on', async () => {
    annotate({ 'podroute.io/pod-cidrs': '10.9.2.0/24' })
    await become(...OWN, '10.9.2.0/24')
    await agent.end('SIGKILL')
    const monitor = run(
      'timeout',
      ['600', 'ip', 'netns', 'exec', NAMESPACE, 'nft', 'monitor', 'destroy', 'elements'],
      { encoding: 'utf8' },
    )
    await start()
    expect(await pods()).to.deep.equal([...OWN, '10.9.2.0/24'].sort())
    monitor.child.kill()
    const { stdout } = await monitor.catch((error: { stdout: string }) => error)
    expect(stdout).not.to.match(/service-pods/)
  })

  it('are refused outside of the cluster’s ranges', async () => {
    annotate({ 'podroute.io/pod-cidrs': '192.0.2.0/24' })
    await become(...OWN, '10.9.2.0/24')
  })
})
