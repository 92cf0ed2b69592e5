/**
 * A small cluster of network namespaces: a node with a bridge and two pods, another node with pods, and a client outside.
 *
 *   pod-a 10.244.1.2 ─┐ kube-bridge 10.244.1.1            ┌─ other 172.31.0.12: pods c 10.244.2.2, d 10.244.2.3
 *   pod-b 10.244.1.3 ─┴─ node 172.31.0.11 ──── lan ───────┴─ client 172.31.0.100
 *
 * The same in IPv6: fd10:244:1::, fd10:244:2::, fd31::.
 */
import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const PORTS = [8080, 8081]
export const NODE = { v4: '172.31.0.11', v6: 'fd31::11' }
export const POD_CIDRS = ['10.244.0.0/16', 'fd10:244::/32']
/** Addresses of the pods a and b of the node, and c and d of another one. */
export const A4 = '10.244.1.2'
export const B4 = '10.244.1.3'
export const C4 = '10.244.2.2'
export const D4 = '10.244.2.3'
export const A6 = 'fd10:244:1::2'
export const B6 = 'fd10:244:1::3'
export const C6 = 'fd10:244:2::2'

/** A namespace with a process in it that answers and asks. */
export interface Host extends AsyncDisposable {
  readonly name: string
  readonly namespace: string
  /** What the server said: `name client-address`. Rejects with the code of the error: `ECONNREFUSED`, `ETIMEDOUT`. */
  tcp(host: string, port: number, localPort?: number, more?: Asking): Promise<string>
  udp(host: string, port: number, localPort?: number): Promise<string>
  /** Four clients ask for so long, two of them with a connection for each question. */
  load(host: string, port: number, milliseconds: number): Promise<Load>
  sctp(host: string, port: number): Promise<string>
  /** Answers on an SCTP port of both families, too. */
  serveSctp(port: number): Promise<string>
  /** Opens a TCP connection that stays; each call of the result asks once more on it. */
  connect(host: string, port: number): Promise<Conversation>
  /** Has the server send from then on, without a word; each call of the result tells how many bytes have come since the last one. */
  listen(protocol: 'tcp' | 'udp', host: string, port: number): Promise<() => Promise<number>>
}

/** @param how `much`: an answer of many packets, whose length in bytes is the result; `reset`: the client ends it by a RST */
export type Conversation = (how?: 'much' | 'reset') => Promise<string>

export interface Asking {
  /** Address of the host's to ask from. */
  readonly localAddress?: string | undefined
  /** Milliseconds until it is given up. */
  readonly patience?: number
}

/** How many questions were answered, how many were not, and why the first was not. */
export interface Load {
  readonly answered: number
  readonly failed: number
  readonly first: string
}

export interface Network extends AsyncDisposable {
  /** Name of the node's namespace, in which the proxy works. */
  readonly namespace: string
  readonly node: Host
  readonly podA: Host
  readonly podB: Host
  readonly other: Host
  readonly client: Host
  /** Runs a command inside a namespace of this network; resolves with what it printed. */
  exec(namespace: string, ...command: string[]): Promise<string>
}

const NAMES = ['lan', 'node', 'poda', 'podb', 'other', 'client'] as const

export async function makeNetwork(prefix: string): Promise<Network> {
  const ns = (name: string) => `pr-${prefix}-${name}`
  const remove = () => Promise.all(NAMES.map((name) => run('ip', ['netns', 'del', ns(name)]).catch(() => {})))
  await remove()
  const stack = new AsyncDisposableStack()
  stack.defer(async () => void (await remove()))
  for (const name of NAMES) await run('ip', ['netns', 'add', ns(name)])
  await batch(ns)
  const host = async (namespace: string, name: string, ports: readonly number[]) =>
    stack.use(await startHost(ns(namespace), name, ports))
  const [node, podA, podB, other, client] = await Promise.all([
    host('node', 'node', [9090]),
    host('poda', 'a', PORTS),
    host('podb', 'b', PORTS),
    host('other', 'c', PORTS),
    host('client', 'client', []),
  ])
  const exec = async (namespace: string, ...command: string[]) =>
    (await run('ip', ['netns', 'exec', ns(namespace), ...command])).stdout
  const move = stack.move()
  return {
    namespace: ns('node'),
    node,
    podA,
    podB,
    other,
    client,
    exec,
    [Symbol.asyncDispose]: () => move.disposeAsync(),
  }
}

async function batch(ns: (name: string) => string): Promise<void> {
  const inside = (name: string, ...commands: string[]) =>
    commands.map((command) => `ip -n ${ns(name)} ${command}`)
  const links = [
    ...inside('lan', 'link add lan type bridge', 'link set lan up'),
    ...inside('node', 'link add kube-bridge type bridge', 'link set kube-bridge up'),
    ...['node', 'other', 'client'].flatMap((name) => [
      `ip -n ${ns('lan')} link add ${name} type veth peer name eth0 netns ${ns(name)}`,
      `ip -n ${ns('lan')} link set ${name} master lan up`,
    ]),
    ...['poda', 'podb'].flatMap((name) => [
      `ip -n ${ns('node')} link add ${name} type veth peer name eth0 netns ${ns(name)}`,
      // As the bridge plugin sets it up: an answer that goes back to the pod it came from passes the same port twice.
      `ip -n ${ns('node')} link set ${name} master kube-bridge up`,
      `ip -n ${ns('node')} link set ${name} type bridge_slave hairpin on`,
    ]),
    ...['node', 'other', 'client', 'poda', 'podb'].flatMap((name) =>
      inside(name, 'link set eth0 up', 'link set lo up'),
    ),
  ]
  const addresses = [
    ...inside('node', ...lan(11), ...address('kube-bridge', '10.244.1.1/24', 'fd10:244:1::1/64')),
    ...inside('other', ...lan(12), ...address('lo', '10.244.2.2/32', 'fd10:244:2::2/128')),
    ...inside('other', ...address('lo', '10.244.2.3/32', 'fd10:244:2::3/128')),
    ...inside('client', ...lan(100)),
    ...inside('poda', ...address('eth0', '10.244.1.2/24', 'fd10:244:1::2/64')),
    ...inside('podb', ...address('eth0', '10.244.1.3/24', 'fd10:244:1::3/64')),
  ]
  const routes = [
    ...['poda', 'podb'].flatMap((name) =>
      inside(name, 'route add default via 10.244.1.1', '-6 route add default via fd10:244:1::1'),
    ),
    ...inside('node', ...via('10.244.2.0/24', 'fd10:244:2::/64', 12)),
    ...inside('other', ...via('10.244.1.0/24', 'fd10:244:1::/64', 11)),
    ...inside('client', ...via('10.244.1.0/24', 'fd10:244:1::/64', 11)),
    ...inside('client', ...via('10.244.2.0/24', 'fd10:244:2::/64', 12)),
    ...inside('client', ...via('10.96.0.0/16', 'fd10:96::/112', 11)),
    ...inside('client', ...via('192.0.2.0/24', 'fd20::/112', 11)),
  ]
  const forwarding = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'].map(
    (setting) => `ip netns exec ${ns('node')} sysctl -qw ${setting}`,
  )
  await run('bash', ['-e', '-c', [...links, ...addresses, ...routes, ...forwarding].join('\n')])
}

function lan(host: number): string[] {
  return address('eth0', `172.31.0.${host}/24`, `fd31::${host}/64`)
}

function address(device: string, v4: string, v6: string): string[] {
  return [`addr add ${v4} dev ${device}`, `addr add ${v6} dev ${device} nodad`]
}

function via(v4: string, v6: string, host: number): string[] {
  return [`route add ${v4} via 172.31.0.${host}`, `-6 route add ${v6} via fd31::${host}`]
}

export async function startHost(namespace: string, name: string, ports: readonly number[]): Promise<Host> {
  const script = new URL('host-process.ts', import.meta.url).pathname
  const child = spawn(
    'ip',
    ['netns', 'exec', namespace, process.execPath, script, name, ...ports.map(String)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const waiting = new Map<number, { resolve(answer: string): void; reject(error: Error): void }>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, answer, error } = JSON.parse(line) as { id: number; answer?: string; error?: string }
    const call = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) call?.resolve(answer ?? '')
    else call?.reject(Object.assign(new Error(`${name}: ${error}`), { code: error }))
  })
  let ended = false
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.once('close', (status) => {
    ended = true
    for (const call of waiting.values()) call.reject(new Error(`${name} ended with status ${status}`))
  })
  let last = 0
  const ask = (command: object) =>
    new Promise<string>((resolve, reject) => {
      if (ended) return reject(new Error(`${name} has ended`))
      waiting.set(++last, { resolve, reject })
      child.stdin.write(`${JSON.stringify({ id: last, ...command })}\n`)
    })
  const host: Host = {
    name,
    namespace,
    tcp: (address, port, localPort, more) =>
      ask({ protocol: 'tcp', host: address, port, localPort, ...more }),
    udp: (address, port, localPort) => ask({ protocol: 'udp', host: address, port, localPort }),
    load: async (address, port, milliseconds) =>
      JSON.parse(await ask({ protocol: 'load', host: address, port, milliseconds })) as Load,
    sctp: (address, port) => ask({ protocol: 'sctp', host: address, port }),
    serveSctp: (port) => ask({ protocol: 'serve-sctp', port }),
    async connect(address, port) {
      const connection = Number(await ask({ protocol: 'open', host: address, port }))
      return (how) => ask({ protocol: 'say', connection, how })
    },
    async listen(protocol, address, port) {
      const command = protocol === 'tcp' ? 'listen' : 'listen-udp'
      const connection = Number(await ask({ protocol: command, host: address, port }))
      return async () => Number(await ask({ protocol: 'heard', connection }))
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
    },
  }
  // Ready as soon as it answers anything.
  await host.tcp('127.0.0.1', ports[0] ?? 1).catch(() => {})
  return host
}
