/** The agent's HTTP servers in namespaces of their own: both families, one of them, none of IPv6; and under attack. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

const SERVERS = join(import.meta.dirname, 'http-servers.ts')
const FLOOD = join(import.meta.dirname, '../support/http-flood.ts')
const NETNS = `pr-http-${process.pid}`
const NODE_PORT = 31_000
const PORTS = [20244, 20245, 10256, NODE_PORT, NODE_PORT + 1]
const V4 = '192.0.2.1'
const V6 = '2001:db8::1'
/** Of each of three kinds, to each server. */
const ATTACKERS = 150
/** All limits of the servers, and what Node.js has open itself. */
const MOST_DESCRIPTORS = 4 * 32 + 256 + 64
/**
 * That the attack may cost; it costs 36 MiB, and up to 52 where the garbage collector comes late. The program itself is no part of it: its sources alone took 104 MiB when there were two
 * features, and 126 MiB now.
 */
const MOST_COST_KIB = 64 * 1024

/** Makes sockets of IPv6 fail as on a kernel without it (ipv6.disable=1). */
const WITHOUT_IPV6 = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int socket(int domain, int type, int protocol) {
  int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  if (domain == AF_INET6) { errno = EAFNOSUPPORT; return -1; }
  return next(domain, type, protocol);
}
`

describe('HTTP servers of the agent', () => {
  let directory = ''
  const children: ChildProcess[] = []
  const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' })
  const inside = (...command: string[]) => ip('netns', 'exec', NETNS, ...command)
  const socket = () => join(directory, 'admin.sock')

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-http-'))
    ip('netns', 'add', NETNS)
    ip('-n', NETNS, 'link', 'set', 'lo', 'up')
  })
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    ip('netns', 'del', NETNS)
    rmSync(directory, { recursive: true })
  })

  /** Inside the namespace, with 1,024 descriptors at most; resolves when the program says that it is ready. */
  async function start(args: readonly string[], env: Record<string, string>): Promise<ChildProcess> {
    const limited = ['sh', '-c', 'ulimit -n $LIMIT; exec "$@"', 'sh', process.execPath, ...args]
    const child = spawn('ip', ['netns', 'exec', NETNS, ...limited], {
      env: { ...process.env, LIMIT: '1024', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    await Promise.race([
      once(child.stdout!, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${args[0]} ended with ${code}`))),
    ])
    return child
  }

  const startServers = (env: Record<string, string> = {}) =>
    start([SERVERS, socket(), String(NODE_PORT)], env)
  /** As the kubelet asks: a connection of its own, within the probe's time. */
  const status = (address: string, port: number, ...more: string[]) =>
    inside(
      'curl',
      '-gs',
      '-m',
      '3',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      ...more,
      `http://${address}:${port}/livez`,
    )
  const statuses = (address: string) => PORTS.map((port) => status(address, port))
  const ALL_WELL = PORTS.map(() => '200')

  it('answer at the addresses of both families', async () => {
    ip('-n', NETNS, 'addr', 'add', `${V4}/32`, 'dev', 'lo')
    ip('-n', NETNS, 'addr', 'add', `${V6}/128`, 'dev', 'lo', 'nodad')
    await startServers()
    expect(statuses(V4)).to.deep.equal(ALL_WELL)
    expect(statuses(`[${V6}]`)).to.deep.equal(ALL_WELL)
  })

  it('answer on a node of IPv6 alone, also where sockets of IPv6 are its alone by default', async () => {
    ip('-n', NETNS, 'addr', 'del', '127.0.0.1/8', 'dev', 'lo')
    ip('-n', NETNS, 'addr', 'add', `${V6}/128`, 'dev', 'lo', 'nodad')
    inside('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/bindv6only')
    await startServers()
    expect(statuses(`[${V6}]`)).to.deep.equal(ALL_WELL)
  })

  it('answer on a node whose IPv6 is switched off', async () => {
    inside('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6')
    ip('-n', NETNS, 'addr', 'add', `${V4}/32`, 'dev', 'lo')
    await startServers()
    expect(statuses(V4)).to.deep.equal(ALL_WELL)
  })

  it('answer on a kernel without IPv6', async () => {
    const [source, library] = [join(directory, 'without-ipv6.c'), join(directory, 'without-ipv6.so')]
    writeFileSync(source, WITHOUT_IPV6)
    execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source])
    ip('-n', NETNS, 'addr', 'add', `${V4}/32`, 'dev', 'lo')
    await startServers({ LD_PRELOAD: library })
    expect(inside('ss', '-Hlnt6')).to.equal('')
    expect(statuses(V4)).to.deep.equal(ALL_WELL)
  })

  it('answer probes from everywhere while all of them are held by thousands of idle, slow and deaf clients', async () => {
    for (const address of [V4, '192.0.2.2']) ip('-n', NETNS, 'addr', 'add', `${address}/32`, 'dev', 'lo')
    const { pid } = await startServers()
    const targets = [...PORTS.map((port) => `${V4} ${port}`), socket()]
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).length
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
    const before = rss()
    await start([FLOOD, String(ATTACKERS), ...targets], { LIMIT: '8192' })
    for (let i = 0; i < 20; i++) {
      const from = i % 2 === 0 ? ['--interface', '192.0.2.2'] : []
      expect(status(V4, 20244, ...from), `probe ${i}`).to.equal('200')
      expect(descriptors()).to.be.at.most(MOST_DESCRIPTORS)
      expect(rss() - before, `from ${before} KiB`).to.be.at.most(MOST_COST_KIB)
    }
    expect(statuses(V4)).to.deep.equal(ALL_WELL)
    expect(inside('curl', '-s', '-m', '3', '--unix-socket', socket(), 'http://x/livez')).to.equal('ok\n')
  })

  it('close a connection that asks nothing or asks too slowly, and refuse a header that is too long', async () => {
    await startServers()
    expect(status('127.0.0.1', 20244, '-H', `x: ${'a'.repeat(9000)}`)).to.equal('431')
    const ask = (begun: string) =>
      `(exec 3<>/dev/tcp/127.0.0.1/20244; printf '${begun}' >&3; timeout 20 cat <&3 | head -1) & `
    const script = `${ask('')}${ask('GET /livez HTTP/1.1\\r\\nHost: x\\r\\n')}wait`
    const answers = inside('bash', '-c', script).trim().split('\r\n')
    expect(answers.map((line) => line.trim())).to.deep.equal(Array(2).fill('HTTP/1.1 408 Request Timeout'))
  })

  it('close a connection that sends further requests before it is answered', async () => {
    await startServers()
    const script = `exec 3<>/dev/tcp/127.0.0.1/20244; for i in 1 2 3; do printf 'GET /livez HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; done >&3; timeout 3 cat <&3; echo closed $?`
    expect(inside('bash', '-c', script)).to.equal('closed 0\n')
  })
})
