/**
 * What upstream's end-to-end tests ask of a service proxy, on the pods of the lab: each test has the name of its line. Where the other
 * lines are shown: ../checklist.ts.
 */
import { expect } from 'chai'
import { NODES, OUTSIDE } from '../../lab/addresses.ts'
import { BLUE_IMAGE } from '../../lab/images/pods.ts'
import { apply, kubectl, kubectlJson, type PodView, pods, waitFor } from '../../lab/scenarios/cluster.ts'
import {
  type Answer,
  curlFromNode,
  curlFromOutside,
  curlFromPod,
  urlOf,
} from '../../lab/scenarios/traffic.ts'
import { onNode } from './lab.ts'

const [FIRST, SECOND] = NODES as [(typeof NODES)[0], (typeof NODES)[0]]
const BLUE = { app: 'blue' }
const WEB = { port: 80, targetPort: 8888 }
const NAMESPACE = 'checklist'

interface Spec {
  readonly clusterIPs?: readonly string[]
  readonly ports: readonly { readonly nodePort?: number }[]
}

function makeService(name: string, spec: object, labels: object = {}) {
  const metadata = { name, labels: { set: NAMESPACE, ...labels } }
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: BLUE, ports: [WEB], ...spec } }
}

function makePod(name: string, spec: object, container: object = {}) {
  const blue = { name: 'blue', image: BLUE_IMAGE, imagePullPolicy: 'Never', ...container }
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { set: NAMESPACE, app: name } } },
    spec: { nodeName: FIRST.name, terminationGracePeriodSeconds: 0, containers: [blue], ...spec },
  }
}

function makeSlice(name: string, suffix: string, addresses: readonly string[], ports: readonly object[]) {
  const labels = { set: NAMESPACE, 'kubernetes.io/service-name': name }
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name: `${name}-${suffix}`, labels },
    ports,
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  }
}

const specOf = async (name: string) => (await kubectlJson<{ spec: Spec }>(['get', 'service', name])).spec
const patch = (name: string, spec: object) =>
  kubectl(['patch', 'service', name, '--type=merge', '-p', JSON.stringify({ spec })])
const address = async (name: string) => (await specOf(name)).clusterIPs![0]!
const nodePort = async (name: string, index = 0) => (await specOf(name)).ports[index]!.nodePort!

/** Who answers several requests of the first node. */
async function answering(host: string, port: number, times = 6): Promise<Set<string>> {
  const names = new Set<string>()
  for (let request = 0; request < times; request++)
    names.add((await curlFromNode(FIRST.name, urlOf(host, port))).pod)
  return names
}

const soon = <T>(what: string, ask: () => Promise<T>, good: (answer: T) => boolean = () => true) =>
  waitFor(what, ask, good, { timeout: 30_000 })
/** `refused`, `timeout`, or `answered`. */
const outcome = (node: string, host: string, port: number) =>
  onNode(node, `curl -sSv -g --max-time 2 ${urlOf(host, port)} 2>&1 || true`).then((text) =>
    /refused/.test(text) ? 'refused' : /timed out/.test(text) ? 'timeout' : 'answered',
  )

export function checklist(): void {
  describe('checklist of Services', () => {
    let blue: PodView[]
    const isBlue = ({ pod }: Answer) => blue.some(({ name }) => name === pod)
    const blueOn = (node: string) => blue.filter((pod) => pod.node === node).map(({ name }) => name)

    before(async () => {
      blue = await pods('app=blue')
      const [a, b] = blue.map(({ addresses }) => addresses[0]!)
      const tcp = (name: string, port: number) => ({ name, port, protocol: 'TCP' })
      await apply(
        makeService('multi', {
          ports: [
            { ...WEB, name: 'a' },
            { ...WEB, name: 'b', port: 81 },
          ],
        }),
        makeService('protocols', {
          type: 'NodePort',
          ports: ['TCP', 'UDP'].map((protocol) => ({ ...WEB, name: protocol.toLowerCase(), protocol })),
        }),
        makeService('changing', { type: 'ExternalName', externalName: 'db.example', selector: null }),
        makeService('sticky', { type: 'NodePort', sessionAffinity: 'ClientIP' }),
        makeService('sliced', {
          selector: null,
          ports: [
            { port: 80, name: 'x' },
            { port: 81, name: 'y' },
          ],
        }),
        makeSlice('sliced', '1', [a!], [tcp('x', 8888)]),
        makeSlice('sliced', '2', [b!], [tcp('x', 8888), tcp('y', 8888)]),
        makeService('dual', { ipFamilyPolicy: 'RequireDualStack' }),
        makeService('elsewhere', {}, { 'service.kubernetes.io/service-proxy-name': 'another' }),
        makeService('early', { selector: { app: 'unready' }, publishNotReadyAddresses: true }),
        makeService('late', { selector: { app: 'unready' } }),
        makeService('onhost', { selector: { app: 'onhost' }, ports: [{ port: 80, targetPort: 8899 }] }),
        makeService('inside', { internalTrafficPolicy: 'Local' }),
        makeService('outside', {
          type: 'NodePort',
          selector: { app: 'onhost' },
          externalTrafficPolicy: 'Local',
          ports: [{ port: 80, targetPort: 8899 }],
        }),
        makePod('unready', {}, { readinessProbe: { exec: { command: ['/bin/false'] } } }),
        makePod('onhost', { hostNetwork: true }, { command: ['/bin/blue', '-port', '8899'] }),
      )
    })
    after(() => kubectl(['delete', 'service,endpointslice,pod', '-l', `set=${NAMESPACE}`, '--wait=false']))

    it('multiport endpoints; several services with one selector', async () => {
      const ip = await address('multi')
      for (const port of [80, 81]) {
        const answer = await soon(`port ${port}`, () => curlFromNode(FIRST.name, urlOf(ip, port)))
        expect(isBlue(answer)).to.equal(true)
      }
    })

    it('same port and different protocols; NodePort same port, different protocols; udp reaches every endpoint', async () => {
      const ip = await address('protocols')
      // Each from a port of its own, at the same time.
      const ask = `(exec 3<>/dev/udp/${ip}/80; echo ? >&3; timeout 2 head -n 1 <&3)`
      const names = await soon(
        'datagrams',
        async () => {
          const answers = await onNode(SECOND.name, `for n in 1 2 3 4 5 6 7 8 9 10; do ${ask} & done; wait`)
          return new Set([...answers.matchAll(/pod=(\S+)/g)].map(([, name]) => name))
        },
        (found) => found.size === blue.length,
      )
      expect([...names]).to.have.members(blue.map(({ name }) => name))
      expect(isBlue(await curlFromPod(SECOND.name, urlOf(ip, 80)))).to.equal(true)
      const tcp = urlOf(FIRST.ipv4, await nodePort('protocols', 0))
      expect(isBlue(await curlFromOutside(tcp))).to.equal(true)
    })

    it('ExternalName to ClusterIP to NodePort and back', async () => {
      await patch('changing', { type: 'ClusterIP', externalName: null, selector: BLUE })
      const ip = await address('changing')
      await soon('ClusterIP', () => curlFromNode(FIRST.name, urlOf(ip, 80)), isBlue)
      await patch('changing', { type: 'NodePort' })
      const port = await nodePort('changing')
      await soon('NodePort', () => curlFromOutside(urlOf(SECOND.ipv4, port)), isBlue)
      const ports = [{ ...WEB, nodePort: port === 31999 ? 31998 : 31999 }]
      await patch('changing', { ports })
      await soon('another nodePort', () => curlFromOutside(urlOf(SECOND.ipv4, ports[0]!.nodePort)), isBlue)
      const former = () => outcome(FIRST.name, FIRST.ipv4, port)
      await soon('the former nodePort, refused', former, (found) => found === 'refused')
      const name = { type: 'ExternalName', externalName: 'db.example', clusterIP: null, clusterIPs: null }
      await patch('changing', { ...name, ports: [WEB] })
      const servers = () => onNode(FIRST.name, 'ipvsadm -Ln')
      await soon('gone', servers, (text) => !text.includes(`${ip}:80`) && !text.includes(':31999'))
    })

    it('ports added and removed', async () => {
      const ip = await address('multi')
      const ports = [81, 82].map((port) => ({ ...WEB, name: `p${port}`, port }))
      await patch('multi', { ports })
      await soon('port 82', () => curlFromNode(FIRST.name, urlOf(ip, 82)), isBlue)
      expect(isBlue(await curlFromNode(FIRST.name, urlOf(ip, 81)))).to.equal(true)
      expect(await outcome(FIRST.name, ip, 80), 'a port that is gone').to.equal('refused')
      await patch('multi', { ports: [{ ...WEB, name: 'a' }] })
      await soon('port 80', () => curlFromNode(FIRST.name, urlOf(ip, 80)), isBlue)
    })

    it('session affinity works for ClusterIP and NodePort, and can be switched', async () => {
      const ip = await address('sticky')
      await soon('sticky', () => curlFromNode(FIRST.name, urlOf(ip, 80)))
      expect((await answering(ip, 80)).size).to.equal(1)
      const port = await nodePort('sticky')
      const outside = new Set<string>()
      for (let n = 0; n < 4; n++) outside.add((await curlFromOutside(urlOf(SECOND.ipv4, port))).pod)
      expect(outside.size).to.equal(1)
      await patch('sticky', { sessionAffinity: 'None' })
      await soon(
        'no affinity',
        () => answering(ip, 80, 3),
        (names) => names.size > 1,
      )
      await patch('sticky', { sessionAffinity: 'ClientIP' })
      await soon(
        'affinity',
        () => answering(ip, 80, 4),
        (names) => names.size === 1,
      )
    })

    it('multiple ports and multiple IPs in multiple EndpointSlices', async () => {
      const ip = await address('sliced')
      const [a, b] = blue.map(({ name }) => name)
      await soon('sliced', () => curlFromNode(FIRST.name, urlOf(ip, 81)))
      expect([...(await answering(ip, 80, 4))]).to.have.members([a, b])
      expect([...(await answering(ip, 81, 2))]).to.deep.equal([b])
    })

    it('dual-stack on the second family', async () => {
      const { clusterIPs } = await specOf('dual')
      expect(clusterIPs).to.have.length(2)
      for (const ip of clusterIPs!) {
        await soon(ip, () => curlFromPod(SECOND.name, urlOf(ip, 80)), isBlue)
      }
    })

    it('service-proxy-name labels: another proxy’s, until the label goes', async () => {
      const ip = await address('elsewhere')
      expect(await onNode(FIRST.name, 'ipvsadm -Ln')).to.not.include(`${ip}:80`)
      await kubectl(['label', 'service', 'elsewhere', 'service.kubernetes.io/service-proxy-name-'])
      await soon('ours', () => curlFromNode(FIRST.name, urlOf(ip, 80)), isBlue)
      await kubectl(['label', 'service', 'elsewhere', 'service.kubernetes.io/service-proxy-name=x'])
      await soon(
        'theirs',
        () => onNode(FIRST.name, 'ipvsadm -Ln'),
        (text) => !text.includes(`${ip}:80`),
      )
    })

    it('publishNotReadyAddresses', async () => {
      const ip = await address('early')
      await soon(
        'not ready',
        () => curlFromNode(FIRST.name, urlOf(ip, 80)),
        ({ pod }) => pod === 'unready',
      )
      expect(await outcome(FIRST.name, await address('late'), 80), 'without it').to.equal('refused')
    })

    it('endpoints using hostNetwork: pod and node to host', async () => {
      const ip = await address('onhost')
      const onFirst = ({ pod }: Answer) => pod === FIRST.name
      await soon('from its node', () => curlFromNode(FIRST.name, urlOf(ip, 80)), onFirst)
      await soon('from a pod', () => curlFromPod(SECOND.name, urlOf(ip, 80)), onFirst)
    })

    it('internalTrafficPolicy Local: pod and host to pod stay on their node', async () => {
      const ip = await address('inside')
      const { name: node } = NODES.find(({ name }) => blueOn(name).length > 0)!
      await soon('inside', () => curlFromNode(node, urlOf(ip, 80)))
      const answers = await Promise.all([1, 2, 3].map(() => curlFromNode(node, urlOf(ip, 80))))
      answers.push(await curlFromPod(node, urlOf(ip, 80)))
      for (const { pod } of answers) expect(blueOn(node)).to.include(pod)
    })

    it('externalTrafficPolicy Local keeps the source IP, and only nodes with endpoints answer', async () => {
      const port = await nodePort('outside')
      const ask = () => curlFromOutside(urlOf(FIRST.ipv4, port))
      const { client } = await soon('the node with an endpoint', ask)
      expect(client).to.equal(OUTSIDE.ipv4)
      const other = await curlFromOutside(urlOf(SECOND.ipv4, port)).catch((error: Error) => error.message)
      expect(other).to.match(/timed out/)
      expect((await curlFromPod(SECOND.name, urlOf(SECOND.ipv4, port))).pod, 'short-circuited').to.equal(
        FIRST.name,
      )
    })

    it('large requests (MTU), to a pod of another node', async () => {
      const { name: node } = NODES.find(({ name }) => blueOn(name).length < blue.length)!
      const url = `${urlOf(await address('multi'), 80)}${'x'.repeat(30_000)}`
      for (let n = 0; n < 3; n++) expect(isBlue(await curlFromPod(node, url))).to.equal(true)
    })

    it('rejected when no endpoints: NodePort and ClusterIP refused at once', async () => {
      await patch('protocols', { selector: { app: 'nobody' } })
      const ip = await address('protocols')
      await soon(
        'refusal',
        () => outcome(FIRST.name, ip, 80),
        (text) => text === 'refused',
      )
      expect(await outcome(FIRST.name, FIRST.ipv4, await nodePort('protocols'))).to.equal('refused')
    })
  })
}
