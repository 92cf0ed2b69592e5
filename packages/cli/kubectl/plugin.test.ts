import { expect } from 'chai'
import { parse } from 'yaml'
import { exitStatus } from '../errors.ts'
import { type FakeAnswer, FakeKubectl } from '../testing/fake-kubectl.ts'
import { QUIET } from '../testing/surroundings.ts'
import { createPlugin } from './plugin.ts'

const running = (node: string) => ({
  kind: 'Pod',
  metadata: { name: `podroute-${node}` },
  spec: { nodeName: node },
  status: { phase: 'Running', containerStatuses: [{ name: 'agent', state: { running: {} } }] },
})
const broken = {
  ...running('node-3'),
  status: {
    phase: 'Running',
    containerStatuses: [{ name: 'agent', state: { waiting: { reason: 'CrashLoopBackOff' } } }],
  },
}
const leaving = { ...running('node-9'), metadata: { name: 'old', deletionTimestamp: '2026-01-01T00:00:00Z' } }
const daemonSet = (desiredNumberScheduled: number) => ({
  ...{ kind: 'DaemonSet', metadata: { name: 'podroute' } },
  ...{ spec: {}, status: { desiredNumberScheduled } },
})
const pods = (...items: unknown[]): FakeAnswer => ({ to: 'get pods ', stdout: { items } })
const all = (...items: unknown[]): FakeAnswer => ({ to: 'get pods,daemonsets.apps', stdout: { items } })
const says = (node: string, stdout: unknown, more: Partial<FakeAnswer> = {}): FakeAnswer => ({
  ...{ to: `exec podroute-${node} --container agent -- podroute`, stdout },
  ...more,
})
const status = (ready: boolean) => ({
  version: '0.1.0',
  ready,
  conditions: [
    { name: 'node', ok: true, detail: '' },
    { name: 'peers', ok: ready, detail: 'waiting for node-2' },
    { name: 'configuration', ok: false, detail: 'old', advisory: true },
  ],
})
const TWO = [running('node-2'), running('node-1')]

describe('kubectl podroute', function () {
  // Each question is a process.
  this.timeout(60_000)

  async function run(answers: readonly FakeAnswer[], ...args: string[]) {
    using kubectl = new FakeKubectl(answers)
    return { ...(await start(kubectl.program, args)), calls: kubectl.calls }
  }

  async function start(program: string, args: readonly string[]) {
    const seen = { written: '', said: [] as string[], status: -1, error: '' }
    const plugin = createPlugin('0', program, {
      ...QUIET,
      write(text) {
        seen.written += text
      },
      say: (line) => void seen.said.push(line),
      exit(code) {
        seen.status = code
      },
    }).configureOutput({ writeErr() {} })
    await plugin.parseAsync([...args], { from: 'user' }).catch((error: unknown) => {
      seen.status = exitStatus(error)
      seen.error = (error as Error).message
    })
    return seen
  }

  it('asks all agents by the label of their DaemonSet, and joins their answers by node', async () => {
    const answers = [pods(leaving, ...TWO), says('node-1', { routes: [1] }), says('node-2', { routes: [] })]
    const json = await run(answers, 'routes', '--json')
    const expected = {
      nodes: [
        { node: 'node-1', pod: 'podroute-node-1', status: 0, answer: { routes: [1] } },
        { node: 'node-2', pod: 'podroute-node-2', status: 0, answer: { routes: [] } },
      ],
    }
    expect(JSON.parse(json.written)).to.deep.equal(expected)
    expect(json.status).to.equal(0)
    expect(json.calls).to.include('--namespace kube-system get pods --selector app=podroute --output json')
    expect(parse((await run(answers, 'routes', '-o', 'yaml')).written)).to.deep.equal(expected)
  })

  it('shows people the answers under each other, with the options that are the command’s', async () => {
    const answers = [pods(...TWO), says('node-1', 'A\n'), says('node-2', 'B\n')]
    const { written, calls } = await run(answers, 'doctor', '--all', '-n', 'net', '--context', 'lab')
    expect(written).to.equal('== node-1\nA\n\n== node-2\nB\n')
    expect(calls).to.include(
      '--context lab --namespace net exec podroute-node-1 --container agent -- podroute doctor --all',
    )
  })

  it('passes a verdict on, and says which agents cannot be asked, and why', async () => {
    const verdict = await run(
      [
        pods(running('node-1')),
        says('node-1', {}, { status: 3, stderr: 'command terminated with exit code 3\n' }),
      ],
      ...['doctor', '--json'],
    )
    expect(verdict.status).to.equal(3)
    const wrong = {
      ...{ stderr: 'podroute: the agent has no page "x"\ncommand terminated with exit code 2\n' },
      ...{ status: 2, stdout: '' },
    }
    const { written, status: code } = await run(
      [pods(running('node-1'), broken), says('node-1', '', wrong)],
      'x',
    )
    expect(code).to.equal(1)
    expect(written).to.include('the agent has no page "x"').and.include('CrashLoopBackOff')
  })

  it('hands one node’s agent the terminal, and says on which nodes there are agents', async () => {
    const answers = [pods(...TWO), says('node-2', '', { status: 3 })]
    const one = await run(answers, 'events-of', '--node', 'node-2', '--follow', '-o', 'json')
    expect(one.calls.at(-1)).to.match(/exec podroute-node-2 .* podroute events-of --follow -o json$/)
    expect(one.status).to.equal(3)
    const none = await run(answers, 'routes', '--node', 'node-7')
    expect(none.error).to.equal('no agent is on node node-7: there are some on node-1, node-2')
    expect(none.status).to.equal(2)
    expect((await run(answers, 'drops', '--follow')).error).to.include('--node')
    expect((await run([pods(broken)], 'routes', '--node', 'node-3')).error).to.include('CrashLoopBackOff')
  })

  it('says what to do without kubectl, pods, rights, or a cluster', async () => {
    expect((await start('/nowhere/kubectl', ['status'])).error).to.include('install it')
    expect((await run([pods()], 'status')).error).to.include('no pods of podroute (app=podroute)')
    const forbidden =
      'Error from server (Forbidden): pods "podroute-node-1" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "kube-system"'
    const denied = await run(
      [pods(...TWO), says('node-', '', { to: ' exec ', stderr: forbidden, status: 1 })],
      'status',
    )
    expect(denied.error).to.match(
      /^jane may not create pods\/exec in namespace kube-system: .*create on pods\/exec/,
    )
    const refused = 'E1130 06:20:15.2 1 memcache.go] x\nThe connection to the server 1.2.3.4 was refused'
    const away = await run([{ to: 'get pods', stderr: refused, status: 1 }], 'status')
    expect(away.error).to.match(/^kubectl does not reach the cluster: The connection .*\n.*--kubeconfig/)
    for (const { status: code } of [denied, away]) expect(code).to.equal(1)
  })

  it('shows the agents’ Events with kubectl', async () => {
    const { calls } = await run([{ to: 'get events' }], 'events', '--follow', '--node', 'node-1')
    expect(calls[0]).to.include(
      'get events --all-namespaces --field-selector reportingComponent=podroute.io/agent,involvedObject.name=node-1 --watch',
    )
  })

  it('helps with itself, with its own commands, and by an agent with those of the agents', async () => {
    for (const [args, usage] of [
      [['help'], '[options] [command...]'],
      [['ui', '-h'], '[options] [command...]'],
      [['connectivity', '--help'], 'connectivity [options]'],
      [['help', 'connectivity'], 'connectivity [options]'],
      [['capture', '-h'], 'capture [options] [what]'],
    ] as const) {
      const { status: code, written } = await start('/nowhere/kubectl', args)
      expect(code, args.join(' ')).to.equal(0)
      expect(written, args.join(' ')).to.include(`Usage: kubectl podroute ${usage}\n`)
    }
    const { calls } = await run(
      [pods(broken, ...TWO), says('node-1', 'Usage: podroute routes')],
      'routes',
      '--help',
    )
    expect(calls.at(-1)).to.match(/exec podroute-node-1 .* podroute routes --help$/)
    const none = await run([pods(broken)], 'routes', '--help')
    expect([none.status, none.error]).to.deep.equal([
      1,
      'no agent runs that could say: kubectl podroute status says why',
    ])
  })

  it('says once what is wrong with the question where all agents refuse it, and takes no more than it knows', async () => {
    const stderr =
      "error: unknown option '--x'\n(podroute routes --help says what there is)\ncommand terminated with exit code 2\n"
    const refused = (node: string) => says(node, '', { stderr, status: 2 })
    const both = await run([pods(...TWO), refused('node-1'), refused('node-2')], 'routes', '--x')
    expect([both.status, both.written, both.error]).to.deep.equal([
      ...[2, ''],
      "unknown option '--x'\n(kubectl podroute routes --help says what there is)",
    ])
    const one = await run([pods(...TWO), refused('node-1'), says('node-2', 'fine')], 'routes', '--x')
    expect(one.written, 'an older agent does not know it').to.include('fine').and.include('unknown option')
    for (const args of [
      ['events', '--x'],
      ['status', '--cluster', '--node', 'node-1'],
    ])
      expect((await start('/nowhere/kubectl', args)).status, args.join(' ')).to.equal(2)
  })

  it('says that there is no kubeconfig where kubectl asks this machine', async () => {
    const refused =
      'The connection to the server localhost:8080 was refused - did you specify the right host or port?'
    const { status: code, error } = await run([{ to: 'get pods', status: 1, stderr: refused }], 'routes')
    expect(code).to.equal(1)
    expect(error).to.include('give --kubeconfig FILE, or set KUBECONFIG')
  })

  describe('status --cluster', () => {
    it('has one verdict on all nodes, those without an agent too', async () => {
      const well = await run(
        [all(daemonSet(2), ...TWO), says('node-1', status(true)), says('node-2', status(true))],
        ...['status', '--cluster'],
      )
      expect(well.status).to.equal(0)
      expect(well.written).to.match(/\nready: all 2 nodes have their network\n$/)
      const answers = [all(daemonSet(3), ...TWO), says('node-1', status(true)), says('node-2', status(false))]
      const ill = await run(answers, 'status', '--cluster', '--json')
      expect(ill.status).to.equal(3)
      const { ready, wanted, nodes } = JSON.parse(ill.written)
      expect({ ready, wanted }).to.deep.equal({ ready: false, wanted: 3 })
      expect(nodes.map((node: { detail: string }) => node.detail)).to.deep.equal([
        '',
        'peers: waiting for node-2',
      ])
      expect((await run(answers, 'status', '--cluster')).written).to.match(
        /not ready: 1 of 3 nodes have their network; not node-2, 1 without an agent\n$/,
      )
    })

    it('waits until all is well, and says for whom', async () => {
      const answers = [
        ...[all(daemonSet(2), ...TWO), says('node-1', status(true))],
        ...[says('node-2', status(false), { times: 2 }), says('node-2', status(true))],
      ]
      const { status: code, said } = await run(answers, 'status', '--cluster', '--wait')
      expect(code).to.equal(0)
      expect(said).to.deep.equal(['not ready: 1 of 2 nodes have their network; not node-2'])
    })

    it('waits for a DaemonSet that is just made, which has no node yet', async () => {
      const answers = [
        { ...all(daemonSet(0)), times: 2 },
        all(daemonSet(1), running('node-1')),
        says('node-1', status(true)),
      ]
      const { status: code, said } = await run(answers, 'status', '--cluster', '--wait')
      expect(code).to.equal(0)
      expect(said).to.deep.equal(['not ready: no node is to run an agent yet'])
      expect((await run([all(daemonSet(0))], 'status', '--cluster')).status).to.equal(3)
    })

    it('ends with what is missing when its time is over', async () => {
      const answers = [all(daemonSet(1), running('node-1')), says('node-1', status(false))]
      const { status: code, written } = await run(answers, 'status', '--wait', '--timeout', '10ms')
      expect(code).to.equal(3)
      expect(written).to.include('peers: waiting for node-2')
    })

    it('is for status, and for times that are some', async () => {
      for (const args of [
        ['routes', '--cluster'],
        ['status', '--wait', '--timeout', 'soon'],
      ])
        expect((await start('/nowhere/kubectl', args)).status, args.join(' ')).to.equal(2)
    })
  })
})
