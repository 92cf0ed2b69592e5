// Looking around in a running lab: status, kubectl, a node's shell, the router, logs.

import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LAB_NAMESPACE, NODES, ROUTER_NAMESPACE } from '../addresses.ts'
import { buildControlPlane } from '../control-plane/build.ts'
import { LabError } from '../errors.ts'
import { runInGuest } from '../node/channel.ts'
import { nodeSocket } from '../node/node.ts'
import { isAlive, Processes } from '../processes.ts'
import { vtysh } from '../router.ts'
import { summary } from '../scenarios/summary.ts'
import { KUBECONFIG, requireLab, STATE } from '../state.ts'

/** Runs a program with our terminal; its exit status. */
function passThrough(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    child.on('error', (cause) => reject(new LabError('command-failed', `cannot start ${command}`, { cause })))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

export async function status(): Promise<number> {
  requireLab()
  const { list } = await Processes.load(STATE)
  for (const entry of list) {
    process.stdout.write(`${entry.name.padEnd(26)} ${isAlive(entry) ? `pid ${entry.pid}` : 'ENDED'}\n`)
  }
  process.stdout.write(`\n${await summary()}\n`)
  return list.every(isAlive) ? 0 : 1
}

export async function kubectlProgram(args: string[]): Promise<number> {
  requireLab()
  const program = join(await buildControlPlane(), 'kubectl')
  return passThrough('ip', ['netns', 'exec', LAB_NAMESPACE, program, `--kubeconfig=${KUBECONFIG}`, ...args])
}

/** `node N`: a shell; `node N COMMAND…`: one command, its words as the shell would see them. */
export async function nodeShell(args: string[]): Promise<number> {
  requireLab()
  const [which = '', ...words] = args
  const node = NODES.find(({ name }, index) => name === which || String(index + 1) === which)
  if (node === undefined) throw new LabError('bad-usage', `which node? 1 to ${NODES.length}`)
  const interactive = words.length === 0 && process.stdin.isTTY
  if (interactive) process.stdin.setRawMode(true)
  try {
    return await runInGuest(
      nodeSocket(STATE, node.name),
      {
        argv: words.length === 0 ? ['/bin/bash', '-i'] : ['/bin/bash', '-c', words.join(' ')],
        env: { TERM: process.env.TERM ?? 'dumb', PS1: `${node.name}:\\w# ` },
        cwd: '/root',
        ...(interactive ? { tty: { rows: process.stdout.rows, columns: process.stdout.columns } } : {}),
      },
      {
        onStdout: (chunk) => process.stdout.write(chunk),
        onStderr: (chunk) => process.stderr.write(chunk),
        ...(words.length === 0 ? { stdin: process.stdin } : {}),
      },
    )
  } finally {
    if (interactive) process.stdin.setRawMode(false)
    process.stdin.pause()
  }
}

/** `router`: FRR's shell; one quoted word: a command of it; more words: a program beside it. */
export async function router(args: string[]): Promise<number> {
  requireLab()
  if (args.length === 0) return passThrough('vtysh', ['--vty_socket', join(STATE, 'router')])
  if (args.length === 1) {
    process.stdout.write(await vtysh(STATE, args[0]!))
    return 0
  }
  return passThrough('ip', ['netns', 'exec', ROUTER_NAMESPACE, ...args])
}

export async function logs(args: string[]): Promise<number> {
  requireLab()
  const folder = join(STATE, 'logs')
  const names = (await readdir(folder)).map((name) => name.replace(/\.log$/, ''))
  const [name] = args
  if (name === undefined) {
    process.stdout.write(
      `${names.join('\n')}\n(in a node: npm run lab -- node 1 tail /var/log/kubelet.log)\n`,
    )
    return 0
  }
  if (!names.includes(name)) throw new LabError('bad-usage', `no log ${name}: one of ${names.join(', ')}`)
  return passThrough('tail', ['-n', '200', join(folder, `${name}.log`)])
}
