import { TRIAL_ROLE, type Trial } from '@podroute/feature/trial.ts'
import { expect } from 'chai'
import { kubectlOf } from '../kubectl/kubectl.ts'
import { type FakeAnswer, FakeKubectl } from '../testing/fake-kubectl.ts'
import { standObjects } from './objects.ts'
import { trialsOf } from './trials.ts'

const LOCKS: Trial = { hop: 'locks', objects: [{ kind: 'Lock' }], ways: [] }
const GATES: Trial = { hop: 'gates', objects: [{ kind: 'Gate' }], ways: [] }
const AGENTS = ['a', 'b', 'c'].map((node) => ({ node, pod: `podroute-${node}` }))

describe('connectivity: what features want to be tried', function () {
  this.timeout(60_000)

  const of = async (...answers: readonly FakeAnswer[]) => {
    using kubectl = new FakeKubectl(answers)
    return await trialsOf(kubectlOf(kubectl.program, { namespace: 'kube-system' }), AGENTS)
  }
  const answer = (node: string, ...trials: readonly Trial[]): FakeAnswer => ({
    ...{ to: `exec podroute-${node} --container agent -- podroute trials`, stdout: { trials } },
  })
  /** Of a version that knows of none. */
  const older: FakeAnswer = {
    ...{ to: 'exec podroute-c', status: 2 },
    stderr: 'podroute: the agent has no page "trials"\ncommand terminated with exit code 2\n',
  }

  it('is what any of the agents says, each once, and nothing of agents that know of none', async () => {
    expect(await of(answer('a', LOCKS), answer('b', GATES, LOCKS), older)).to.deep.equal([LOCKS, GATES])
    expect(await of({ ...older, to: 'exec' })).to.deep.equal([])
  })

  it('is made beside the pods, with a guarded one on each node, and no such pod where nothing is', () => {
    const made = (trials: readonly Trial[]) => {
      const objects = standObjects({ namespace: 'ns', nodes: ['a', 'b'], image: 'image', trials })
      return objects as {
        kind: string
        metadata: { labels: Record<string, string> }
        spec: { nodeName: string }
      }[]
    }
    const guarded = (objects: ReturnType<typeof made>) =>
      objects.filter(({ kind, metadata }) => kind === 'Pod' && metadata.labels[TRIAL_ROLE] === 'guarded')
    const both = made([LOCKS, GATES])
    expect(both).to.include.members([LOCKS.objects[0], GATES.objects[0]])
    expect(guarded(both).map(({ spec }) => spec.nodeName)).to.deep.equal(['a', 'b'])
    expect(guarded(made([]))).to.deep.equal([])
  })
})
