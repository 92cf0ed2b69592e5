import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { createPlugin } from '../kubectl/plugin.ts'
import { createProgram } from '../program.ts'
import { FakeKubectl } from '../testing/fake-kubectl.ts'
import { QUIET } from '../testing/surroundings.ts'
import { candidates } from './candidates.ts'
import { completionScript } from './scripts.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const PAGES = [
  { name: 'routes', summary: '' },
  {
    ...{ name: 'explain', summary: '' },
    arguments: [
      { name: 'to', kind: 'argument', required: true, summary: '' },
      { name: 'from', kind: 'option', summary: '' },
    ],
  },
] as const
const SERVICES = ['shop/web', 'shop/api', 'default/kubernetes']

describe('completion', () => {
  const ask = (...words: string[]) =>
    candidates(createProgram('0', QUIET, PAGES), words, async (of) => (of === 'to' ? SERVICES : []))

  it('knows commands, also those of the agent, and none that are hidden', async () => {
    expect(await ask('')).to.include.members([
      'status',
      'doctor',
      'routes',
      'explain',
      'completion',
      'bundle',
    ])
    expect((await ask('')).filter((name) => name.startsWith('_'))).to.deep.equal([])
    expect(await ask('ro')).to.deep.equal(['routes'])
    expect(await ask('nothing-of-that')).to.deep.equal([])
  })

  it('knows options of the command, what may be given for them, and arguments', async () => {
    expect(await ask('explain', '--f')).to.deep.equal(['--from'])
    expect(await ask('routes', '-o', '')).to.deep.equal(['json', 'text', 'yaml'])
    expect(await ask('-o', 'y')).to.deep.equal(['yaml'])
    expect(await ask('completion', 'z')).to.deep.equal(['zsh'])
    expect(await ask('explain', 'shop/')).to.deep.equal(['shop/api', 'shop/web'])
    expect(await ask('explain', '--from', '')).to.deep.equal([])
    expect(await ask('explain', '--from', 'x', 'de')).to.deep.equal(['default/kubernetes'])
    expect(await ask('explain', 'shop/web', '')).to.deep.equal([])
  })

  it('of kubectl’s plugin asks an agent, and knows nodes', async () => {
    const running = (node: string) => ({
      ...{ kind: 'Pod', metadata: { name: `podroute-${node}` }, spec: { nodeName: node } },
      status: { phase: 'Running', containerStatuses: [{ name: 'agent', state: { running: {} } }] },
    })
    using kubectl = new FakeKubectl([
      { to: 'get pods', stdout: { items: [running('node-1'), running('other-2')] } },
      { to: 'podroute __complete -- routes -', stdout: '--watch\n--help\n' },
      { to: 'podroute __complete -- ', stdout: 'routes\nstatus\n' },
    ])
    const complete = async (...words: string[]) => {
      let written = ''
      const write = (more: string) => {
        written += more
      }
      const plugin = createPlugin('0', kubectl.program, { ...QUIET, write })
      await plugin.parseAsync(['__complete', '--', ...words], { from: 'user' })
      return written.split('\n').slice(0, -1)
    }
    expect(await complete('')).to.deep.equal(['events', 'routes', 'status'])
    expect(await complete('--node', '')).to.deep.equal(['node-1', 'other-2'])
    expect(await complete('--node', 'node-1', 'ev')).to.deep.equal(['events'])
    expect(await complete('routes', '-')).to.include.members(['--node', '--watch', '--context'])
  }).timeout(60_000)

  describe('in bash', () => {
    const directory = mkdtempSync(join(tmpdir(), 'podroute-completion-'))
    const socket = join(directory, 'socket')
    const program = join(directory, 'podroute')
    let agent: Server

    before(async () => {
      const pages: Readonly<Record<string, unknown>> = {
        '/pages': { pages: PAGES },
        '/services/tables': {
          tables: [{ columns: ['SERVICE'], rows: SERVICES.map((name) => [name]), empty: '' }],
        },
      }
      agent = createServer(({ url }, response) => response.end(JSON.stringify(pages[url!])))
      await new Promise<void>((resolve) => agent.listen(socket, resolve))
      writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`)
      chmodSync(program, 0o755)
    })

    after(() => {
      agent.close()
      rmSync(directory, { recursive: true })
    })

    /** As bash does when somebody has typed `line` and the tabulator. */
    async function complete(line: string): Promise<readonly string[]> {
      const script = `source <(podroute completion bash)
        COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}
        IFS=' :' read -ra COMP_WORDS <<< "$COMP_LINE"; [[ $COMP_LINE == *[\\ :] ]] && COMP_WORDS+=("")
        COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
        $(complete -p podroute | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        printf '%s\\n' "\${COMPREPLY[@]}"`
      const env = { ...process.env, PATH: `${directory}:${process.env.PATH}`, PODROUTE_SOCKET: socket }
      const child = spawn('bash', ['--norc', '-c', script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      return (await text(child.stdout)).split('\n').filter((found) => found !== '')
    }

    it('completes commands, options and names that the agent knows', async () => {
      expect(await complete('podroute ro')).to.deep.equal(['routes'])
      expect(await complete('podroute routes -o ')).to.deep.equal(['json', 'text', 'yaml'])
      expect(await complete('podroute explain sh')).to.deep.equal(['shop/api', 'shop/web'])
      expect(await complete('podroute explain --fr')).to.deep.equal(['--from'])
    }).timeout(60_000)

    it('says nothing, for files to be completed, where it knows nothing', async () => {
      expect(await complete('podroute bundle --write ')).to.deep.equal([])
    }).timeout(60_000)
  })

  it('has a script for each shell that it names, which that of sh and bash can read', () => {
    for (const [shell, name] of [
      ['bash', 'bash'],
      ['sh', 'kubectl'],
    ] as const)
      execFileSync(shell, ['-n'], { input: completionScript(name) })
    for (const name of ['zsh', 'fish'] as const)
      expect(completionScript(name)).to.include('podroute').and.include('__complete')
  })
})
