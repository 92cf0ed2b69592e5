// Runs the examples as users do, each in its own process, with each other.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'

class Program {
  readonly #child: ChildProcess
  #text = ''
  #look: () => void = () => {}

  constructor(name: string, ...args: readonly string[]) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, name), ...args])
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#text += text
        this.#look()
      })
  }

  /** Resolves with the match once it is printed. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      this.#look = () => {
        const match = pattern.exec(this.#text)
        if (match) resolve(match)
      }
      this.#look()
    })
  }

  get text(): string {
    return this.#text
  }

  async end(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode
    const ended = new Promise<number | null>((resolve) => void this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    return ended
  }
}

describe('the examples', () => {
  const programs: Program[] = []
  const run = (...args: readonly [string, ...string[]]) => {
    const program = new Program(...args)
    programs.push(program)
    return program
  }
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.end()
  })

  it('announce and route-server: a route of one client reaches the other, a long one does not', async () => {
    const ranges = ['--range', '127.0.3.2/31=64513', '--range', '127.0.3.4/31=64514']
    const server = run('route-server.ts', '--address', '127.0.3.1', '--port', '0', ...ranges)
    const [, port = ''] = await server.says(/listening on (\d+)/)
    const common = ['--peer', '127.0.3.1', '--peer-asn', '64512', '--port', port]
    const one = run(
      'announce.ts',
      '--id',
      '127.0.3.2',
      '--asn',
      '64513',
      ...common,
      '10.1.0.0/16',
      '10.2.0.0/25',
    )
    const two = run('announce.ts', '--id', '127.0.3.4', '--asn', '64514', ...common)
    await server.says(/rejected 10\.2\.0\.0\/25 of 127\.0\.3\.2: otherwise/)
    await two.says(/10\.1\.0\.0\/16 via 127\.0\.3\.2/)
    expect(two.text).to.not.include('10.2.0.0')
    expect(await server.end()).to.equal(0)
    await one.says(/down 127\.0\.3\.1: .*the program ends/)
  })
})
