/** A program that answers as kubectl would, from a list: what is asked is matched by its arguments. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakeAnswer {
  /** Part of the arguments, joined by blanks. */
  readonly to: string
  readonly stdout?: unknown
  /** In place of it, as base64. */
  readonly bytes?: string
  readonly stderr?: string
  readonly status?: number
  /** It is gone after that many times, and the next one that fits is given. Absent: it stays. */
  readonly times?: number
}

const PROGRAM = `#!${process.execPath}
const fs = require('node:fs')
const args = process.argv.slice(2).join(' ')
const log = __dirname + '/log'
const before = fs.existsSync(log) ? fs.readFileSync(log, 'utf8').split('\\n') : []
fs.appendFileSync(log, args + '\\n')
const fitting = JSON.parse(fs.readFileSync(__dirname + '/answers')).filter(({ to }) => args.includes(to))
let seen = before.filter((line) => line === args).length
const answer = fitting.find(({ times = Infinity }) => (seen -= times) < 0)
if (!answer) { process.stderr.write('nothing is known of: ' + args); process.exit(1) }
const { stdout = '', bytes, stderr = '', status = 0 } = answer
process.stdout.write(bytes !== undefined ? Buffer.from(bytes, 'base64') : typeof stdout === 'string' ? stdout : JSON.stringify(stdout))
process.stderr.write(stderr)
process.exitCode = status
`

export class FakeKubectl implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'podroute-kubectl-'))
  readonly program = join(this.#directory, 'kubectl')

  constructor(answers: readonly FakeAnswer[]) {
    writeFileSync(join(this.#directory, 'answers'), JSON.stringify(answers))
    writeFileSync(this.program, PROGRAM)
    chmodSync(this.program, 0o755)
  }

  /** The arguments of each call. */
  get calls(): readonly string[] {
    return readFileSync(join(this.#directory, 'log'), 'utf8').trimEnd().split('\n')
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true })
  }
}
