// The kernel of user-mode Linux, built from Debian's source: Debian's own build lacks the nftables families. The source is a newer
// one than the machine's, because older ones have no seccomp mode, and system calls cost nearly twice as much.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'
import { LabError } from '../errors.ts'
import { INIT, packInitramfs } from './initramfs.ts'
import { type Kernel, moduleVersion } from './kernel.ts'
import { COMPILER, PLAIN_OBJECT, precompileHeaders } from './uml-headers.ts'

const SUITE = 'trixie-backports'
/** Depends on the newest source of the suite. */
const METAPACKAGE = 'linux-source'
const CONFIGURATION = join(import.meta.dirname, 'uml.config')
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Of the configuration, what no guest can do without. */
const NEEDED = [
  'HOSTFS',
  'SSL',
  'UML_NET_VECTOR',
  'OVERLAY_FS',
  'SECCOMP_FILTER',
  'CGROUP_BPF',
  'NF_TABLES_INET',
  'NFT_DUP_IPV4',
  'NFT_DUP_IPV6',
  'IP_NF_TARGET_REJECT',
  'IP6_NF_TARGET_REJECT',
  'NETFILTER_XT_TARGET_NFLOG',
  'IP_VS',
]

/** Counted with the configuration in the cache's key: raise it when what is done below changes. */
const RECIPE = '3'

/** From the cache, or downloaded (165 MB) and built: 5 minutes of processor time. */
export async function prepareUmlKernel(onOutput: (text: string) => void = () => {}): Promise<Kernel> {
  const configuration = await readFile(CONFIGURATION)
  const built = await cached('uml', fingerprint([configuration, RECIPE]), (into) => build(into, onOutput), 2)
  const packed = await cached('uml-initramfs', fingerprint([await readFile(INIT)]), (into) =>
    packInitramfs(into),
  )
  return {
    version: await moduleVersion(built.directory),
    root: built.directory,
    image: join(built.directory, 'linux'),
    initramfs: join(packed.directory, 'initramfs'),
  }
}

async function build(into: string, onOutput: (text: string) => void): Promise<void> {
  const work = join(into, 'build')
  await mkdir(work)
  const source = await downloadSource(work)
  const options = ['-C', source, 'ARCH=um', `CC=${COMPILER}`, `-j${availableParallelism()}`]
  // Behind the build of Kubernetes: that ends with one program that links, beside which many can compile.
  const make = (...args: string[]) => run('nice', ['-n', '19', 'make', ...options, ...args], { onOutput })
  await make(`KCONFIG_ALLCONFIG=${CONFIGURATION}`, 'allnoconfig')
  await expectConfiguration(join(source, '.config'))
  await make(PLAIN_OBJECT)
  // Of a version whose headers have other names it builds without them, and takes twice as long.
  await precompileHeaders(source).catch((error: Error) => onOutput(`${error.message}\n`))
  await make('linux', 'modules')
  await make(`INSTALL_MOD_PATH=${into}`, 'INSTALL_MOD_STRIP=1', 'modules_install')
  await run('cp', [join(source, 'linux'), into])
  await run('strip', [join(into, 'linux')])
  await rm(work, { recursive: true })
}

/** Options that a version does not know, or whose dependencies are not chosen, are dropped in silence: most are renamed or implied then. */
async function expectConfiguration(path: string): Promise<void> {
  const lines = new Set((await readFile(path, 'utf8')).split('\n'))
  const dropped = NEEDED.filter((name) => !lines.has(`CONFIG_${name}=y`) && !lines.has(`CONFIG_${name}=m`))
  if (dropped.length > 0) throw new LabError('command-failed', `the kernel lacks ${dropped.join(', ')}`)
}

const OTHER_MACHINES =
  'alpha arc arm arm64 csky hexagon loongarch m68k microblaze mips nios2 openrisc parisc powerpc riscv s390 sh sparc xtensa'
const OTHER_DEVICES =
  'accel clk comedi crypto gpu hwmon iio infiniband input media mfd mmc mtd net/ethernet net/wireless pci phy pinctrl power scsi soc spi staging usb'

/** Of the source, what is not even unpacked: half of its files, which the disk would have to write. make and Kconfig read theirs everywhere. */
const UNUSED = [
  ...['Documentation/*/*', 'sound/*.[ch]'],
  ...OTHER_MACHINES.split(' ').flatMap((name) => [`arch/${name}/*.[chS]`, `arch/${name}/*.dts*`]),
  ...OTHER_DEVICES.split(' ').map((name) => `drivers/${name}/*.[ch]`),
]

/** Returns the folder of the unpacked source. */
async function downloadSource(folder: string): Promise<string> {
  const apt = await aptOf(SUITE, join(folder, 'apt'))
  await run('apt-get', [...apt, 'update', '-q'])
  const text = await run('apt-cache', [...apt, 'depends', METAPACKAGE])
  const name = /Depends: (linux-source-\S+)/.exec(text)?.[1]
  if (name === undefined) throw new LabError('command-failed', `${SUITE} has no ${METAPACKAGE}`)
  await run('apt-get', [...apt, 'download', '-q', name], { cwd: folder })
  const [archive] = (await readdir(folder)).filter((file) => file.endsWith('.deb'))
  await run('dpkg', ['-x', join(folder, archive!), folder])
  const excluded = UNUSED.flatMap((pattern) => ['--exclude', `${name}/${pattern}`])
  await run('tar', ['-xf', join(folder, 'usr', 'src', `${name}.tar.xz`), '-C', folder, ...excluded])
  return join(folder, name)
}

/** Options with which apt knows one suite of the machine's Debian mirror and nothing else, and keeps its files in `folder`. */
async function aptOf(suite: string, folder: string): Promise<string[]> {
  const format = ['--format', '$(ORIGIN) $(CODENAME) $(SITE)', 'Created-By: Packages']
  const known = (await run('apt-get', ['indextargets', ...format])).split('\n').map((line) => line.split(' '))
  const [, , mirror] =
    known.find(([origin, codename]) => origin === 'Debian' && !codename?.includes('-')) ?? []
  if (mirror === undefined) {
    throw new LabError('missing-prerequisite', 'apt knows no mirror of Debian: run apt-get update')
  }
  await mkdir(join(folder, 'lists', 'partial'), { recursive: true })
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true })
  await writeFile(join(folder, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`)
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Sandbox::User': 'root',
  }
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
}
