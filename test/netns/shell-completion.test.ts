/** Completion in the shells themselves: zsh and fish, with a command line and the tabulator. Bash's has no terminal in the unit tests. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'

const MAIN = join(import.meta.dirname, '../../packages/cli/main.ts')
const PAGES: Readonly<Record<string, unknown>> = {
  '/pages': {
    pages: [
      { name: 'routes', summary: '' },
      {
        ...{ name: 'explain', summary: '' },
        arguments: [
          { name: 'to', kind: 'argument', required: true, summary: '' },
          { name: 'from', kind: 'option', summary: '' },
        ],
      },
    ],
  },
  '/services/tables': {
    tables: [{ columns: ['SERVICE'], rows: [['shop/web'], ['shop/api'], ['default/kubernetes']], empty: '' }],
  },
}

/** Types a line and the tabulator twice in an interactive zsh, and prints what its terminal shows once `$2` is there. */
const ZSH = `
zmodload zsh/zpty
zpty shell zsh -f -i
read_until() {
  local more tries=0
  screen=
  while [[ $screen != *$1* ]] && (( tries++ < 400 )); do
    if zpty -r -t shell more '*'; then screen+=$more; else sleep 0.1; fi
  done
}
zpty -w shell 'autoload -Uz compinit; compinit -u -d $COMPDUMP; source <(podroute completion zsh); print rea""dy'
read_until ready
zpty -w -n shell "$1"$'\\t\\t'
read_until "$2"
print -r -- "$screen"
zpty -d shell
`

describe('completion in shells', function () {
  this.timeout(120_000)
  const directory = mkdtempSync(join(tmpdir(), 'podroute-shells-'))
  const socket = join(directory, 'socket')
  const env = {
    ...{ ...process.env, HOME: directory, PODROUTE_SOCKET: socket, TERM: 'dumb' },
    ...{ PATH: `${directory}:${process.env.PATH}`, COMPDUMP: join(directory, 'dump') },
  }
  let agent: Server

  before(async () => {
    agent = createServer(({ url }, response) => response.end(JSON.stringify(PAGES[url!])))
    await new Promise<void>((resolve) => agent.listen(socket, resolve))
    const program = join(directory, 'podroute')
    writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`)
    chmodSync(program, 0o755)
  })
  after(() => {
    agent.close()
    rmSync(directory, { recursive: true })
  })

  /** What a shell prints; it has nobody to ask. */
  async function printed(shell: string, ...args: readonly string[]): Promise<string> {
    const child = spawn(shell, args, { env, stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 })
    return text(child.stdout)
  }

  /** As fish says what it would offer, without their descriptions. */
  async function fish(...lines: readonly string[]): Promise<readonly string[]> {
    const asked = lines.map((line) => `complete --do-complete '${line}'`)
    const script = ['podroute completion fish | source', ...asked].join('\n')
    const found = await printed('fish', '--no-config', '-c', script)
    return found.split('\n').flatMap((one) => (one === '' ? [] : [one.split('\t')[0]!]))
  }

  it('fish offers commands, options and what the agent knows', async () => {
    const lines = ['podroute ro', 'podroute explain --fr', 'podroute explain sh']
    expect(await fish(...lines)).to.deep.equal(['routes', '--from', 'shop/api', 'shop/web'])
  })

  /** What stands in the terminal when `until` does. */
  const zsh = (line: string, until: string) => printed('zsh', '-f', '-c', ZSH, 'zsh', line, until)

  it('zsh completes what only one fits, and shows what there is to choose from', async () => {
    expect(await zsh('podroute ro', 'routes')).to.include('podroute routes')
    const shown = await zsh('podroute explain shop/', 'shop/web')
    expect(shown).to.include('shop/api').and.include('shop/web')
  })
})
