import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { build } from 'esbuild'
import * as source from './pod-programs.ts'
import type { Expectation, Outcome, Probe } from './probe.ts'

const HOST = '127.0.0.1'

/** As kubectl's plugin has them: in one file with others that have functions of the same names. */
async function bundled(minifyIdentifiers: boolean): Promise<typeof source> {
  const contents = `
    export * from './pod-programs.ts'
    export * from './other.js'
    export function main() {}
    export function late() {}`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node22', write: false },
    ...{ minifySyntax: true, minifyWhitespace: true, minifyIdentifiers },
    plugins: [
      {
        name: 'other',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /other\.js$/ }, () => ({ path: 'other', namespace: 'other' }))
          const others = ['attempt', 'round', 'answers', 'serve', 'bytesOf', 'askTcp']
          const text = others.map((name) => `function ${name}() { return ${name} }`).join('\n')
          onLoad({ filter: /.*/, namespace: 'other' }, () => ({
            contents: `${text}\nexport const all = [${others.join()}]`,
          }))
        },
      },
    ],
  })
  const text = outputFiles[0]!.text
  return import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`)
}

for (const [how, programs] of [
  ['as they stand', async () => source],
  ['in a bundle', () => bundled(false)],
  ['in a bundle with short names', () => bundled(true)],
] as const)
  describe(`connectivity: programs of the pods, ${how}`, function () {
    this.timeout(60_000)
    let made: typeof source
    const servers: ChildProcess[] = []
    let port = 0
    let closed = 0

    before(async () => {
      made = await programs()
      port = await freePort()
      closed = await freePort()
      servers.push(
        spawn(process.execPath, ['-e', made.serverProgram('server-0', port)], { stdio: 'inherit' }),
      )
      const [outcome] = await probe([{ expect: { kind: 'open' } }], 30_000)
      expect(outcome!.problem).to.equal('')
    })

    after(() => {
      for (const server of servers) server.kill()
    })

    /** As pods do it: the program is read from standard input. */
    async function probe(asked: readonly Partial<Probe>[], settle = 0): Promise<readonly Outcome[]> {
      const probes = asked.map(
        (one, id): Probe => ({
          ...{ id, kind: 'tcp', host: HOST, port, family: 4, expect: { kind: 'open' } },
          ...one,
        }),
      )
      const child = spawn(process.execPath, ['-'], { stdio: ['pipe', 'pipe', 'inherit'] })
      child.stdin.end(made.probeProgram(probes, { settle, connection: 1000 }))
      const outcomes = JSON.parse(await text(child.stdout)) as Outcome[]
      return outcomes.toSorted((a, b) => a.id - b.id)
    }

    const answer = (more: Partial<Expectation & { kind: 'answer' }> = {}): Expectation => ({
      ...{ kind: 'answer', names: ['server-0'] },
      ...more,
    })

    it('find that it answers by TCP and UDP, large too, and whom it sees', async () => {
      const outcomes = await probe([
        { expect: answer({ client: HOST }) },
        { expect: answer({ bytes: 60_000 }) },
        { kind: 'udp', expect: answer({ client: HOST, each: true }) },
        { kind: 'udp', expect: answer({ bytes: 4000, same: true }) },
        { expect: { kind: 'reached' } },
        { port: closed, expect: { kind: 'reached' } },
        { port: closed, expect: { kind: 'silence' } },
      ])
      expect(outcomes.map(({ problem }) => problem)).to.deep.equal(Array(7).fill(''))
    })

    it('say what came in place of what has to come', async () => {
      const outcomes = await probe([
        { expect: answer({ names: ['server-1'] }) },
        { expect: answer({ client: '192.0.2.1' }) },
        { expect: answer({ names: ['server-0', 'server-1'], each: true }) },
        { expect: { kind: 'silence' } },
        { port: closed, expect: answer() },
        { port: closed, kind: 'udp', expect: answer() },
        { kind: 'lookup', host: 'nothing.invalid', expect: { kind: 'addresses', addresses: ['192.0.2.1'] } },
      ])
      const problems = outcomes.map(({ problem }) => problem)
      expect(problems.slice(0, -1)).to.deep.equal([
        'server-0 answers, not server-1',
        'it sees 127.0.0.1, not 192.0.2.1',
        'server-1 never answers',
        'server-0 answers, and nobody may',
        'the connection is refused',
        'the connection is refused',
      ])
      expect(problems.at(-1)).to.not.equal('')
    })
  })

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, HOST, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
