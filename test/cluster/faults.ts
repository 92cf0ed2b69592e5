/** What the running cluster has to survive beside what restart.ts does to it: an API server that is away, bad objects, hostile bytes. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { LAB_NAMESPACE, NODES, ROUTER_NAMESPACE } from '../../lab/addresses.ts'
import { attempt } from '../../lab/command.ts'
import { Processes } from '../../lab/processes.ts'
import { service } from '../../lab/scenarios/blue.ts'
import { apply, kubectl, pods, waitFor } from '../../lab/scenarios/cluster.ts'
import { kernelRoutes } from '../../lab/scenarios/routing.ts'
import { curlFromNode, urlOf } from '../../lab/scenarios/traffic.ts'
import { STATE } from '../../lab/state.ts'
import type { PeersReport } from '../../packages/pod-network/pages.ts'
import { agents, inAgent, onNode } from './lab.ts'

const API_SERVER = 'kube-apiserver'

/** Ends the API server and returns what starts it again. */
async function stopApiServer(): Promise<() => Promise<void>> {
  const processes = await Processes.load(STATE)
  const { pid } = processes.list.find(({ name }) => name === API_SERVER)!
  const command = (await readFile(join('/proc', String(pid), 'cmdline'), 'utf8')).split('\0').filter(Boolean)
  await processes.stop((name) => name === API_SERVER)
  return () => processes.start(API_SERVER, command, { netns: LAB_NAMESPACE })
}

export function faults(): void {
  describe('an API server that is away', () => {
    it('changes nothing in the kernel, and is found again', async () => {
      const { clusterIP, port } = await service('blue')
      const start = await stopApiServer()
      const before = await kernelRoutes('node-1')
      await new Promise((resolve) => setTimeout(resolve, 5_000))
      expect(await kernelRoutes('node-1')).to.deep.equal(before)
      await curlFromNode('node-1', urlOf(clusterIP, port))
      await start()
      await waitFor(
        'API server',
        () => kubectl(['get', '--raw', '/readyz']),
        (text) => text === 'ok',
        { timeout: 60_000 },
      )
      await kubectl(['create', 'service', 'clusterip', 'afterwards', '--tcp=80:8888'])
      await kubectl(['set', 'selector', 'service', 'afterwards', 'app=blue'])
      const { clusterIP: address } = await service('afterwards')
      await waitFor(
        'a Service made afterwards',
        () => curlFromNode('node-1', urlOf(address, 80)),
        ({ pod }) => pod.startsWith('blue-'),
        { timeout: 60_000 },
      )
      await kubectl(['delete', 'service', 'afterwards'])
    })
  })

  describe('a Service with a bad field', () => {
    it('never stops the others', async () => {
      await apply(
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'bad' }, spec: { ports: [{ port: 80 }] } },
        {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: 'bad', labels: { 'kubernetes.io/service-name': 'bad' } },
          addressType: 'IPv4',
          ports: [{ name: '', protocol: 'TCP' }],
          endpoints: [{ addresses: ['10.244.0.77'] }],
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'good' },
          spec: { selector: { app: 'blue' }, ports: [{ port: 80, targetPort: 8888 }] },
        },
      )
      const { clusterIP } = await service('good')
      await waitFor(
        'the good Service',
        () => curlFromNode('node-3', urlOf(clusterIP, 80)),
        ({ pod }) => pod.startsWith('blue-'),
        { timeout: 30_000 },
      )
      await kubectl(['delete', 'service', 'bad', 'good'])
      await kubectl(['delete', 'endpointslice', 'bad', '--ignore-not-found'])
    })
  })

  describe('a Service without endpoints', () => {
    it('is refused at once', async () => {
      await kubectl(['create', 'service', 'clusterip', 'nobody', '--tcp=80:80'])
      const { clusterIP } = await service('nobody')
      const ask = () => onNode('node-1', `curl -sSv --max-time 5 http://${clusterIP}/ 2>&1 || true`)
      await waitFor('refusal', ask, (text) => /Connection refused/.test(text), { timeout: 20_000 })
      await kubectl(['delete', 'service', 'nobody'])
    })
  })

  describe('a peer that sends nonsense', () => {
    it('gets the NOTIFICATION that RFC 4271 names, and disturbs nobody', async () => {
      const [node] = NODES
      const sessions = async () => {
        const [agent] = await agents()
        const { peers } = JSON.parse(await inAgent(agent!, 'podroute', 'peers', '--json')) as PeersReport
        return peers.map(({ name, state, counters, lastDown }) => [
          ...[name, state, counters.established, lastDown],
        ])
      }
      const before = await sessions()
      expect(before.filter(([, state]) => state === 'established')).to.have.length(3)
      const nonsense = `'${'\\xff'.repeat(16)}\\x00\\x13\\x09'`
      const script = `exec 3<>/dev/tcp/${node!.ipv4}/179; printf ${nonsense} >&3; timeout 5 cat <&3 | od -An -v -tx1 | tr -d ' \\n'`
      const { stdout } = await attempt('ip', ['netns', 'exec', ROUTER_NAMESPACE, 'bash', '-c', script])
      // Message Header Error (1), Bad Message Type (3) and that type, behind our OPEN: the router may be back.
      expect(stdout).to.match(/^f{32}00..01.*f{32}001603010309$/)
      expect(await sessions()).to.deep.equal(before)
    })
  })

  describe('a pod that is deleted', () => {
    it('is replaced in the Service by its successor', async () => {
      const { clusterIP, port } = await service('blue')
      const [victim] = await pods('app=blue')
      await kubectl(['delete', 'pod', victim!.name, '--wait=false'])
      await waitFor(
        'five pods again',
        () => pods('app=blue'),
        (found) => found.length === 5 && found.every(({ ready, name }) => ready && name !== victim!.name),
        { timeout: 120_000 },
      )
      await waitFor(
        'the new endpoint',
        async () => {
          const answers = new Set<string>()
          for (let request = 0; request < 10; request++)
            answers.add((await curlFromNode('node-1', urlOf(clusterIP, port))).pod)
          return answers
        },
        (answers) => answers.size === 5 && !answers.has(victim!.name),
        { timeout: 30_000 },
      )
    })
  })
}
