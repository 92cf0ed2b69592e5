/** Commands as the pages for users show them, run by a shell, against a real API server and real agents; kubelets there are none. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { attempt } from '../../lab/command.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { documentedCommands, elsewhere, RUN_IN_ORDER } from '../support/documented-commands.ts'
import { eventually } from '../support/eventually.ts'
import { twiceTold } from '../support/twice-told.ts'

const DEPLOY = resolve(import.meta.dirname, '../../deploy')
const ALL = documentedCommands().filter((one) => elsewhere(one) === undefined)

const metadata = (namespace: string, name: string) => ({ namespace, name })

describe('commands of the pages for users', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  let folder: string

  before(async () => {
    cluster = await AgentCluster.start('documented')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) {
      await cluster.registerNode(node, { ready: true })
      await cluster.startAgent(node, '', { serviceProxy: true })
    }
    folder = join(cluster.directory, 'documented')
    await mkdir(folder)
    await cp(DEPLOY, join(folder, 'deploy'), { recursive: true })
    await writePrograms()
    await makeObjects()
    await eventually(async () => (await cluster.routes(one)).length === 2, 60_000)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  for (const beginning of RUN_IN_ORDER)
    it(`work as they stand: ${beginning}`, async () => {
      const commands = new Set(
        ALL.filter(({ command }) => command.startsWith(beginning)).map(({ command }) => command),
      )
      for (const command of commands) {
        const { code, stdout, stderr } = await shell(command)
        // Here neither IPVS nor a container runtime is to be found, and doctor says so.
        expect(code, `${command}\n${stdout}${stderr}`).to.equal(command.endsWith(' doctor') ? 3 : 0)
      }
    })

  it('have done what they are for', async () => {
    const manifest = await readFile(join(folder, 'deploy/podroute.yaml'), 'utf8')
    expect(manifest).to.include('image: IMAGE')
    expect(await get('secret', 'podroute-secrets', '{.data.mesh}')).to.match(/^[\w+/=]{80,}$/)
    for (const name of ['kube-proxy', 'kube-router', 'calico-node'])
      expect(await get('daemonset', name, '{.spec.template.spec.affinity}'), name).to.include('"NotIn"')
    const node = JSON.parse(await cluster.kubectl('get', 'node', two.name, '-o', 'json'))
    expect(node.metadata.labels.network).to.equal('podroute')
    expect(node.metadata.annotations['podroute.io/peers']).to.include('192.0.2.1')
    expect(node.spec.unschedulable).to.equal(undefined)
    expect(
      await cluster.kubectl('get', 'service', 'blue', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'),
    ).to.equal('198.51.100.7')
    expect(await cluster.kubectl('-n', 'kube-system', 'get', 'daemonsets', '-o', 'name')).not.to.include(
      '/podroute',
    )
  })

  it('have the agents say what came of them once each', async () => {
    for (const node of [one, two])
      expect(twiceTold(await cluster.agentLog(node)), node.name).to.deep.equal([])
  })

  const get = (kind: string, name: string, path: string) =>
    cluster.kubectl('-n', 'kube-system', 'get', kind, name, '-o', `jsonpath=${path}`)

  /** Pods of the DaemonSet become ready as kubelets would have it, as long as the command runs. */
  async function shell(command: string) {
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, NODE: two.name }
    const ended = attempt('sh', ['-e', '-c', command], { cwd: folder, env, timeout: 60_000 })
    if (command.includes('rollout')) {
      let isOver = false
      void ended.finally(() => {
        isOver = true
      })
      await eventually(async () => isOver || (await readyPods()), 60_000)
    }
    return ended
  }

  async function readyPods(): Promise<false> {
    const names = await cluster.kubectl(
      '-n',
      'kube-system',
      'get',
      'pods',
      '-l',
      'app=podroute',
      '-o',
      'name',
    )
    const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True' }))
    const status = { phase: 'Running', conditions }
    for (const name of names.split('\n').filter((text) => text !== ''))
      await cluster.patchStatus(name, status, 'kube-system')
    return false
  }

  /** `kubectl`, whose `exec` runs on the node at once, and `podroute` of that node. */
  async function writePrograms(): Promise<void> {
    const kubectl = join(await buildControlPlane(), 'kubectl')
    const program = join(cluster.directory, 'dist', 'podroute.mjs')
    const scripts = {
      podroute: `export PODROUTE_SOCKET=${cluster.socket(one)}\nexec ip netns exec ${one.netns} ${process.execPath} ${program} "$@"`,
      kubectl: `case "$*" in *" exec ds/podroute "*)
  while [ "$1" != -- ]; do shift; done
  shift
  exec "$@"
esac
exec ip netns exec ${cluster.network} ${kubectl} --kubeconfig=${cluster.control.kubeconfig} "$@"`,
    }
    for (const [name, text] of Object.entries(scripts))
      await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  }

  /** What the pages speak of. */
  async function makeObjects(): Promise<void> {
    const namespaces = ['shop', 'bank', 'metallb-system']
    await cluster.apply(
      ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    )
    const service = (namespace: string, name: string, type = 'ClusterIP') => ({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: metadata(namespace, name) },
      spec: {
        type,
        selector: { app: name },
        ports: [
          { name: 'http', port: 80 },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
      },
    })
    await cluster.apply(
      ...[service('default', 'web'), service('shop', 'web'), service('default', 'blue', 'LoadBalancer')],
      ...['kube-proxy', 'kube-router', 'calico-node'].map((name) => daemonSet('kube-system', name)),
      daemonSet('metallb-system', 'speaker'),
    )
    for (const [namespace, name, last] of [
      ['shop', 'web-7', 7],
      ['bank', 'teller', 8],
    ] as const)
      await eventually(() => makePod(namespace, name, last).then(() => true), 30_000)
    const policy = {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: metadata('shop', 'new') },
      spec: { podSelector: {} },
    }
    await writeFile(join(folder, 'new.yaml'), JSON.stringify(policy))
  }

  async function makePod(namespace: string, name: string, last: number): Promise<void> {
    const spec = {
      ...{ nodeName: one.name, automountServiceAccountToken: false },
      containers: [{ name: 'c', image: 'none', ports: [{ name: 'http', containerPort: 8080 }] }],
    }
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: metadata(namespace, name), spec })
    const ips = (await cluster.allocated(one)).map((prefix) => `${prefix.replace(/[^.:]*\/.*$/, '')}${last}`)
    await cluster.podRuns(name, ips, namespace)
  }
})

function daemonSet(namespace: string, name: string): object {
  const labels = { app: name }
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: metadata(namespace, name) },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { nodeSelector: { none: 'here' }, containers: [{ name: 'c', image: 'none' }] },
      },
    },
  }
}
