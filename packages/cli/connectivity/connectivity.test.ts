import { expect } from 'chai'
import { reportCommand } from '../command.ts'
import { exitStatus } from '../errors.ts'
import { type FakeAnswer, FakeKubectl } from '../testing/fake-kubectl.ts'
import { QUIET } from '../testing/surroundings.ts'
import { connectivity } from './connectivity.ts'

const agent = (node: string) => ({
  ...{ kind: 'Pod', metadata: { name: `podroute-${node}` } },
  spec: { nodeName: node, containers: [{ name: 'agent', image: 'registry/podroute:1' }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'agent', state: { running: {} } }] },
})
const AGENTS: FakeAnswer = { to: 'get pods --selector', stdout: { items: [agent('a'), agent('b')] } }
const CREATED: FakeAnswer = { to: ' create -f -', stdout: '' }
const DELETED: FakeAnswer = { to: ' delete namespace', stdout: '' }
const waiting = {
  ...{ kind: 'Pod', metadata: { name: 'server-0' }, spec: { nodeName: 'a' } },
  status: { containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull' } } }] },
}

describe('connectivity', function () {
  this.timeout(60_000)

  async function run(answers: readonly FakeAnswer[], args: readonly string[], signal = QUIET.signal) {
    using kubectl = new FakeKubectl(answers)
    const seen = { status: -1, error: '', written: '', said: [] as string[] }
    const command = reportCommand(connectivity, {
      ...QUIET,
      signal,
      say: (line) => void seen.said.push(line),
      write: (text) => {
        seen.written += text
      },
      exit: (status) => {
        seen.status = status
      },
    })
    await command
      .exitOverride()
      .configureOutput({ writeErr() {} })
      .parseAsync(['--kubectl', kubectl.program, ...args], { from: 'user' })
      .catch((error: unknown) => {
        seen.status = exitStatus(error)
        seen.error = (error as Error).message
      })
    return { ...seen, calls: seen.status === 2 ? [] : kubectl.calls }
  }

  const namespaceIn = (call: string | undefined) => /podroute-connectivity-\w+/.exec(call ?? '')?.[0]

  it('removes its namespace when pods do not start in time, and says why they do not', async () => {
    const answers = [AGENTS, CREATED, DELETED, { to: 'get pods,services', stdout: { items: [waiting] } }]
    const { status, error, calls } = await run(answers, ['--timeout', '10ms'])
    expect(status).to.equal(1)
    expect(error).to.equal('pods do not start: server-0 on a: ErrImagePull')
    expect(calls.at(-1)).to.include('delete namespace podroute-connectivity-')
    expect(namespaceIn(calls.at(-1))).to.equal(namespaceIn(calls.find((call) => call.includes(CREATED.to))))
  })

  it('removes it also when not all could be made, and when it is interrupted', async () => {
    const refused = { ...CREATED, status: 1, stderr: 'Error from server: quota' }
    const failed = await run([AGENTS, refused, DELETED], [])
    expect(failed.error).to.equal('kubectl: Error from server: quota')
    expect(failed.calls.at(-1)).to.include('delete namespace')
    const answers = [AGENTS, CREATED, DELETED, { to: 'get pods,services', stdout: { items: [waiting] } }]
    const { status, calls } = await run(answers, ['-o', 'json'], AbortSignal.abort())
    expect(status).to.equal(130)
    expect(calls.at(-1)).to.include('delete namespace')
  })

  it('says what is left when it cannot be removed, and leaves it where that is wanted', async () => {
    const pods = { to: 'get pods,services', stdout: { items: [waiting] } }
    const stuck = { ...DELETED, status: 1, stderr: 'timed out' }
    const left = await run([AGENTS, CREATED, stuck, pods], ['--timeout', '10ms'])
    expect(left.said.at(-1)).to.match(/is left \(kubectl delete namespace podroute-.*\): timed out$/)
    const kept = await run([AGENTS, CREATED, pods], ['--timeout', '10ms', '--keep'])
    expect(kept.calls.filter((call) => call.includes('delete'))).to.deep.equal([])
    expect(kept.said.at(-1)).to.match(/^kubectl delete namespace podroute-/)
  })

  it('refuses what it does not understand', async () => {
    for (const args of [
      ['--timeout', 'soon'],
      ['--external', 'nowhere'],
      ['--settle', '0'],
    ])
      expect((await run([], args)).status, args.join(' ')).to.equal(2)
    const none = await run([AGENTS], ['--nodes', 'a,c'])
    expect(none.error).to.equal('no agent runs on node c: some do on a, b')
  })
})
