/** docs/lab.md, its commands run in its order: with a real container engine, Compose, and machines that are joined by hand. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { LAB_NAMESPACE, NODES } from '../../lab/addresses.ts'
import { requireNoLab, stopLab } from '../../lab/lifecycle.ts'
import { makeNetwork } from '../../lab/network.ts'
import { powerOn, prepareMachine } from '../../lab/node/node.ts'
import { prepare } from '../../lab/prepare.ts'
import { Processes } from '../../lab/processes.ts'
import { Progress } from '../../lab/progress.ts'
import { STATE } from '../../lab/state.ts'
import { blocksOf } from './blocks.ts'
import { Engine } from './engine.ts'
import { Places, readDocument, TOP } from './places.ts'

/** What each block of commands prints, where it prints something that the text promises; by the beginning of the block. */
const PROMISED: readonly (readonly [beginning: string, holds: (output: string) => void])[] = [
  ['export KUBECONFIG', (output) => expect(output).to.match(/ok\n?.*No resources found/s)],
  ['kubectl apply', (output) => expect(output).to.match(/^podroute +0 +0 +0 /m)],
  ['docker compose run', (output) => expect(output).to.match(/^made: node-1, node-2/m)],
  ['ls -A', (output) => expect(output).to.equal('')],
  ['until kubectl get node node-1', (output) => expect(output).to.match(/^\["10\.244\.\d+\.0\/24"/m)],
  [
    'kubectl wait node node-1',
    (output) => {
      expect(output).to.include('node-1 condition met')
      expect(output).to.match(/^podroute-\S+ .* node-1 /m)
    },
  ],
  ['cat /etc/cni', (output) => expect(output).to.match(/"bridge".*"host-local"/s)],
  ['until kubectl get node node-2', (output) => expect(output).to.include('node-2 condition met')],
  ['ip route', (output) => expect(output).to.match(/^10\.244\.\d\.0\/24 via 172\.30\.0\.12 .*proto 179/m)],
  [
    'kubectl -n kube-system exec ds/podroute -c agent -- podroute peers',
    (output) => {
      expect(output).to.match(/node-\d .*established/i)
      expect(output).to.match(/^10\.244\.\d\.0\/24 /m)
    },
  ],
  [
    'kubectl create deployment blue',
    (output) => expect(output.match(/^blue-\S+ +1\/1 +Running/gm)).to.have.length(5),
  ],
  ['address=', roundRobin],
  [
    'kubectl -n kube-system exec ds/podroute -c agent -- podroute services',
    (output) => expect(output).to.include('default/blue'),
  ],
  ['kubectl -n kube-system logs', (output) => expect(output).to.include('podroute status        is it well')],
  [
    'KUBELET_ADDRESS_TYPES',
    (output) => {
      expect(output).to.include('as expected')
      expect(output).to.match(/dial tcp: lookup node-\d/)
    },
  ],
  [
    'node=$(kubectl get node',
    (output) => {
      expect(
        output.match(/^10\.244\.\d\.0\/24 (?:nhid \d+ )?via 172\.30\.0\.1[12] .*proto bgp/gm),
      ).to.have.length(2)
      expect(output).to.match(/\*> +10\.244\.\d\.0\/24 .*64512 i/)
      expect(output).to.match(/172\.30\.0\.1 .*65000 .*established/i)
    },
  ],
  ['pod=$(kubectl get pods', (output) => expect(output).to.match(/^blue-\S+$/m)],
  [
    'until kubectl --kubeconfig $SECOND get node node-3',
    (output) => expect(output).to.match(/node-3 condition met.*successfully rolled out/s),
  ],
  [
    'until ip route',
    (output) => expect(output).to.match(/^10\.245\.0\.0\/24 via 172\.30\.0\.13 .*proto 179/m),
  ],
  ['pod=$(kubectl --kubeconfig $SECOND', (output) => expect(output).to.match(/^green-\S+$/m)],
  ['tail -n 1', (output) => expect(output).to.match(/ std(out|err) F \S+Z +(DEBUG|INFO|WARN|ERROR) /)],
  [
    'kubectl -n kube-system get configmap',
    (output) => expect(output).to.include('configmap/podroute configured'),
  ],
]

/** Ten answers of five pods, each twice. */
function roundRobin(output: string): void {
  const counts = Map.groupBy(output.trim().split('\n'), (name) => name)
  expect([...counts.values()].map(({ length }) => length)).to.deep.equal([2, 2, 2, 2, 2])
}

const BLOCKS = blocksOf(await readDocument('lab.md'))

describe('docs/lab.md', function () {
  // What comes after a command that failed says nothing.
  this.bail(true)
  const machines = NODES.slice(0, 3)
  const processes = new Processes(STATE, true)
  const states = ['.kubernetes', '.kubernetes-second'].map((name) => join(TOP, name))
  let directory: string
  let engine: Engine
  let places: Places

  before(async () => {
    await requireNoLab()
    for (const state of states)
      if (existsSync(state)) throw new Error(`${state} is there already: of a cluster of somebody's?`)
    const prepared = await prepare(new Progress(() => {}), { tests: true })
    directory = await mkdtemp(join(tmpdir(), 'podroute-document-'))
    await mkdir(STATE, { mode: 0o755 })
    await makeNetwork()
    const options = machines.map((addresses) => ({ addresses, processes, ...prepared }))
    for (const machine of options) await powerOn(machine)
    engine = await Engine.start(processes, LAB_NAMESPACE)
    await Promise.all([engine.importLab(prepared.programs), ...options.map(prepareMachine)])
    places = new Places({ directory, programs: prepared.programs, dockerHost: engine.host })
    await places.prepare()
  })

  after(async () => {
    await engine?.[Symbol.asyncDispose]()
    await processes.stop()
    await stopLab()
    for (const state of states) await rm(state, { recursive: true, force: true })
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  })

  for (const block of BLOCKS) {
    const [title] = block.commands.split('\n')
    it(`${block.section}: ${block.place}: ${title!.slice(0, 70)}`, async () => {
      const { code, stdout, stderr } = await places.run(block)
      expect(code, `${stdout}\n${stderr}`).to.equal(0)
      for (const [beginning, holds] of PROMISED)
        if (block.commands.startsWith(beginning)) holds(`${stdout}${stderr}`)
    })
  }

  it('promises nothing else', () => {
    for (const [beginning] of PROMISED)
      expect(
        BLOCKS.some(({ commands }) => commands.startsWith(beginning)),
        beginning,
      ).to.equal(true)
  })
})
