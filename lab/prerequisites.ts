// What the lab needs on the machine: checks what it cannot install, installs the Debian packages that are missing.

import { accessSync, constants, existsSync } from 'node:fs'
import { chmod, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, run } from './command.ts'
import { LabError } from './errors.ts'
import type { MachineKind } from './node/machine.ts'

/** Debian packages of the lab, with what each is for. */
const LAB_PACKAGES: Readonly<Record<string, string>> = {
  buildah: 'builds the container image from deploy/Dockerfile',
  'busybox-static': 'first steps of a node, and the client pods',
  'ca-certificates': 'downloads',
  containerd: 'container runtime of the nodes',
  cpio: 'packs the initial file system of a node',
  crun: 'starts the containers of the nodes',
  curl: 'client in the scenarios, and in the images of upstream’s tests',
  frr: 'router outside the cluster',
  gcc: 'builds the CNI plugins, the load program of the tests and the kernel of user-mode Linux',
  iproute2: 'network namespaces, bridges and taps of the lab',
  iptables:
    'kube-proxy in ipvs mode in the service benchmark, and the CNI plugins’ iptables backend in its tests',
  ipvsadm: 'peer in the IPVS tests and benchmarks',
  kmod: 'loads kernel modules in the nodes',
  'libc6-dev': 'builds the CNI plugins, the load program of the tests and the kernel of user-mode Linux',
  libnftables1: 'nftables tests and the agent in the nodes',
  make: 'builds the CNI plugins and the kernel of user-mode Linux',
  mmdebstrap: 'base image, where there is no image registry',
  mount: 'mounts in the nodes',
  nftables: 'nftables tests',
  openssl: 'certificates of the lab',
  procps: 'sysctl in the nodes',
  'util-linux': 'setpriv and taskset',
  'xz-utils': 'takes the kernel out of its boot image, or of its source package',
}

/** Beside them, for what the nodes run on. */
const MACHINE_PACKAGES: Readonly<Record<MachineKind, Readonly<Record<string, string>>>> = {
  uml: {
    bc: 'builds the kernel of user-mode Linux',
    bison: 'builds the kernel of user-mode Linux',
    flex: 'builds the kernel of user-mode Linux',
  },
  kvm: { 'qemu-system-x86': 'the nodes' },
  tcg: { 'qemu-system-x86': 'the nodes, emulated' },
}

/** Those that only tests and benchmarks need beside them. */
const TEST_PACKAGES: Readonly<Record<string, string>> = {
  'bind9-dnsutils': 'dig in the images of upstream’s tests',
  bird2: 'BGP peer in the interoperability tests and benchmarks',
  chromium: 'looks at the page of podroute ui',
  'containernetworking-plugins': 'peer in the CNI benchmark',
  'docker-compose': 'the control plane of docs/lab.md',
  'docker.io': 'container engine of docs/lab.md',
  exabgp: 'BGP peer in the interoperability tests, and decodes messages of the BGP speaker',
  fish: 'completes words of podroute',
  'gcc-aarch64-linux-gnu': 'builds the CNI plugins for arm64',
  gobgpd: 'BGP peer in the interoperability tests',
  ipset: 'kube-proxy in ipvs mode in the service benchmark',
  'netcat-openbsd': 'nc in the images of upstream’s tests',
  openbgpd: 'BGP peer in the interoperability tests',
  pmacct: 'BMP collector in the interoperability tests',
  podman: 'container runtime in the tests of the CNI plugins',
  prometheus: 'tries the alert rules, and the queries of the dashboard',
  python3: 'SCTP in the IPVS tests',
  'qemu-user-static': 'runs the CNI plugins of arm64',
  skopeo: 'copies the images of a release to a registry in its test',
  strace: 'system calls in the CNI benchmark',
  tshark: 'decodes messages of the BGP speaker in its tests',
  wget: 'client in the images of upstream’s tests',
  zsh: 'completes words of podroute',
}

/** Tests run machines of every kind. */
const ALL = { ...LAB_PACKAGES, ...MACHINE_PACKAGES.uml, ...MACHINE_PACKAGES.tcg, ...TEST_PACKAGES }

/** What the lab itself wants where its nodes are of this kind. */
export function labPackages(kind: MachineKind): string[] {
  return Object.keys({ ...LAB_PACKAGES, ...MACHINE_PACKAGES[kind] })
}

/** Where Go's own archive is unpacked to; a shell without a login does not have it in its PATH. */
const GO = '/usr/local/go/bin'

const POLICY = '/usr/sbin/policy-rc.d'

/** Throws one line that says what to install or change. */
export async function checkMachine(): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new LabError('missing-prerequisite', 'the lab runs on Linux on x86-64')
  }
  if (process.getuid?.() !== 0) {
    throw new LabError(
      'missing-prerequisite',
      'the lab makes network namespaces and virtual machines: run it as root',
    )
  }
  if (!existsSync('/usr/bin/apt-get')) {
    throw new LabError(
      'missing-prerequisite',
      'the lab installs what it needs by apt-get: run it on Debian 12 or newer',
    )
  }
  if (existsSync(join(GO, 'go'))) process.env.PATH = `${process.env.PATH}:${GO}`
  const go = await attempt('go', ['env', 'GOVERSION']).catch(() => undefined)
  const version = /^go1\.(\d+)/.exec(go?.stdout ?? '')
  if (version === null || Number(version[1]) < 25) {
    const found = version === null ? 'none found' : `found ${go?.stdout.trim()}`
    throw new LabError(
      'missing-prerequisite',
      `the lab builds Kubernetes: install Go 1.25 or newer (${found})`,
    )
  }
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
  } catch {
    throw new LabError('missing-prerequisite', 'the nodes need /dev/net/tun: load the kernel module tun')
  }
}

/** Those of `names` that are not installed. */
export async function missingPackages(names: readonly string[]): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = '${Package} ${db:Status-Status}\\n'
  const { stdout } = await attempt('dpkg-query', ['-W', '-f', format, ...names])
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  return names.filter((name) => !installed.has(name))
}

/** Installs the packages that are missing, without letting any of them start a daemon; returns their names. */
export async function installPackages(
  names: readonly string[] = Object.keys(ALL),
  onOutput: (text: string) => void = () => {},
): Promise<string[]> {
  const missing = await missingPackages(names)
  if (missing.length === 0) return []
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }, onOutput }
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...missing]
  await withoutDaemons(async () => {
    const known = await attempt('apt-get', ['install', '-s', '--no-install-recommends', ...missing])
    if (known.code !== 0) await run('apt-get', ['update', '-q'], options)
    const first = await attempt('apt-get', install, options)
    if (first.code === 0) return
    // The lists name versions that the mirror has dropped: fetch newer lists once.
    await run('apt-get', ['update', '-q'], options)
    await run('apt-get', install, options)
  })
  return missing
}

/** Debian asks policy-rc.d before a package's scripts start a service; 101 forbids it. */
async function withoutDaemons(work: () => Promise<void>): Promise<void> {
  const saved = existsSync(POLICY) ? `${POLICY}.before-podroute` : undefined
  if (saved !== undefined) await rename(POLICY, saved)
  try {
    await writeFile(POLICY, '#!/bin/sh\nexit 101\n')
    await chmod(POLICY, 0o755)
    await work()
  } finally {
    await rm(POLICY, { force: true })
    if (saved !== undefined) await rename(saved, POLICY)
  }
}
