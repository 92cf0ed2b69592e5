import { expect } from 'chai'
import { exitStatus } from '../errors.ts'
import { createPlugin } from '../kubectl/plugin.ts'
import { type FakeAnswer, FakeKubectl } from '../testing/fake-kubectl.ts'
import { QUIET } from '../testing/surroundings.ts'
import { PcapngWriter } from './pcapng-write.ts'

const agent = (node: string) => ({
  ...{ kind: 'Pod', metadata: { name: `podroute-${node}` } },
  spec: { nodeName: node, containers: [{ name: 'agent', image: 'registry/podroute:1' }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'agent', state: { running: {} } }] },
})
const POD = {
  ...{ kind: 'Pod', metadata: { name: 'web', namespace: 'default' }, spec: { nodeName: 'a' } },
  status: { podIPs: [{ ip: '10.244.1.5' }, { ip: 'fd10::5' }] },
}
const OBJECTS: FakeAnswer = { to: 'get pods,services,nodes', stdout: { items: [POD] } }
const SLICES: FakeAnswer = { to: 'get endpointslices', stdout: { items: [] } }
const AGENTS: FakeAnswer = { to: 'app=podroute', stdout: { items: [agent('a'), agent('b')] } }
const CREATED: FakeAnswer = { to: ' create -f -' }
const helper = (status: object) => ({ metadata: { name: 'podroute-capture-0' }, status })
const RUNNING: FakeAnswer = {
  to: 'get pods --selector podroute.io/capture',
  stdout: { items: [helper({ phase: 'Running' })] },
}
const DELETED: FakeAnswer = { to: ' delete pods' }
const UDP = Buffer.from('4500001f000000004011000008080808' + '0af4010500350035000b0000616263', 'hex')

function captureOf(count: number, lost = 0): string {
  const writer = new PcapngWriter()
  const packet = (i: number) =>
    writer.packet({
      ...{ node: '', link: 'veth1', place: 'pod', direction: 'in', protocol: 0x0800, length: UDP.length },
      ...{ time: BigInt(i) * 1_000_000_000n, bytes: UDP },
    })
  const packets = Array.from({ length: count }, (_, i) => packet(i))
  return Buffer.concat([writer.begin(), ...packets, writer.lost(lost)]).toString('base64')
}

describe('kubectl podroute capture', function () {
  this.timeout(60_000)

  async function run(answers: readonly FakeAnswer[], args: readonly string[], signal = QUIET.signal) {
    using kubectl = new FakeKubectl([...answers, OBJECTS, SLICES, AGENTS, CREATED, RUNNING, DELETED])
    const seen = { status: -1, error: '', written: '', said: [] as string[] }
    const plugin = createPlugin('0', kubectl.program, {
      ...{ ...QUIET, signal, say: (line: string) => void seen.said.push(line) },
      write(text) {
        seen.written += text
      },
      exit(code) {
        seen.status = code
      },
    }).configureOutput({ writeErr() {} })
    await plugin.parseAsync(['capture', ...args], { from: 'user' }).catch((error: unknown) => {
      seen.status = exitStatus(error)
      seen.error = (error as Error).message
    })
    return { ...seen, calls: seen.status === 2 ? [] : kubectl.calls }
  }
  const hears = (bytes: string): FakeAnswer => ({ to: ' -- podroute capture ', bytes })
  const removed = (calls: readonly string[]) =>
    calls.filter((call) => /delete pods .*podroute\.io\/capture=/.test(call)).length

  it('prints what its pod hears with names, and removes the pod', async () => {
    const { status, written, said, calls, error } = await run(
      [hears(captureOf(2, 3))],
      ['default/web', '--port', '53'],
    )
    expect({ status, error }).to.deep.equal({ status: 0, error: '' })
    expect(written.split('\n')[0]).to.match(
      /00:00:00\.000000 a +veth1 +pod +in {2}8\.8\.8\.8:53 > default\/web:53 udp, 3 bytes/,
    )
    expect(said).to.include('listens on a').and.include('2 packets, 3 came too fast and are lost')
    const asked = calls.find((call) => call.includes('-- podroute capture'))
    expect(asked).to.match(
      / capture 10\.244\.1\.5,fd10::5 --port 53 --except 10250 --count 1000 .*--write -$/,
    )
    expect(removed(calls)).to.equal(1)
  })

  it('ends when it has enough, of all nodes together', async () => {
    const { written, status, calls } = await run(
      [hears(captureOf(5))],
      ['10.244.1.5', '--node', 'a,b', '--count', '6', '-o', 'json'],
    )
    const lines = written
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).to.have.length(6)
    expect(lines[0].source).to.deep.equal({ address: '8.8.8.8', port: 53 })
    expect(lines[0].destination.name).to.equal('default/web')
    expect([status, removed(calls)]).to.deep.equal([0, 1])
  })

  it('removes the pod also when it does not start, cannot listen, or is interrupted', async () => {
    const pulls = { waiting: { reason: 'ErrImagePull' } }
    const failed = {
      ...RUNNING,
      stdout: { items: [helper({ phase: 'Failed', containerStatuses: [{ state: pulls }] })] },
    }
    const broken = await run([failed], ['default/web'])
    expect([broken.status, broken.error, removed(broken.calls)]).to.deep.equal([
      ...[1, 'pods do not start: podroute-capture-0: ErrImagePull', 1],
    ])
    const refused = { ...hears(''), status: 1, stderr: 'podroute: capture needs CAP_NET_RAW' }
    const mute = await run([refused], ['default/web'])
    expect([mute.status, removed(mute.calls)]).to.deep.equal([1, 1])
    expect(mute.error).to.include('CAP_NET_RAW')
    const interrupted = await run([], ['default/web'], AbortSignal.abort())
    expect([interrupted.status, removed(interrupted.calls)]).to.deep.equal([0, 1])
  })

  it('says what is left, and which right is missing', async () => {
    const stuck = { ...DELETED, status: 1, stderr: 'timed out' }
    const left = await run([hears(captureOf(1)), stuck], ['default/web'])
    expect(left.said.at(-1)).to.match(
      /are left \(kubectl -n kube-system delete pods -l podroute.io\/capture=\w+\), and end by/,
    )
    const forbidden =
      'pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "kube-system"'
    const denied = await run([{ ...CREATED, status: 1, stderr: forbidden }], ['default/web'])
    expect(denied.error)
      .to.include('jane may not create pods')
      .and.include('capture needs create, list, watch and delete on pods')
    const secured = await run(
      [{ ...CREATED, status: 1, stderr: 'pods "x" is forbidden: violates PodSecurity "restricted"' }],
      ['default/web'],
    )
    expect(secured.error).to.include('Pod Security')
  })

  it('says where it could listen when nobody says where, or on too many nodes', async () => {
    expect((await run([], ['198.51.100.1'])).error).to.equal(
      'say where to listen: --node, one or several of a, b',
    )
    expect((await run([], ['default/web', '--node', 'c'])).error).to.include('no agent is on node c')
    expect((await run([], [])).status).to.equal(2)
  })
})
