/** Pod prefixes by annotation are pods' prefixes to the service proxy, too: the agent that ships, live, by both names of the annotation. */
import { execFile, spawn } from 'node:child_process'
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

  /** Prefixes that are taken out of the sets of pods, from now on. */
  const removals = async () => {
    const child = spawn('ip', ['netns', 'exec', NAMESPACE, 'nft', 'monitor', 'elements'])
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    // It says what it hears from when it listens on.
    const probe = (verb: string) =>
      node('nft', verb, 'element', 'inet', 'podroute-service-proxy', 'service-pods-4', '{ 198.51.100.0/24 }')
    await eventually(async () => {
      await probe('add')
      await probe('delete')
      return text.includes('198.51.100.0/24')
    })
    const lines = () =>
      text.split('\n').filter((line) => /^(delete|destroy) element .* service-pods-/.test(line))
    return {
      seen: () => lines().flatMap((line) => line.match(/10\.[\d.]+\/\d+|fd[\da-f:]+\/\d+/g) ?? []),
      [Symbol.dispose]: () => void child.kill(),
    }
  }

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

  it('stay where they are while the next agent starts', async () => {
    annotate({ 'podroute.io/pod-cidrs': '10.9.2.0/24' })
    await become(...OWN, '10.9.2.0/24')
    await agent.end('SIGKILL')
    using monitor = await removals()
    await start()
    expect(await pods()).to.deep.equal([...OWN, '10.9.2.0/24'].sort())
    annotate({})
    await become(...OWN, ...OTHER.podCIDRs)
    // That was the first time that one went.
    await eventually(() => expect(monitor.seen()).to.deep.equal(['10.9.2.0/24']))
  })

  it('are refused outside of the cluster’s ranges', async () => {
    annotate({ 'podroute.io/pod-cidrs': '10.9.2.0/24' })
    await become(...OWN, '10.9.2.0/24')
    annotate({ 'podroute.io/pod-cidrs': '192.0.2.0/24' })
    api.putNode('node', [NODE.v4, NODE.v6], { 'podroute.io/pod-cidrs': '10.9.1.0/24' })
    // What was good stays, and the news after it is known.
    await become('10.9.1.0/24', '10.9.2.0/24')
  })
})
